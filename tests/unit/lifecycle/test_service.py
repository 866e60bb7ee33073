"""What owners see: their own tasks, page by page, and no others."""

from datetime import timedelta
from typing import Any

import pytest
from image_to_video.adapters.task_queries import TaskFilter
from image_to_video.adapters.task_table import TaskTable
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import (
    InvalidCursorError,
    NoVideoError,
    TaskNotFoundError,
    VideoNotReadyError,
)
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task
from image_to_video.lifecycle.service import VideoTasks

from tests.conftest import Application, Clock
from tests.support.samples import a_task

REQUEST = TaskRequest(image_url="https://example.com/art/portrait%20one.png")


def test_another_owner_s_task_is_not_found(tasks: VideoTasks) -> None:
    task = tasks.create("anna", REQUEST, None)
    for call in (tasks.get, tasks.video_link, tasks.cancel):
        with pytest.raises(TaskNotFoundError):
            call("ben", task.task_id)
    assert tasks.get("anna", task.task_id) == task


def test_pages_are_newest_first_and_complete(tasks: VideoTasks, clock: Clock) -> None:
    made = []
    for _ in range(7):
        made.append(tasks.create("anna", REQUEST, None).task_id)
        tasks.create("ben", REQUEST, None)
        clock.advance(1)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = tasks.list("anna", limit=3, cursor=cursor)
        seen += [task.task_id for task in page.data]
        cursor = page.next_cursor
        assert page.has_more == (cursor is not None)
        if cursor is None:
            break
    assert seen == made[::-1]


def test_filters_narrow_the_list(tasks: VideoTasks, clock: Clock) -> None:
    began = clock()
    first = tasks.create("anna", REQUEST, None)
    tasks.cancel("anna", first.task_id)
    clock.advance(60)
    second = tasks.create("anna", REQUEST, None)

    def ids(**filters: Any) -> list[str]:
        page = tasks.list("anna", limit=10, wanted=TaskFilter(**filters))
        return [task.task_id for task in page.data]

    assert ids(statuses=frozenset({TaskStatus.CANCELED})) == [first.task_id]
    assert ids(statuses=frozenset(TaskStatus)) == [second.task_id, first.task_id]
    assert ids(metadata={"a": "b"}) == []
    assert ids(created_after=began + timedelta(seconds=30)) == [second.task_id]
    assert ids(created_before=began + timedelta(seconds=30)) == [first.task_id]


def test_only_a_task_of_an_earlier_request_is_a_replay(tasks: VideoTasks, clock: Clock) -> None:
    replays = []
    for owner, key in (("anna", "a"), ("anna", "a"), ("anna", "b"), ("ben", "a"), ("anna", None)):
        clock.advance(1)
        replays.append(tasks.create_or_replay(owner, REQUEST, key)[1])
    assert replays == [False, True, False, False, False]


def test_a_record_whose_answer_was_lost_is_no_replay(
    tasks: VideoTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK writes again, is refused, and what is there is the very task."""
    create = TaskTable.create

    def create_twice(table: TaskTable, task: Task) -> Task:
        create(table, task)
        return create(table, task)

    monkeypatch.setattr(TaskTable, "create", create_twice)
    assert not tasks.create_or_replay("anna", REQUEST, "key")[1]


def test_a_video_is_not_there_yet_or_never(
    tasks: VideoTasks, application: Application, clock: Clock
) -> None:
    table = TaskTable(application.table("TASKS_TABLE"), retention_days=90)
    for status in TaskStatus:
        table.create(a_task(task_id=status.value, status=status))
        expected = NoVideoError if status.is_final else VideoNotReadyError
        with pytest.raises(expected, match=status.value):
            tasks.video_link("anna", status.value)


def test_a_cursor_of_another_owner_is_refused(tasks: VideoTasks) -> None:
    for _ in range(2):
        tasks.create("anna", REQUEST, None)
    cursor = tasks.list("anna", limit=1).next_cursor
    with pytest.raises(InvalidCursorError):
        tasks.list("ben", limit=1, cursor=cursor)
