"""The workflow's step that copies a finished video."""

import hashlib
from typing import Any

import pytest
from image_to_video.domain.errors import TaskNotFoundError

import functions.store_video.app as store_video
from tests.conftest import Application
from tests.handlers.conftest import (
    TASK_ID,
    ResultHost,
    invoke,
    put_task,
    sample,
    stored_task,
)

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

KEY = f"demo/{TASK_ID}.mp4"


def store() -> Any:
    return invoke(store_video.handler, sample("store_video/step"))


def put_storing_task(deployed: Application) -> None:
    """The sample of the success tells what the record was just before it."""
    record = sample("publish_events/modify_succeeded")["Records"][0]["dynamodb"]["OldImage"]
    deployed.client("dynamodb").put_item(TableName=deployed.environment["TASKS_TABLE"], Item=record)


def stored_keys(deployed: Application) -> list[str]:
    listed = deployed.client("s3").list_objects_v2(Bucket=deployed.environment["VIDEOS_BUCKET"])
    return [found["Key"] for found in listed.get("Contents", [])]


def test_the_video_lies_in_the_bucket_as_it_was_measured(
    deployed: Application, results: ResultHost, video: bytes
) -> None:
    put_storing_task(deployed)

    assert store() == {"phase": "closed", "wait_seconds": 0}

    lying = deployed.client("s3").get_object(Bucket="videos", Key=KEY)
    assert lying["Body"].read() == video
    assert lying["ContentType"] == "video/mp4"
    task = stored_task(deployed)
    assert task["status"] == "succeeded"
    assert task["video"] == {
        "bucket": "videos",
        "key": KEY,
        "bytes": len(video),
        "sha256": hashlib.sha256(video).hexdigest(),
        "content_type": "video/mp4",
        "width": 320,
        "height": 180,
        "duration_seconds": 1,
    }


def test_a_second_copy_changes_nothing(deployed: Application, results: ResultHost) -> None:
    put_storing_task(deployed)
    store()
    before = stored_task(deployed)

    assert store() == {"phase": "closed", "wait_seconds": 0}
    assert stored_task(deployed) == before
    assert len(results.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        (404, b""),
        (403, b""),
        (500, b""),
        (200, b"<html>sorry</html>"),
        (200, b"\0\0\0\x18ftypisom"),
    ],
    ids=["gone", "expired", "broken", "page", "stub"],
)
def test_a_copy_that_fails_is_tried_again_later_and_leaves_nothing_behind(
    deployed: Application, results: ResultHost, answer: tuple[int, bytes]
) -> None:
    put_storing_task(deployed)
    results.answers = [answer]

    step = store()

    assert step["phase"] == "waiting"
    assert step["wait_seconds"] > 0
    assert stored_task(deployed)["status"] == "storing"
    assert stored_keys(deployed) == []
    unfinished = deployed.client("s3").list_multipart_uploads(Bucket="videos")
    assert not unfinished.get("Uploads")


def test_a_task_that_is_not_ready_is_not_copied(deployed: Application, results: ResultHost) -> None:
    put_task(deployed, "modify_generating")

    assert store()["phase"] == "waiting"
    assert not results.asked


def test_an_unknown_task_is_an_error_for_the_workflow_to_see(
    deployed: Application, results: ResultHost
) -> None:
    with pytest.raises(TaskNotFoundError):
        store()
