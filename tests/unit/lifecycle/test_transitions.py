"""The three writes: what each does when another writer came first, and what every one passes."""

from collections.abc import Iterator
from typing import Any

import pytest
from image_to_video.adapters.task_table import TaskTable
from image_to_video.domain.errors import TaskConflictError
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Cancellation, FailureCode, Task
from image_to_video.lifecycle.transitions import Transitions
from image_to_video.wiring import Application as Services

from tests.support.samples import NOW, a_task


@pytest.fixture
def transitions(services: Services) -> Transitions:
    return services._transitions


@pytest.fixture
def table(services: Services) -> TaskTable:
    return services._table


def test_a_conflict_is_raised(transitions: Transitions, table: TaskTable) -> None:
    read = table.create(a_task())
    first = transitions.write_or_raise(read, read.changed(NOW, late=True))
    with pytest.raises(TaskConflictError):
        transitions.write_or_raise(read, read.changed(NOW, copy_failures=2))
    assert table.get(read.task_id) == first


def test_a_conflict_returns_what_another_stored(transitions: Transitions, table: TaskTable) -> None:
    read = table.create(a_task())
    first = transitions.write_or_reload(read, read.changed(NOW, late=True))
    assert first.late
    assert transitions.write_or_reload(read, read.changed(NOW, copy_failures=2)) == first
    assert table.get(read.task_id) == first


def test_a_fact_is_written_until_it_is_stored(transitions: Transitions, table: TaskTable) -> None:
    read = table.create(a_task())
    others: Iterator[dict[str, Any]] = iter([{"late": True}, {"copy_failures": 9}])
    seen: list[int] = []

    def change(current: Task) -> Task:
        seen.append(current.version)
        other = next(others, None)
        if other is not None:
            table.write(current.changed(NOW, **other))
        return current.changed(NOW, generator_task_id="gen-1")

    stored = transitions.write_until_stored(read, change)
    assert seen == [1, 2, 3]
    assert (stored.late, stored.copy_failures, stored.generator_task_id) == (True, 9, "gen-1")
    assert table.get(read.task_id) == stored


def test_a_fact_that_is_no_news_is_not_written(transitions: Transitions, table: TaskTable) -> None:
    read = table.create(a_task())
    closed = table.write(read.changed(NOW, status=TaskStatus.CANCELED))

    def change(current: Task) -> Task | None:
        return None if current.status.is_final else current.changed(NOW, late=True)

    assert transitions.write_until_stored(read, change) == closed
    assert table.get(read.task_id) == closed


class TestCancelRequest:
    """The next write closes the task, where the request needs no answer from A2E."""

    @pytest.fixture
    def canceled(self, table: TaskTable) -> Task:
        return table.create(a_task().changed(NOW, cancel_requested_at=NOW))

    @pytest.mark.parametrize("write", ["write_or_raise", "write_or_reload", "write_until_stored"])
    def test_every_write_closes_a_task_that_was_not_sent(
        self, transitions: Transitions, table: TaskTable, canceled: Task, write: str
    ) -> None:
        new = canceled.changed(NOW, late=True)
        change: Any = (lambda _: new) if write == "write_until_stored" else new
        stored = getattr(transitions, write)(canceled, change)
        assert (stored.status, stored.cancellation) == (
            TaskStatus.CANCELED,
            Cancellation.REFUNDED,
        )
        assert stored.version == canceled.version + 1
        assert table.get(canceled.task_id) == stored

    def test_a_finished_video_is_not_stored(self, transitions: Transitions, canceled: Task) -> None:
        generating = transitions.write_or_raise(
            canceled.model_copy(update={"cancel_requested_at": None}),
            canceled.changed(
                NOW,
                status=TaskStatus.GENERATING,
                cancel_requested_at=None,
                generator_task_id="gen-1",
            ),
        )
        requested = transitions.write_or_raise(
            generating, generating.changed(NOW, cancel_requested_at=NOW)
        )
        assert requested.status is TaskStatus.GENERATING
        stored = transitions.write_or_raise(
            requested,
            requested.changed(NOW, status=TaskStatus.STORING, result_url="https://a.example/v.mp4"),
        )
        assert (stored.status, stored.cancellation) == (
            TaskStatus.CANCELED,
            Cancellation.TOO_LATE,
        )

    def test_another_end_is_kept(self, transitions: Transitions, canceled: Task) -> None:
        ended = canceled.failed(NOW, FailureCode.START_REFUSED, "no")
        assert transitions.write_or_raise(canceled, ended).status is TaskStatus.FAILED
