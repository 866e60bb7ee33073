"""What the tests of the simulated A2E talk to it with, and the web server its pictures are on."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from tests.support.patience import until

FAMILY = "/api/v1/userImage2Video"
NOON = 1_800_000_000.0


class Clock:
    """Seconds since 1970 that pass when the test says so."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> float:
        return self.time

    def skip(self, seconds: float) -> None:
        self.time += seconds


async def render_at_once(picture: bytes, seconds: int, target: Path) -> None:
    """Stands in for ffmpeg where the video itself is not the point."""
    target.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 100)


@dataclass
class Simulation:
    """One running simulator as a client with its account's token sees it."""

    client: httpx.Client
    clock: Clock
    picture_url: str

    def body(self, **changes: Any) -> dict[str, Any]:
        """A start call that is accepted."""
        usual = {
            "name": "job-1",
            "image_url": self.picture_url,
            "prompt": "smile",
            "negative_prompt": "blur",
            "model_version": "a2e",
            "video_time": 5,
        }
        return usual | changes

    def post_start(self, **changes: Any) -> httpx.Response:
        return self.client.post(f"{FAMILY}/start", json=self.body(**changes))

    def start(self, **changes: Any) -> dict[str, Any]:
        data = self.post_start(**changes).json()["data"]
        assert isinstance(data, dict)
        return data

    def detail(self, task_id: str) -> httpx.Response:
        return self.client.get(f"{FAMILY}/{task_id}")

    def record(self, task_id: str) -> dict[str, Any]:
        data = self.detail(task_id).json()["data"]
        assert isinstance(data, dict)
        return data

    def status(self, task_id: str) -> str:
        return str(self.record(task_id)["current_status"])

    def all_records(self, **query: int) -> httpx.Response:
        return self.client.get(f"{FAMILY}/allRecords", params=query)

    def rows(self, **query: int) -> list[dict[str, Any]]:
        rows = self.all_records(**query).json()["data"]["rows"]
        assert isinstance(rows, list)
        return rows

    def batch(self, *ids: str) -> httpx.Response:
        return self.client.post(f"{FAMILY}/batchDetail", json={"ids": list(ids)})

    def delete(self, task_id: str) -> httpx.Response:
        return self.client.delete(f"{FAMILY}/{task_id}")

    def ledger(self) -> list[dict[str, Any]]:
        entries = self.client.get("/_simulator/ledger").json()
        assert isinstance(entries, list)
        return entries

    def coins(self) -> int:
        return int(self.client.get("/api/v1/user/remainingCoins").json()["data"]["coins"])

    def fault(self, on: str, kind: str, **more: Any) -> None:
        answer = self.client.post("/_simulator/faults", json=[{"on": on, "kind": kind, **more}])
        assert answer.status_code == 200, answer.text

    def ended(self, task_id: str) -> dict[str, Any]:
        """The record once its time has passed and the work behind it is done."""
        self.clock.skip(60)

        def record() -> dict[str, Any] | None:
            shown = self.record(task_id)
            return shown if shown["current_status"] in {"completed", "failed"} else None

        return until(record, pause=0.02) or {}

    def completed(self, **changes: Any) -> dict[str, Any]:
        record = self.ended(self.start(**changes)["_id"])
        assert record["current_status"] == "completed", record["failed_message"]
        return record


type Simulate = Callable[..., Simulation]
"""Starts a simulator: keyword arguments are settings, and `render`."""


class Pictures:
    """A plain web server for pictures; it notes the headers it was asked with."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"sunset.png": encoded(Image.new("RGB", (64, 64), "#f80"))}
        self.redirects: dict[str, str] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{name}"

    def add(self, name: str, content: bytes) -> str:
        self.files[name] = content
        return self.url(name)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        pictures = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.removeprefix("/").partition("?")[0]
                pictures.asked.append((name, {k.lower(): v for k, v in self.headers.items()}))
                content = pictures.files.get(name)
                if target := pictures.redirects.get(name):
                    self.send_response(302)
                    self.send_header("location", pictures.url(target))
                    content = b""
                else:
                    self.send_response(200 if content is not None else 404)
                self.send_header("content-length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        return Handler


def encoded(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()
