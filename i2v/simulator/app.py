"""The simulated A2E as one application: nothing is shared between two of them."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from i2v.simulator.account import Account
from i2v.simulator.answers import html_error, refusal
from i2v.simulator.api import VideoApi, authorized
from i2v.simulator.controls import Controls
from i2v.simulator.credits import Credits
from i2v.simulator.ledger import Ledger
from i2v.simulator.renderer import Render, Renderer
from i2v.simulator.results import ResultLinks
from i2v.simulator.settings import SimulatorSettings
from i2v.simulator.video import render_video
from i2v.simulator.webhooks import Webhooks

LARGEST_BODY = 1024 * 1024
"""Bytes of a request; the longest prompts are far shorter."""


def create_app(
    settings: SimulatorSettings,
    *,
    now: Callable[[], float] = time.time,
    render: Render = render_video,
    notifier: Callable[[Account], Webhooks] = Webhooks,
) -> Starlette:
    """One account of a simulated A2E.

    `now` gives seconds since 1970 and determines every life cycle; `render` makes the videos, and
    `notifier` what calls at a task's end.
    Their folder and the rendering exist from startup to shutdown, so the server must run the
    lifespan.
    """
    account = Account(settings, now, Ledger(settings.coins, now()))
    renderer = Renderer(account.store, render, now)
    webhooks = notifier(account)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with renderer, webhooks:
            yield

    return Starlette(
        routes=[
            *VideoApi(account, renderer, webhooks).routes(),
            *Credits(account).routes(),
            *ResultLinks(account).routes(),
            *Controls(account).routes(),
        ],
        middleware=[Middleware(BearerOnly, token=settings.token)],
        exception_handlers={HTTPException: _page},
        lifespan=lifespan,
        max_body_size=LARGEST_BODY,
    )


class BearerOnly:
    """Requires the token for every path below `/api`, known or not."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, or answer HTTP 401 with code 401."""
        guarded = scope["type"] == "http" and scope["path"].startswith("/api/")
        if guarded and not authorized(Request(scope), self._token):
            await refusal(401, "Unauthorized: invalid token")(scope, receive, send)
        else:
            await self._app(scope, receive, send)


async def _page(_: Request, error: Exception) -> Response:
    # The service answers unknown paths with an HTML page, as one client reports.
    return html_error(error.status_code if isinstance(error, HTTPException) else 500)
