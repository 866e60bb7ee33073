"""The workflow's step that copies a finished video into the bucket."""

from typing import Any

import pytest
from image_to_video.domain.errors import TaskNotFoundError
from pydantic import ValidationError

import functions.store_video.app as store_video
from tests.conftest import Application, ResultHost
from tests.handlers.conftest import TASK_ID, invoke, sample, stored_task


def store() -> Any:
    return invoke(store_video.handler, sample("store_video/step"))


def test_the_video_is_stored_and_the_task_closed(
    deployed: Application, guarded_result_host: ResultHost, clip: bytes
) -> None:
    # The sample of the success shows what the record was just before it.
    record = sample("publish_events/modify_succeeded")["Records"][0]["dynamodb"]["OldImage"]
    deployed.client("dynamodb").put_item(TableName=deployed.environment["TASKS_TABLE"], Item=record)

    assert store() == {"phase": "closed", "wait_seconds": 0}

    stored = deployed.client("s3").get_object(Bucket="videos", Key=f"demo/{TASK_ID}.mp4")
    assert stored["Body"].read() == clip
    assert stored["ContentType"] == "video/mp4"
    assert stored_task(deployed)["status"] == "succeeded"


def test_an_unknown_task_is_an_error_that_the_workflow_sees(deployed: Application) -> None:
    with pytest.raises(TaskNotFoundError):
        store()


def test_an_input_without_a_task_is_an_error(without_aws: None) -> None:
    with pytest.raises(ValidationError):
        invoke(store_video.handler, {})
