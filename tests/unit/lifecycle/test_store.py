"""Copying: paid work is given up only at the deadline, and a bad file is never a video."""

import hashlib
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import httpx
import pytest
from image_to_video.adapters.safe_download import GuardedTransport
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import GeneratorUnavailableError, VideoDownloadError
from image_to_video.domain.generator import Ready, Running
from image_to_video.domain.task import FailureCode, Task, TaskStatus
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import Phase, WorkflowSteps

from tests.conftest import Application, Clock, Results, ScriptedGenerator

OWNER = "anna"
URL = "https://results.example.com/video.mp4"


@pytest.fixture
def task(
    tasks: VideoTasks, steps: WorkflowSteps, generator: ScriptedGenerator, clock: Clock
) -> Task:
    """A task whose video is finished."""
    task = tasks.create(OWNER, TaskRequest(image_url="https://example.com/a.png"), None)
    generator.looks = [Ready("completed", URL)]
    clock.advance(20)
    assert steps.advance(task.task_id).phase is Phase.READY
    return tasks.get(OWNER, task.task_id)


@pytest.fixture
def stored(application: Application) -> Callable[[], dict[str, bytes]]:
    """What lies in the video bucket."""
    s3, bucket = application.client("s3"), application.environment["VIDEOS_BUCKET"]

    def read() -> dict[str, bytes]:
        assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
        keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    return read


def test_the_video_lies_in_the_bucket_as_recorded(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    task: Task,
    clip: bytes,
    stored: Callable[[], dict[str, bytes]],
) -> None:
    assert steps.store(task.task_id).phase is Phase.CLOSED
    task = tasks.get(OWNER, task.task_id)
    assert task.status is TaskStatus.SUCCEEDED
    assert task.video is not None
    assert stored() == {task.video.key: clip}
    assert task.video.key == f"{OWNER}/{task.task_id}.mp4"
    assert task.video.sha256 == hashlib.sha256(clip).hexdigest()
    assert task.video.bytes == len(clip)
    assert (task.video.width, task.video.height) == (320, 180)
    assert task.video.duration_seconds == pytest.approx(1, abs=0.05)


