"""Many uploads at once: the table throttles, and each is recorded all the same."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.statuses import TaskStatus
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.uploads import UploadedObject
from image_to_video.wiring import Application as Services

from tests.conftest import Application, Clock
from tests.support.images import PNG


@pytest.fixture
def throttled(services: Services, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table takes a write only after 5 s."""
    table: Any = services._table
    put, begin = table._table.put_item, clock()
    monkeypatch.setattr(table, "_sleep", clock.advance)

    def busy(**arguments: Any) -> Any:
        if (clock() - begin).total_seconds() < 5:
            code = "ProvisionedThroughputExceededException"
            raise ClientError({"Error": {"Code": code}}, "PutItem")
        return put(**arguments)

    monkeypatch.setattr(table._table, "put_item", busy)


@pytest.mark.parametrize(
    ("body", "status"), [(PNG, TaskStatus.GENERATING), (b"no image", TaskStatus.FAILED)]
)
def test_an_upload_is_recorded_although_the_table_is_busy(
    tasks: VideoTasks, application: Application, throttled: None, body: bytes, status: TaskStatus
) -> None:
    """Nobody but a dead-letter queue would know of it."""
    key = "uploads/anna/a.png"
    reply = application.client("s3").put_object(Bucket="images", Key=key, Body=body)
    task = tasks.create_from_upload(
        UploadedObject("images", key, None, reply["ETag"].strip('"'), "0001")
    )
    assert task is not None
    assert tasks.get("anna", task.task_id).status is status


def test_a_request_is_answered_at_once(tasks: VideoTasks, throttled: None, clock: Clock) -> None:
    """Its caller waits, and repeats it with the same key."""
    before = clock()
    with pytest.raises(ClientError):
        tasks.create("anna", TaskRequest(image_url="https://example.com/a.png"), "key")
    assert clock() == before
