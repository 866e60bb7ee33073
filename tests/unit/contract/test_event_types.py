"""Each change has its event, or none; the record of a change says which."""

from itertools import product

import pytest
from image_to_video.contract.event_types import EventType, event_type, marker_of
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import FailureCode

from tests.support.samples import NOW, a_task

EVENTS = {
    TaskStatus.GENERATING: EventType.GENERATING,
    TaskStatus.SUCCEEDED: EventType.SUCCEEDED,
    TaskStatus.FAILED: EventType.FAILED,
    TaskStatus.CANCELED: EventType.CANCELED,
}


def pairs() -> list[tuple[TaskStatus, TaskStatus]]:
    every = product(TaskStatus, TaskStatus)
    return [(one, two) for one, two in every if one.may_become(two) and one is not two]


@pytest.mark.parametrize(("before", "after"), pairs())
def test_each_change_of_status_has_its_event(before: TaskStatus, after: TaskStatus) -> None:
    old = a_task(status=before)
    assert event_type(old, old.changed(NOW, status=after)) == EVENTS.get(after)
    # A task that becomes late with the same write is not reported twice.
    assert event_type(old, old.changed(NOW, status=after, late=True)) == EVENTS.get(after)


def test_a_new_task_is_created() -> None:
    assert event_type(None, a_task()) is EventType.CREATED


def test_a_task_that_failed_at_creation_is_only_a_failed_event() -> None:
    failed = a_task().failed(NOW, FailureCode.INVALID_IMAGE, "no image")
    assert event_type(None, failed) is EventType.FAILED


@pytest.mark.parametrize("status", TaskStatus)
def test_becoming_late_is_one_event(status: TaskStatus) -> None:
    task = a_task(status=status)
    late = task.changed(NOW, late=True)
    assert event_type(task, late) is EventType.LATE
    assert event_type(late, late.changed(NOW)) is None


@pytest.mark.parametrize("status", TaskStatus)
def test_inner_changes_are_no_events(status: TaskStatus) -> None:
    task = a_task(status=status)
    changed = task.changed(NOW, coins=30, copy_failures=2, result_url="https://a.example/b")
    assert event_type(task, changed) is None


@pytest.mark.parametrize(("before", "after"), [*pairs(), *((same, same) for same in TaskStatus)])
@pytest.mark.parametrize("late", [False, True])
def test_the_mark_of_a_change_agrees_with_its_event(
    before: TaskStatus, after: TaskStatus, late: bool
) -> None:
    old = a_task(status=before)
    new = old.changed(NOW, status=after, late=late)
    kind = event_type(old, new)
    assert marker_of(old, new) == ("none" if kind is None else kind.value.rsplit(".", 1)[1])


def test_the_first_record_is_marked_too() -> None:
    assert marker_of(None, a_task()) == "created"
    assert marker_of(None, a_task().failed(NOW, FailureCode.INVALID_IMAGE, "no")) == "failed"
