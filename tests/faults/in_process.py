"""An ASGI application as a synchronous transport, in this process and this thread."""

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

import httpx


class InProcess(httpx.BaseTransport):
    """An ASGI application as a synchronous transport, on an event loop of its own.

    Its selector keeps nothing in the kernel, so that a fork copies the loop whole.
    """

    def __init__(self) -> None:
        self._loop = asyncio.SelectorEventLoop(selectors.PollSelector())
        self._stop: Callable[[], Any] | None = None
        self._asgi: httpx.ASGITransport | None = None

    def serve(self, app: Any) -> None:
        """Serve this application, and no longer the one before."""
        self._end()
        lifespan = app.router.lifespan_context(app)
        self._loop.run_until_complete(lifespan.__aenter__())
        self._stop = lambda: self._loop.run_until_complete(lifespan.__aexit__(None, None, None))
        self._asgi = httpx.ASGITransport(app=app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert self._asgi is not None
        return self._loop.run_until_complete(self._answer(self._asgi, request))

    async def _answer(self, asgi: httpx.ASGITransport, request: httpx.Request) -> httpx.Response:
        try:
            answer = await asgi.handle_async_request(request)
        except ConnectionResetError as error:
            raise httpx.ReadError(str(error), request=request) from error
        content = b"".join([piece async for piece in answer.aiter_raw()])
        for _ in range(5):
            await asyncio.sleep(0)
        return httpx.Response(answer.status_code, headers=answer.headers, content=iter([content]))

    def _end(self) -> None:
        if self._stop is not None:
            self._stop()
            self._stop = None

    def close(self) -> None:
        self._end()
        self._loop.close()
