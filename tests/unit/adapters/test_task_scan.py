"""Every task that changed lately is read, over pages, and one that cannot be read is told of."""

from datetime import timedelta
from typing import Any
from unittest.mock import MagicMock

import pytest
from image_to_video.adapters.task_scan import TaskScan
from image_to_video.adapters.task_table import TaskTable
from image_to_video.observability import metrics

from tests.conftest import Application
from tests.support.samples import NOW, a_task


@pytest.fixture(autouse=True)
def _nothing_counted_yet() -> None:
    metrics.clear_metrics()


@pytest.fixture
def tasks(application: Application) -> Any:
    return application.table("TASKS_TABLE")


def put(tasks: Any, task_id: str, **fields: Any) -> None:
    TaskTable(tasks, retention_days=0).create(a_task(task_id=task_id, **fields))


def changed(tasks: Any) -> list[str]:
    return sorted(task.task_id for task in TaskScan(tasks).changed_since(NOW))


def test_what_changed_since_is_read_whoever_owns_it(tasks: Any) -> None:
    put(tasks, "same")
    put(tasks, "late", owner="bert", updated_at=NOW + timedelta(days=1))
    put(tasks, "long-ago", updated_at=NOW - timedelta(milliseconds=1))
    assert changed(tasks) == ["late", "same"]


def test_test_tasks_are_left_out(tasks: Any) -> None:
    for task_id, value in (("live", False), ("test", True)):
        put(tasks, task_id)
        tasks.update_item(
            Key={"task_id": task_id},
            UpdateExpression="SET #test = :value",
            ExpressionAttributeNames={"#test": "test"},
            ExpressionAttributeValues={":value": value},
        )
    scan = TaskScan(tasks)
    found = [task.task_id for task in scan.changed_since(NOW)]
    # A release that does not know the attribute cannot read the record, and says so.
    assert set(found) | scan.unread == {"live"}


def test_every_page_is_read() -> None:
    """Which of several keys the table goes on from is its own affair."""
    table = MagicMock()
    table.scan.side_effect = [
        {"Items": [], "LastEvaluatedKey": {"task_id": "x"}},
        {"Items": []},
    ]
    assert list(TaskScan(table).changed_since(NOW)) == []
    assert table.scan.call_args.kwargs["ExclusiveStartKey"] == {"task_id": "x"}


def test_a_record_that_cannot_be_read_is_counted_and_its_names_are_kept(tasks: Any) -> None:
    put(tasks, "Strange", generator_task_id="GEN-1")
    put(tasks, "plain")
    tasks.update_item(
        Key={"task_id": "Strange"},
        UpdateExpression="SET #status = :status",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":status": ["no status"]},
    )
    scan = TaskScan(tasks)
    assert [task.task_id for task in scan.changed_since(NOW)] == ["plain"]
    assert (scan.unread, scan.unreadable) == ({"strange", "gen-1"}, 1)
    assert metrics.metric_set["TasksUnreadable"]["Value"] == [1]
