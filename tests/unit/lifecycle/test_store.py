"""Copying: paid work is given up only at the deadline, and a bad file is never a video."""

import gzip
import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from ipaddress import ip_address

import httpx
import pytest
from image_to_video.adapters.safe_download import GuardedTransport
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import GeneratorUnavailableError, VideoDownloadError
from image_to_video.domain.generator import Ready, Running
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import FailureCode, Task
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import Phase, WorkflowSteps

from i2v.simulator.damage import without_lengths
from tests.conftest import Application, Clock, ResultHost, ScriptedGenerator
from tests.support import mp4_files

OWNER = "anna"
URL = "https://results.example.com/video.mp4"


@pytest.fixture
def task(
    tasks: VideoTasks, steps: WorkflowSteps, generator: ScriptedGenerator, clock: Clock
) -> Task:
    """A task whose video is finished."""
    task = tasks.create(OWNER, TaskRequest(image_url="https://example.com/a.png"), None)
    generator.answers = [Ready("completed", URL)]
    clock.advance(20)
    assert steps.poll_task(task.task_id).phase is Phase.READY
    return tasks.get(OWNER, task.task_id)


@pytest.fixture
def stored(application: Application) -> Callable[[], dict[str, bytes]]:
    """The videos in the bucket."""
    s3, bucket = application.client("s3"), application.environment["VIDEOS_BUCKET"]

    def read() -> dict[str, bytes]:
        assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
        keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    return read


def test_the_video_is_stored_as_recorded(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    task: Task,
    clip: bytes,
    stored: Callable[[], dict[str, bytes]],
) -> None:
    assert steps.store_video(task.task_id).phase is Phase.CLOSED
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
    "expired link": lambda _: httpx.Response(403),
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
    "cut, with the length of the cut file": lambda clip: httpx.Response(
        200, content=clip[: len(clip) // 2]
    ),
    "cut, without a length": lambda clip: httpx.Response(200, content=iter([clip[:-1]])),
    "cut before its index": lambda clip: httpx.Response(200, content=clip[:5000]),
    "a part": lambda clip: httpx.Response(
        206, content=clip, headers={"Content-Range": f"bytes 0-99/{len(clip) + 1}"}
    ),
    "broken inside": lambda clip: httpx.Response(200, content=clip[:32] + bytes(len(clip))),
    "too large": lambda _: httpx.Response(200, headers={"Content-Length": str(10**12)}),
}


@pytest.mark.parametrize("bad", BAD_TRANSFERS.values(), ids=BAD_TRANSFERS.keys())
def test_a_bad_transfer_leaves_nothing_and_is_tried_again(
    steps: WorkflowSteps,
    task: Task,
    result_host: ResultHost,
    clip: bytes,
    clock: Clock,
    stored: Callable[[], dict[str, bytes]],
    bad: Callable[[bytes], httpx.Response | Exception],
) -> None:
    result_host.answers = [bad(clip), httpx.Response(200, content=clip)]
    step = steps.store_video(task.task_id)
    assert (step.phase, step.wait_seconds) == (Phase.WAITING, 5)
    assert stored() == {}
    clock.advance(step.wait_seconds)
    assert steps.poll_task(task.task_id).phase is Phase.READY
    assert steps.store_video(task.task_id).phase is Phase.CLOSED
    assert list(stored().values()) == [clip]


def test_an_expired_link_is_replaced_by_the_next_poll(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    task: Task,
    generator: ScriptedGenerator,
    result_host: ResultHost,
    clip: bytes,
    clock: Clock,
) -> None:
    result_host.answers = [httpx.Response(404), httpx.Response(200, content=clip)]
    clock.advance(steps.store_video(task.task_id).wait_seconds)
    generator.answers = [Ready("completed", "https://elsewhere.example.com/new.mp4")]
    steps.poll_task(task.task_id)
    steps.store_video(task.task_id)
    assert result_host.fetched == [URL, "https://elsewhere.example.com/new.mp4"]
    assert tasks.get(OWNER, task.task_id).status is TaskStatus.SUCCEEDED