def cut(clip: bytes) -> httpx.Response:
    def half() -> Iterator[bytes]:
        yield clip[: len(clip) // 2]
        raise httpx.ReadError("reset")

    return httpx.Response(200, content=half(), headers={"Content-Length": str(len(clip))})


BAD_TRANSFERS: dict[str, Callable[[bytes], httpx.Response | Exception]] = {
    "dead link": lambda _: httpx.Response(403),
    "gone": lambda _: httpx.Response(410),
    "server error": lambda _: httpx.Response(502, text="<html>"),
    "connection refused": lambda _: httpx.ConnectError("refused"),
    "timeout": lambda _: httpx.ReadTimeout("slow"),
    "cut": cut,
    "shorter than announced": lambda clip: httpx.Response(
        200, content=clip[:-100], headers={"Content-Length": str(len(clip))}
    ),
    "html": lambda _: httpx.Response(200, html="<html>" * 9999),
    "html without a type": lambda _: httpx.Response(200, content=b"<html>" * 9999),
    "too small": lambda clip: httpx.Response(200, content=clip[:5000]),
    "broken inside": lambda clip: httpx.Response(200, content=clip[:32] + bytes(len(clip))),
    "too large": lambda _: httpx.Response(200, headers={"Content-Length": str(10**12)}),
}


@pytest.mark.parametrize("bad", BAD_TRANSFERS.values(), ids=BAD_TRANSFERS.keys())
def test_a_bad_transfer_leaves_nothing_and_is_tried_again(
    steps: WorkflowSteps,
    task: Task,
    results: Results,
    clip: bytes,
    clock: Clock,
    stored: Callable[[], dict[str, bytes]],
    bad: Callable[[bytes], httpx.Response | Exception],
) -> None:
    results.answers = [bad(clip), httpx.Response(200, content=clip)]
    step = steps.store(task.task_id)
    assert (step.phase, step.wait_seconds) == (Phase.WAITING, 5)
    assert stored() == {}
    clock.advance(step.wait_seconds)
    assert steps.advance(task.task_id).phase is Phase.READY
    assert steps.store(task.task_id).phase is Phase.CLOSED
    assert list(stored().values()) == [clip]


def test_a_dead_link_is_replaced_by_a_new_look(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    task: Task,
    generator: ScriptedGenerator,
    results: Results,
    clip: bytes,
    clock: Clock,
) -> None:
    results.answers = [httpx.Response(404), httpx.Response(200, content=clip)]
    clock.advance(steps.store(task.task_id).wait_seconds)
    generator.looks = [Ready("completed", "https://elsewhere.example.com/new.mp4")]
    steps.advance(task.task_id)
    steps.store(task.task_id)
    assert results.fetched == [URL, "https://elsewhere.example.com/new.mp4"]
    assert tasks.get(OWNER, task.task_id).status is TaskStatus.SUCCEEDED


@pytest.mark.parametrize("look", [GeneratorUnavailableError("down"), Running("odd")])
def test_the_old_link_serves_while_no_new_one_can_be_had(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    task: Task,
    generator: ScriptedGenerator,
    look: Running | Exception,
) -> None:
    generator.looks = [look]
    assert steps.advance(task.task_id).phase is Phase.READY
    assert steps.store(task.task_id).phase is Phase.CLOSED
    assert tasks.get(OWNER, task.task_id).status is TaskStatus.SUCCEEDED


def test_a_copy_is_given_up_only_at_the_deadline(
    tasks: VideoTasks, steps: WorkflowSteps, task: Task, results: Results, clock: Clock
) -> None:
    results.answers = [httpx.Response(404)]
    while (step := steps.store(task.task_id)).phase is Phase.WAITING:
        clock.advance(step.wait_seconds)
    assert (clock() - task.created_at).total_seconds() >= 259200
    failed = tasks.get(OWNER, task.task_id)
    assert failed.failure is not None
    assert failed.failure.code is FailureCode.VIDEO_UNAVAILABLE
    assert failed.copy_failures > 100


def test_a_copy_that_never_comes_back_ends_at_the_deadline_too(
    tasks: VideoTasks, steps: WorkflowSteps, task: Task, clock: Clock
) -> None:
    clock.advance(259200)
    assert steps.advance(task.task_id).phase is Phase.READY, "a copy has the last word"
    clock.advance(3600)
    assert steps.advance(task.task_id).phase is Phase.CLOSED
    failure = tasks.get(OWNER, task.task_id).failure
    assert failure is not None
    assert failure.code is FailureCode.VIDEO_UNAVAILABLE


def test_a_link_with_credentials_is_not_followed() -> None:
    inner = httpx.MockTransport(lambda _: httpx.Response(200))
    guard = GuardedTransport(
        inner, permit_loopback=False, resolve=lambda _host, _port: [ip_address("8.8.8.8")]
    )
    with (
        pytest.raises(VideoDownloadError, match="credentials"),
        httpx.Client(transport=guard) as client,
    ):
        client.get("https://user:secret@results.example.com/video.mp4")


def test_a_second_copy_changes_nothing(
    tasks: VideoTasks, steps: WorkflowSteps, task: Task, results: Results, clip: bytes
) -> None:
    steps.store(task.task_id)
    first = tasks.get(OWNER, task.task_id)
    assert steps.store(task.task_id).phase is Phase.CLOSED
    assert tasks.get(OWNER, task.task_id) == first
    assert len(results.fetched) == 1


def test_a_copy_that_died_before_it_was_recorded_is_recorded_as_it_lies(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    task: Task,
    application: Application,
    clip: bytes,
    stored: Callable[[], dict[str, bytes]],
) -> None:
    earlier = clip + b"\0\0\0\x08free"
    key = f"{OWNER}/{task.task_id}.mp4"
    application.client("s3").put_object(
        Bucket=application.environment["VIDEOS_BUCKET"], Key=key, Body=earlier
    )
    steps.store(task.task_id)
    video = tasks.get(OWNER, task.task_id).video
    assert video is not None
    assert video.sha256 == hashlib.sha256(earlier).hexdigest()
    assert stored() == {key: earlier}


def test_a_cancel_during_the_copy_leaves_no_video(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    task: Task,
    results: Results,
    clip: bytes,
    stored: Callable[[], object],
) -> None:
    def canceling() -> Iterator[bytes]:
        yield clip[:20000]
        tasks.cancel(OWNER, task.task_id)
        yield clip[20000:]

    results.answers = [httpx.Response(200, content=canceling())]
    assert steps.store(task.task_id).phase is Phase.CLOSED
    assert tasks.get(OWNER, task.task_id).status is TaskStatus.CANCELED
    assert stored() == {}


def test_a_new_version_during_the_copy_does_not_lose_it(
    tasks: VideoTasks, steps: WorkflowSteps, task: Task, results: Results, clip: bytes
) -> None:
    def overtaken() -> Iterator[bytes]:
        yield clip[:20000]
        steps.advance(task.task_id)
        yield clip[20000:]

    results.answers = [httpx.Response(200, content=overtaken())]
    steps.store(task.task_id)
    assert tasks.get(OWNER, task.task_id).status is TaskStatus.SUCCEEDED


def test_what_an_earlier_copy_stored_counts_also_when_the_link_has_died(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    task: Task,
    results: Results,
    clip: bytes,
    application: Application,
) -> None:
    application.client("s3").put_object(
        Bucket="videos", Key=f"{OWNER}/{task.task_id}.mp4", Body=clip
    )
    results.answers = [httpx.Response(404)]
    assert steps.store(task.task_id).phase is Phase.CLOSED
    video = tasks.get(OWNER, task.task_id).video
    assert video is not None
    assert (video.bytes, video.sha256) == (len(clip), hashlib.sha256(clip).hexdigest())
