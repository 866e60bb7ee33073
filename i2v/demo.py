"""The demo: one picture through both entry points, to two videos and their events."""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
from image_to_video.domain.statuses import TaskStatus
from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel, Field

from i2v.emulator import PATIENCE_SECONDS, Emulator
from i2v.errors import CommandError
from i2v.stack import LocalStack

_MEDIA_TYPES: Final = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_FINAL: Final = {status.value for status in TaskStatus if status.is_final}


class Outcome(BaseModel):
    """How the task of one entry point ended."""

    entry_point: str = Field(serialization_alias="door")
    """`rest` or `upload`. In JSON the member keeps its first name, which callers read."""
    task_id: str
    status: str
    video_file: str | None = None
    sha256: str | None = None


class ReceivedEvent(BaseModel):
    """One event that the subscriber received."""

    id: str
    type: str
    subject: str


class Report(BaseModel):
    """What `i2v demo --json` prints last."""

    tasks: list[Outcome]
    events: list[ReceivedEvent]
    seconds: float


def media_type_of(path: Path) -> str:
    """The media type of a picture that A2E accepts. Raises `CommandError` for any other file."""
    try:
        with Image.open(path) as image:
            image.verify()
            kind = image.format
    except FileNotFoundError as error:
        raise CommandError(f"There is no picture at {path}; name an existing file.") from error
    except IsADirectoryError as error:
        raise CommandError(f"{path} is a folder; name a picture in it.") from error
    except PermissionError as error:
        raise CommandError(f"{path} may not be read; give yourself the permission.") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise CommandError(f"{path} is not a picture; use a JPEG, PNG or WebP file.") from error
    if kind not in _MEDIA_TYPES:
        raise CommandError(f"{path} is a {kind} file; use a JPEG, PNG or WebP picture.")
    return _MEDIA_TYPES[kind]


class Demo:
    """One run against a local stack.

    `on_status` is called with the entry point and the status whenever the status of a task changes.
    """

    def __init__(
        self, stack: LocalStack, emulator: Emulator, *, on_status: Callable[[str, str], None]
    ) -> None:
        self._stack = stack
        self._s3 = emulator.client("s3")
        self._sqs = emulator.client("sqs")
        self._api = httpx.Client(
            base_url=stack.api_url,
            headers={"Authorization": f"Bearer {stack.token}"},
            timeout=PATIENCE_SECONDS,
            trust_env=False,
        )
        self._on_status = on_status

    def run(self, image: Path, prompt: str, out: Path) -> Report:
        """Send the picture through both entry points and wait until both tasks have ended."""
        with self._api:
            return self._run(image, prompt, out)

    def _run(self, image: Path, prompt: str, out: Path) -> Report:
        began = time.monotonic()
        media_type = media_type_of(image)
        task_ids = {
            "rest": self._create_by_rest(image, media_type, prompt),
            "upload": self._create_by_upload(image, media_type, prompt),
        }
        tasks = self._wait_for(task_ids)
        outcomes = [self._fetch(name, task, out) for name, task in tasks.items()]
        events = self._events({str(task["task_id"]) for task in tasks.values()})
        return Report(tasks=outcomes, events=events, seconds=round(time.monotonic() - began, 1))

    def _create_by_rest(self, image: Path, media_type: str, prompt: str) -> str:
        # Any public address is accepted; here the image bucket provides one.
        bucket, key = self._stack.images_bucket, f"lent/{image.name}"
        self._s3.put_object(Bucket=bucket, Key=key, Body=image.read_bytes(), ContentType=media_type)
        image_url = self._s3.generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": key}
        )
        answer = self._api.post("/tasks", json={"image_url": image_url, "prompt": prompt})
        if answer.status_code != 202:
            raise CommandError(f"POST /tasks answered {answer.status_code}: {answer.text}")
        return str(answer.json()["task_id"])

    def _create_by_upload(self, image: Path, media_type: str, prompt: str) -> str:
        key = f"uploads/{self._stack.owner}/{image.name}"
        self._s3.put_object(
            Bucket=self._stack.images_bucket,
            Key=key,
            Body=image.read_bytes(),
            ContentType=media_type,
            Metadata={"prompt": prompt},
        )
        image_url = f"s3://{self._stack.images_bucket}/{key}"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for task in self._get("/tasks")["data"]:
                if task["image_url"] == image_url:
                    return str(task["task_id"])
            time.sleep(0.2)
        raise CommandError("The uploaded picture did not become a task.")

    def _wait_for(self, task_ids: dict[str, str]) -> dict[str, dict[str, Any]]:
        shown: dict[str, str] = {}
        tasks: dict[str, dict[str, Any]] = {}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for entry_point, task_id in task_ids.items():
                tasks[entry_point] = self._get(f"/tasks/{task_id}")
                status = str(tasks[entry_point]["status"])
                if shown.get(entry_point) != status:
                    shown[entry_point] = status
                    self._on_status(entry_point, status)
            if all(TaskStatus(status).is_final for status in shown.values()):
                return tasks
            time.sleep(0.3)
        raise CommandError(f"The tasks did not end within {PATIENCE_SECONDS} seconds: {shown}")

    def _fetch(self, entry_point: str, task: dict[str, Any], out: Path) -> Outcome:
        outcome = Outcome(entry_point=entry_point, task_id=task["task_id"], status=task["status"])
        if task["status"] != "succeeded":
            return outcome
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{entry_point}-{task['task_id']}.mp4"
        answer = self._api.get(f"/tasks/{task['task_id']}/video", follow_redirects=True)
        if answer.status_code != 200:
            raise CommandError(
                f"The video could not be fetched: {answer.status_code} {answer.text}"
            )
        path.write_bytes(answer.content)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        if sha256 != task["video"]["sha256"]:
            raise CommandError(f"{path} is not the video that the task records.")
        return outcome.model_copy(update={"video_file": str(path), "sha256": sha256})

    def _events(self, subjects: set[str]) -> list[ReceivedEvent]:
        """Read the queue until the last event of every task is received; without duplicates."""
        received: dict[str, ReceivedEvent] = {}
        missing = set(subjects)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while missing and time.monotonic() < deadline:
            reply = self._sqs.receive_message(
                QueueUrl=self._stack.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1
            )
            for message in reply.get("Messages", []):
                event = ReceivedEvent.model_validate(json.loads(message["Body"]))
                if event.subject in subjects:
                    received.setdefault(event.id, event)
                if event.type.rpartition(".")[2] in _FINAL:
                    missing.discard(event.subject)
                self._sqs.delete_message(
                    QueueUrl=self._stack.queue_url, ReceiptHandle=message["ReceiptHandle"]
                )
        return list(received.values())

    def _get(self, path: str) -> dict[str, Any]:
        answer = self._api.get(path)
        if answer.status_code != 200:
            raise CommandError(f"GET {path} answered {answer.status_code}: {answer.text}")
        return dict(answer.json())
