"""Counts: how many tasks an owner has in each status, without reading them all."""

import pytest
from image_to_video.adapters import task_lists
from image_to_video.adapters.task_lists import Count, TaskLists
from image_to_video.adapters.task_table import TaskTable
from image_to_video.domain.statuses import TaskStatus

from tests.conftest import Application
from tests.support.samples import a_task

HELD = {
    TaskStatus.QUEUED: 3,
    TaskStatus.GENERATING: 2,
    TaskStatus.STORING: 1,
    TaskStatus.SUCCEEDED: 4,
    TaskStatus.CANCELED: 0,
    TaskStatus.FAILED: 1,
}


@pytest.fixture
def lists(application: Application) -> TaskLists:
    """Some tasks of anna in nearly every status, and one of boris."""
    raw = application.table("TASKS_TABLE")
    table = TaskTable(raw, retention_days=90)
    for status, count in HELD.items():
        for number in range(count):
            table.create(a_task(task_id=f"{status}-{number}", status=status))
    table.create(a_task(task_id="other", owner="boris"))
    return TaskLists(raw)


def test_every_status_is_counted(lists: TaskLists) -> None:
    counted = lists.counts("anna")
    assert list(counted) == list(TaskStatus)
    assert counted == {status: Count(count, more=False) for status, count in HELD.items()}


def test_who_has_no_tasks_has_none_in_each_status(lists: TaskLists) -> None:
    assert lists.counts("carla") == {status: Count(0, more=False) for status in TaskStatus}


def test_beyond_a_bound_it_is_only_said_that_there_are_more(
    lists: TaskLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_lists, "MOST_COUNTED", 2)
    counted = lists.counts("anna")
    assert counted[TaskStatus.QUEUED] == counted[TaskStatus.SUCCEEDED] == Count(2, more=True)
    assert counted[TaskStatus.FAILED] == Count(1, more=False)
    # These two are counted together.
    working = [counted[status] for status in (TaskStatus.GENERATING, TaskStatus.STORING)]
    assert sum(count.count for count in working) == 2
    assert all(count.more for count in working)
