"""Answers in A2E's envelope, and the ways an answer can be corrupted or lost."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from http import HTTPStatus
from uuid import uuid4

from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.responses import StreamingResponse as Stream
from starlette.types import Receive, Scope, Send

from i2v.simulator.faults import Fault, Kind

DROP_CONNECTION = "drop_connection"
"""The key in a request's state of the function that ends its connection."""

POLICY_TEXT = "The image or prompt was refused: it violates our content policy (nsfw)."
"""The message of moderation; the real wording is not known."""

_FREE_PLAN_TEXT = "API access is not available for free users, please upgrade to Pro or Max."
_SLOW_PIECES = 10


def envelope(code: int, data: object, **texts: str) -> dict[str, object]:
    """The members of every answer of A2E, by its public documentation."""
    return {"code": code, "data": data, "trace_id": uuid4().hex, **texts}


def success(data: object) -> Response:
    """HTTP 200 and code 0."""
    return JSONResponse(envelope(0, data))


def refusal(status: int, text: str, *, code: int | None = None) -> Response:
    """A refusal; its code repeats the HTTP status, as in every refusal that was observed."""
    return JSONResponse(envelope(code or status, None, msg=text), status_code=status)


def no_coins() -> Response:
    """An account without coins; status and code are not documented, so the least helpful ones."""
    return JSONResponse(envelope(7001, None, message="Insufficient coins, please recharge."))


def html_error(status: int) -> Response:
    """An HTML page of a gateway or an unknown path, where clients expect JSON."""
    title = f"{status} {HTTPStatus(status).phrase}"
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return HTMLResponse(page, status_code=status)


async def drop_connection(scope: Scope, *, reset: bool) -> None:
    """End the connection of the request, by a TCP reset or after what was sent so far."""
    drop = scope.get("state", {}).get(DROP_CONNECTION)
    if drop is None:
        raise ConnectionResetError("the server of this application cannot drop a connection")
    drop(reset=reset)
    await asyncio.sleep(0)


class ResetResponse(Response):
    """No answer: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reset the connection instead of answering."""
        del receive, send
        await drop_connection(scope, reset=True)


class StalledResponse(Response):
    """No answer: the connection is open for so many seconds, then it is reset."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait until the client disconnects or the time is over."""
        del send
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                while (await receive())["type"] != "http.disconnect":
                    pass
        await drop_connection(scope, reset=True)


class TruncatedResponse(Response):
    """The whole Content-Length and half of the body, then the connection is closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the half and close the connection."""
        del receive
        body = bytes(self.body)
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        half = {"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True}
        await send(half)
        await drop_connection(scope, reset=False)


def trickled(answer: Response, seconds: float) -> Response:
    """The same answer, spread over so many seconds."""
    body = bytes(answer.body)
    size = max(1, -(-len(body) // _SLOW_PIECES))

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            await asyncio.sleep(seconds / _SLOW_PIECES)
            yield body[start : start + size]

    slow = Stream(pieces(), status_code=answer.status_code)
    slow.raw_headers = list(answer.raw_headers)
    return slow


def refused_by(fault: Fault | None) -> Response | None:  # noqa: PLR0911 - one return per kind
    """The answer of a fault that keeps a call from being accepted; None for any other."""
    if fault is None:
        return None
    match fault.kind:
        case Kind.RESET_BEFORE:
            return ResetResponse()
        case Kind.HTTP_500:
            text = "Internal Server Error"
            return JSONResponse(envelope(500, None, error=text), status_code=500)
        case Kind.HTTP_502_HTML:
            return html_error(502)
        case Kind.HTTP_429:
            answer = refusal(429, "Too many requests")
            answer.headers["retry-after"] = f"{fault.duration:.0f}"
            return answer
        case Kind.HTTP_401:
            return refusal(401, "Unauthorized")
        case Kind.FREE_PLAN_403:
            return refusal(403, fault.text or _FREE_PLAN_TEXT)
        case Kind.NO_COINS:
            return no_coins()
        case Kind.CODE_NONZERO:
            return JSONResponse(envelope(7999, None, err_message=fault.text or "Operation failed"))
        case Kind.NOT_JSON:
            return PlainTextResponse("upstream is warming up")
        case Kind.HTTP_400:
            return refusal(400, fault.text or "Invalid parameters")
        case _:
            return None


def accepted(data: object, fault: Fault | None) -> Response:  # noqa: PLR0911 - one return per kind
    """The answer of a call that was accepted, with the fault applied."""
    if fault is None:
        return success(data)
    match fault.kind:
        case Kind.RESET_AFTER:
            return ResetResponse()
        case Kind.TIMEOUT_AFTER:
            return StalledResponse(fault.duration)
        case Kind.SLOW:
            return trickled(success(data), fault.duration)
        case Kind.HTTP_500_AFTER:
            return JSONResponse(envelope(500, None, error="Internal Server Error"), status_code=500)
        case Kind.HTTP_502_HTML_AFTER:
            return html_error(502)
        case Kind.NOT_JSON_AFTER:
            return PlainTextResponse("upstream is warming up")
        case Kind.NULL_DATA:
            return success(None)
        case Kind.LIST_DATA:
            return success(data if isinstance(data, list) else [data])
        case Kind.OBJECT_DATA if isinstance(data, list):
            return success(data[0])
        case Kind.NO_ID if isinstance(data, dict):
            return success({name: value for name, value in data.items() if name != "_id"})
        case _:
            return success(data)
