"""What the handlers need beside a deployed stack: sample events, a context, an outside world."""

import functools
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import botocore.session
import httpx
import imageio_ffmpeg
import pytest
from botocore.loaders import create_loader
from image_to_video import wiring
from image_to_video.adapters.safe_download import GuardedTransport

from tests.conftest import ACCOUNT, PROJECT, REGION, Application, Clock, ScriptedGenerator
from tests.support.catalogue import assert_promised
from tests.support.patience import PATIENCE


def sample(case: str) -> dict[str, Any]:
    """The sample event `<function>/<case>`, a fresh one for each call."""
    event: dict[str, Any] = json.loads((PROJECT / "events" / f"{case}.json").read_text("utf-8"))
    return event


@dataclass(frozen=True)
class Context:
    """As much of Lambda's context as handlers and Powertools read."""

    function_name: str = "function-under-test"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:function-under-test"
    aws_request_id: str = "8f507cfc-6c2e-4f6b-9b0e-2f3a4b5c6d7e"


def invoke(handler: Callable[[Any, Any], Any], event: dict[str, Any]) -> Any:
    """What Lambda makes of the handler's answer: JSON, or an error."""
    return json.loads(json.dumps(handler(event, Context())))


@dataclass(frozen=True)
class Messages:
    """What a subscriber of the topic has heard since it was last asked."""

    application: Application

    def read(self) -> list[dict[str, Any]]:
        """The events, each as the catalogue promises, its message attributes as `attributes`."""
        queue, events = self.application.client("sqs"), []
        while found := queue.receive_message(
            QueueUrl=self.application.queue_url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
        ).get("Messages"):
            for message in found:
                attributes = {
                    name: attribute["StringValue"]
                    for name, attribute in message["MessageAttributes"].items()
                }
                event = json.loads(message["Body"])
                assert_promised(event, attributes)
                events.append(event | {"attributes": attributes})
                queue.delete_message(
                    QueueUrl=self.application.queue_url, ReceiptHandle=message["ReceiptHandle"]
                )
        return events


@dataclass
class ResultHost:
    """Where result links lead: answers what the test wrote down, in that order; the last stays."""

    answers: list[tuple[int, bytes]]
    asked: list[str] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        status, content = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        headers = {"Content-Type": "video/mp4", "Content-Length": str(len(content))}
        return httpx.Response(status, stream=httpx.ByteStream(content), headers=headers)


@pytest.fixture(scope="session", autouse=True)
def _service_models_are_read_once() -> Iterator[None]:
    """Every stack in moto begins with fresh sessions; what they read from disk stays the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(create_loader))
        yield


@pytest.fixture
def told(
    environment: dict[str, str],
    clock: Clock,
    generator: ScriptedGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A function with its settings, and nothing behind it: whoever calls AWS fails the test."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(wiring, "now", clock)
    monkeypatch.setattr(wiring, "_generator", lambda config: generator)


@pytest.fixture
def deployed(told: None, application: Application) -> Application:
    """The stack in moto; its functions tell the time by `clock` and start at `generator`."""
    return application


@pytest.fixture
def messages(deployed: Application) -> Messages:
    return Messages(deployed)


@pytest.fixture
def results(
    deployed: Application, video: bytes, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ResultHost]:
    """The host of the finished videos, behind the real guard of downloads."""
    host = ResultHost([(200, video)])
    clients = []

    def guarded_client(*, permit_loopback: bool) -> httpx.Client:
        transport = GuardedTransport(
            httpx.MockTransport(host.answer),
            permit_loopback=permit_loopback,
            resolve=lambda name, port: [ip_address("93.184.216.34")],
        )
        clients.append(httpx.Client(transport=transport))
        return clients[-1]

    monkeypatch.setattr(wiring, "guarded_client", guarded_client)
    yield host
    for client in clients:
        client.close()


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A real MP4 of one second, 320 by 180."""
    path: Path = tmp_path_factory.mktemp("video") / "video.mp4"
    source = "testsrc2=size=320x180:rate=24:duration=1,noise=alls=20:allf=t,format=yuv420p"
    subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-f", "lavfi"),
            *("-i", source, "-c:v", "libx264", "-preset", "ultrafast", str(path)),
        ],
        check=True,
        timeout=PATIENCE,
    )
    return path.read_bytes()


TASK_ID: str = sample("poll_task/step")["task_id"]


def stored_task(application: Application) -> dict[str, Any]:
    """The record of the sample task."""
    reply = application.table("TASKS_TABLE").get_item(Key={"task_id": TASK_ID})
    record: dict[str, Any] = reply["Item"]
    return record


def put_task(application: Application, case: str) -> None:
    """Store the sample task as it is after the change that the stream's sample tells of."""
    image = sample(f"publish_events/{case}")["Records"][0]["dynamodb"]["NewImage"]
    table = application.environment["TASKS_TABLE"]
    application.client("dynamodb").put_item(TableName=table, Item=image)
