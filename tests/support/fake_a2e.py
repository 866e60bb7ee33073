"""A scripted A2E behind `httpx.MockTransport`, and what every test of its client needs."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx
from image_to_video.adapters.a2e_client import A2E
from image_to_video.domain.generator import StartRequest
from image_to_video.domain.task import ModelVersion

TOKEN: Final = "sk_eyJhbGciOi.J9-top_secret"
ID: Final = "66f0c1a2b3c4d5e6f7a8b9c0"
REQUEST: Final = StartRequest(
    name="0123456789abcdef-1",
    image_url="https://images.example/cat.png",
    prompt="the cat yawns",
    negative_prompt="blurry",
    video_time=5,
    model_version=ModelVersion.A2E,
)

type Reply = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class FakeA2E:
    """Answers each kind of call with the replies written down for it; the last one stays.

    Kinds: `start`, `detail`, `batch`, `list`, `delete`. What was asked is kept.
    """

    def __init__(self, **replies: Reply | list[Reply]) -> None:
        self.requests: list[httpx.Request] = []
        self._replies = {
            kind: list(reply) if isinstance(reply, list) else [reply]
            for kind, reply in replies.items()
        }
        http = httpx.Client(
            base_url="https://a2e.example", transport=httpx.MockTransport(self._answer)
        )
        self.client = A2E(http, lambda: TOKEN, start_timeout_seconds=20)

    def kinds(self) -> list[str]:
        """The kinds of calls that came, in their order."""
        return [_kind(request) for request in self.requests]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        replies = self._replies[_kind(request)]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, httpx.Response):
            return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)
        return reply(request)


def _kind(request: httpx.Request) -> str:
    prefix, _, last = request.url.path.rpartition("/")
    assert prefix == "/api/v1/userImage2Video"
    named = {"start": "start", "batchDetail": "batch", "allRecords": "list"}
    return named.get(last) or {"GET": "detail", "DELETE": "delete"}[request.method]


def accepted(data: Any, **envelope: Any) -> httpx.Response:
    """A successful answer."""
    return httpx.Response(200, json={"code": 0, "data": data, "trace_id": "t-1"} | envelope)


def record(**fields: Any) -> dict[str, Any]:
    """A task record as A2E shows it."""
    return {"_id": ID, "name": REQUEST.name, "current_status": "processing"} | fields


def pages(records: list[Any]) -> Callable[[httpx.Request], httpx.Response]:
    """`allRecords` over these records, cut into pages as the caller asks."""

    def answer(request: httpx.Request) -> httpx.Response:
        size = int(request.url.params["pageSize"])
        begin = (int(request.url.params["pageNum"]) - 1) * size
        return accepted({"rows": records[begin : begin + size], "total": len(records)})

    return answer


def texts_of(error: BaseException) -> Iterator[str]:
    """Everything that an error and its causes say of themselves."""
    seen: BaseException | None = error
    while seen is not None:
        yield from (str(seen), repr(seen), str(getattr(seen, "refusal", "")))
        seen = seen.__cause__
