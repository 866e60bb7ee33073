"""The result links: anyone with the signed link can download the video until it expires."""

import gzip
import hmac
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from i2v.simulator.account import Account
from i2v.simulator.answers import (
    StalledResponse,
    TruncatedResponse,
    html_error,
    refused_by,
    trickled,
)
from i2v.simulator.damage import crafted_video, without_lengths
from i2v.simulator.faults import Call, Fault, Kind
from i2v.simulator.tasks import Clip, SimulatedTask, Status, expired, status_at


class ResultLinks:
    """Serves the videos of one account without a bearer token, whole or in ranges."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def download(self, request: Request) -> Response:
        """The MP4; HTTP 404 for no such video, 403 for a wrong signature or an expired link."""
        task = self._account.store.find(str(request.path_params["task_id"]))
        if task is None or not isinstance(task.outcome, Clip):
            return html_error(404)
        fault = self._account.faults.take(Call.DOWNLOAD, [task.id, task.request.name])
        if refused := refused_by(fault) or self._not_served(task, request):
            return refused
        return _served(task.outcome.path, fault)

    def _not_served(self, task: SimulatedTask, request: Request) -> Response | None:
        settings, now = self._account.settings, self._account.now()
        if status_at(task, settings, now) is not Status.COMPLETED:
            return html_error(404)
        signature = request.query_params.get("Signature", "")
        if not hmac.compare_digest(signature.encode(), task.link_key.encode()):
            return html_error(403)
        return html_error(403) if expired(task, settings, now) else None

    def routes(self) -> list[Route]:
        """The route of a video."""
        return [Route("/results/{task_id}.mp4", self.download, methods=["GET"])]


def _served(path: Path, fault: Fault | None) -> Response:  # noqa: PLR0911 - one return per kind
    match fault.kind if fault else None:
        case Kind.LINK_EXPIRED:
            return html_error(403)
        case Kind.WRONG_CONTENT:
            return HTMLResponse("<html><body>Your download will begin shortly.</body></html>")
        case Kind.TRUNCATED:
            return TruncatedResponse(path.read_bytes(), media_type="video/mp4")
        case Kind.CUT_WITHOUT_LENGTH:
            return StreamingResponse(iter([_half(path)]), media_type="video/mp4")
        case Kind.CUT_WITH_LENGTH:
            return Response(_half(path), media_type="video/mp4")
        case Kind.CRAFTED:
            return Response(crafted_video(), media_type="video/mp4")
        case Kind.WITHOUT_DURATIONS:
            return Response(without_lengths(path.read_bytes()), media_type="video/mp4")
        case Kind.MISLABELED:
            packed = gzip.compress(path.read_bytes(), 1)
            return Response(packed, 206, {"content-encoding": "br"}, "text/html")
        case Kind.SLOW if fault:
            whole = Response(path.read_bytes(), media_type="video/mp4")
            return trickled(whole, fault.duration)
        case Kind.TIMEOUT_AFTER if fault:
            return StalledResponse(fault.duration)
        case _:
            return FileResponse(path, media_type="video/mp4")


def _half(path: Path) -> bytes:
    content = path.read_bytes()
    return content[: len(content) // 2]
