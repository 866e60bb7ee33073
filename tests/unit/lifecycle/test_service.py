"""What owners see: their own tasks, page by page, and no others."""

from datetime import timedelta
from typing import Any

import pytest
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import InvalidCursorError, TaskNotFoundError
from image_to_video.domain.task import TaskStatus
from image_to_video.lifecycle.service import VideoTasks

from tests.conftest import Clock

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
        return [task.task_id for task in tasks.list("anna", limit=10, **filters).data]

    assert ids(status=TaskStatus.CANCELED) == [first.task_id]
    assert ids(created_after=began + timedelta(seconds=30)) == [second.task_id]
    assert ids(created_before=began + timedelta(seconds=30)) == [first.task_id]


def test_a_cursor_of_another_owner_is_refused(tasks: VideoTasks) -> None:
    for _ in range(2):
        tasks.create("anna", REQUEST, None)
    cursor = tasks.list("anna", limit=1).next_cursor
    with pytest.raises(InvalidCursorError):
        tasks.list("ben", limit=1, cursor=cursor)
