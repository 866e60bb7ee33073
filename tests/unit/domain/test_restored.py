"""What a record from a backup becomes; `tests/faults/test_restored_tasks.py` shows what for."""

from datetime import timedelta

import pytest
from image_to_video.domain.restored import restored
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Attempt, WaitingFor

from tests.support.samples import NOW, a_task

LATER = NOW + timedelta(hours=2)
MADE = Attempt(name="one", lease_owner="x", sent_at=NOW, lease_until=NOW, in_flight=False)


def test_a_queued_task_looks_up_every_start_that_it_might_have_had() -> None:
    task = a_task(attempts=(MADE,), waiting_for=WaitingFor.COINS, line_entry="e", line_since=NOW)
    again = restored(task, LATER, max_attempts=3)
    assert [(a.name, a.in_flight, a.restored) for a in again.attempts] == [
        ("one", False, False),
        (f"{task.task_id}-2", False, True),
        (f"{task.task_id}-3", True, True),
    ]
    assert again.attempts_made == 1
    assert all(attempt.sent_at < task.updated_at for attempt in again.attempts[1:])
    assert len({attempt.lease_owner for attempt in again.attempts}) == 3
    assert again.unresolved_attempt is not None
    assert again.unresolved_attempt.lease_until == again.next_poll_at == LATER
    assert (again.waiting_for, again.line_entry, again.in_line) == (None, None, False)
    assert again.version == task.version + 1


def test_an_unconfirmed_start_of_all_that_are_permitted_is_looked_up_anew() -> None:
    lost = MADE.model_copy(update={"in_flight": True, "absent_since": NOW})
    again = restored(a_task(attempts=(lost,)), LATER, max_attempts=1)
    [attempt] = again.attempts
    assert (attempt.in_flight, attempt.absent_since, attempt.restored) == (True, None, False)


def test_the_start_deadline_stood_still_while_it_was_lost() -> None:
    again = restored(a_task(waited_seconds=60), LATER, max_attempts=2)
    assert again.waited(LATER) >= timedelta(hours=2, seconds=60)


@pytest.mark.parametrize("status", [TaskStatus.GENERATING, TaskStatus.STORING])
def test_what_is_at_work_is_polled_at_once(status: TaskStatus) -> None:
    task = a_task(status=status, generator_task_id="g", attempts=(MADE,))
    again = restored(task, LATER, max_attempts=2)
    assert (again.status, again.next_poll_at, again.attempts) == (status, LATER, task.attempts)


@pytest.mark.parametrize("status", [status for status in TaskStatus if status.is_final])
def test_what_has_ended_stays_as_it_was(status: TaskStatus) -> None:
    task = a_task(status=status)
    assert restored(task, LATER, max_attempts=2) is task