@pytest.mark.parametrize("answer", [GeneratorUnavailableError("down"), Running("odd")])
def test_the_old_link_is_used_while_the_generator_gives_no_new_one(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    task: Task,
    generator: ScriptedGenerator,
    answer: Running | Exception,
) -> None:
    generator.answers = [answer]
    assert steps.poll_task(task.task_id).phase is Phase.READY
    assert steps.store_video(task.task_id).phase is Phase.CLOSED
    assert tasks.get(OWNER, task.task_id).status is TaskStatus.SUCCEEDED


def test_a_video_that_is_always_cut_is_given_up_at_the_deadline_and_says_why(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    task: Task,
    result_host: ResultHost,
    clip: bytes,
    clock: Clock,
    stored: Callable[[], dict[str, bytes]],
) -> None:
    result_host.answers = [httpx.Response(200, content=clip[: len(clip) // 2])]
    deadline, waits = task.created_at + timedelta(seconds=259200), set()
    step = steps.store_video(task.task_id)
    while step.phase is not Phase.CLOSED:
        waits.add(step.wait_seconds)
        clock.advance(step.wait_seconds)
        step = steps.poll_task(task.task_id)
        if step.phase is Phase.READY:
            step = steps.store_video(task.task_id)
    assert {5, 30, 300, 1800} <= waits
    failed = tasks.get(OWNER, task.task_id)
    assert clock() >= deadline
    assert failed.failure is not None
    assert failed.failure.code is FailureCode.VIDEO_UNAVAILABLE
    assert "it was cut" in failed.failure.message
    assert stored() == {}


GOOD_TRANSFERS: dict[str, Callable[[bytes], httpx.Response]] = {
    "labelled as text": lambda clip: httpx.Response(
        200, content=clip, headers={"Content-Type": "text/html"}
    ),
    "packed": lambda clip: httpx.Response(200, content=iter([gzip.compress(clip)])),
    "a part that is the whole": lambda clip: httpx.Response(206, content=clip),
    "bytes behind its end": lambda clip: httpx.Response(200, content=clip + b"\r\n\r\n"),
    "durations of zero": lambda clip: httpx.Response(200, content=without_lengths(clip)),
}


@pytest.mark.parametrize("good", GOOD_TRANSFERS.values(), ids=GOOD_TRANSFERS.keys())
def test_a_label_or_a_number_decides_nothing_about_a_whole_video(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    task: Task,
    result_host: ResultHost,
    clip: bytes,
    good: Callable[[bytes], httpx.Response],
) -> None:
    result_host.answers = [good(clip)]
    assert steps.store_video(task.task_id).phase is Phase.CLOSED
    video = tasks.get(OWNER, task.task_id).video
    assert video is not None
    assert (video.width, video.height, video.duration_seconds) == (320, 180, 1.0)


def test_what_cannot_be_measured_is_null(
    tasks: VideoTasks, steps: WorkflowSteps, task: Task, result_host: ResultHost
) -> None:
    tables = [
        mp4_files.box(b"stsz", mp4_files.words(0, 1, 24)),
        mp4_files.box(b"stsc", mp4_files.words(0, 1, 1, 24, 1)),
        mp4_files.box(b"stco", mp4_files.words(0, 1, 8)),
    ]
    content = mp4_files.box(b"mdat", bytes(24)) + mp4_files.film(*tables)
    result_host.answers = [httpx.Response(200, content=content)]
    assert steps.store_video(task.task_id).phase is Phase.CLOSED
    video = tasks.get(OWNER, task.task_id).video
    assert video is not None
    assert (video.width, video.height, video.duration_seconds) == (None, None, None)


@pytest.mark.parametrize("is_dead", [False, True])
def test_a_cut_video_in_the_bucket_is_replaced(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    task: Task,
    application: Application,
    result_host: ResultHost,
    clip: bytes,
    clock: Clock,
    stored: Callable[[], dict[str, bytes]],
    is_dead: bool,
) -> None:
    """Nothing that lies there is believed by its index either.

    It is removed for a better copy that can be had, not because the link is dead.
    """
    key = f"{OWNER}/{task.task_id}.mp4"
    s3, bucket = application.client("s3"), application.environment["VIDEOS_BUCKET"]
    s3.put_object(Bucket=bucket, Key=key, Body=clip[: len(clip) // 2])
    half = {key: clip[: len(clip) // 2]}
    if is_dead:
        result_host.answers = [httpx.Response(404)]
        step = steps.store_video(task.task_id)
        assert (step.phase, stored()) == (Phase.WAITING, half)
        clock.advance(step.wait_seconds)
    result_host.answers = [httpx.Response(200, content=clip) for _ in range(2)]
    assert steps.poll_task(task.task_id).phase is Phase.READY
    step = steps.store_video(task.task_id)
    assert (step.phase, stored()) == (Phase.WAITING, {})
    clock.advance(step.wait_seconds)
    assert steps.poll_task(task.task_id).phase is Phase.READY
    assert steps.store_video(task.task_id).phase is Phase.CLOSED
    assert stored() == {key: clip}
    assert tasks.get(OWNER, task.task_id).status is TaskStatus.SUCCEEDED


def test_a_copy_is_given_up_only_at_the_deadline(
    tasks: VideoTasks, steps: WorkflowSteps, task: Task, result_host: ResultHost, clock: Clock
) -> None:
    result_host.answers = [httpx.Response(404)]
    for _ in range(5):
        clock.advance(steps.store_video(task.task_id).wait_seconds)
    clock.moment = task.created_at + timedelta(seconds=259200 - 1)
    assert steps.store_video(task.task_id).phase is Phase.WAITING
    clock.advance(1)
    assert steps.store_video(task.task_id).phase is Phase.CLOSED
    failed = tasks.get(OWNER, task.task_id)
    assert failed.failure is not None
    assert failed.failure.code is FailureCode.VIDEO_UNAVAILABLE
    assert failed.copy_failures == 6


def test_a_copy_that_never_returns_ends_after_the_deadline_too(
    tasks: VideoTasks, steps: WorkflowSteps, task: Task, clock: Clock
) -> None:
    clock.advance(259200)
    assert steps.poll_task(task.task_id).phase is Phase.READY, "a copy may be under way"
    clock.advance(3600)
    assert steps.poll_task(task.task_id).phase is Phase.CLOSED
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
    tasks: VideoTasks, steps: WorkflowSteps, task: Task, result_host: ResultHost, clip: bytes
) -> None:
    steps.store_video(task.task_id)
    first = tasks.get(OWNER, task.task_id)
    assert steps.store_video(task.task_id).phase is Phase.CLOSED
    assert tasks.get(OWNER, task.task_id) == first
    assert len(result_host.fetched) == 1


def test_a_copy_that_was_stored_and_not_recorded_is_recorded(
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
    steps.store_video(task.task_id)
    video = tasks.get(OWNER, task.task_id).video
    assert video is not None
    assert video.sha256 == hashlib.sha256(earlier).hexdigest()
    assert stored() == {key: earlier}


def test_a_cancel_during_the_copy_leaves_no_video(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    task: Task,
    result_host: ResultHost,
    clip: bytes,
    stored: Callable[[], object],
) -> None:
    def canceling() -> Iterator[bytes]:
        yield clip[:20000]
        tasks.cancel(OWNER, task.task_id)
        yield clip[20000:]

    result_host.answers = [httpx.Response(200, content=canceling())]
    assert steps.store_video(task.task_id).phase is Phase.CLOSED
    assert tasks.get(OWNER, task.task_id).status is TaskStatus.CANCELED
    assert stored() == {}


def test_a_change_of_the_record_during_the_copy_does_not_lose_it(
    tasks: VideoTasks, steps: WorkflowSteps, task: Task, result_host: ResultHost, clip: bytes
) -> None:
    def overtaken() -> Iterator[bytes]:
        yield clip[:20000]
        steps.poll_task(task.task_id)
        yield clip[20000:]

    result_host.answers = [httpx.Response(200, content=overtaken())]
    steps.store_video(task.task_id)
    assert tasks.get(OWNER, task.task_id).status is TaskStatus.SUCCEEDED


def test_a_stored_copy_counts_also_when_the_link_has_expired(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    task: Task,
    result_host: ResultHost,
    clip: bytes,
    application: Application,
) -> None:
    application.client("s3").put_object(
        Bucket="videos", Key=f"{OWNER}/{task.task_id}.mp4", Body=clip
    )
    result_host.answers = [httpx.Response(404)]
    assert steps.store_video(task.task_id).phase is Phase.CLOSED
    video = tasks.get(OWNER, task.task_id).video
    assert video is not None
    assert (video.bytes, video.sha256) == (len(clip), hashlib.sha256(clip).hexdigest())
