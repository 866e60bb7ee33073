"""What became of a paid start, recorded: accepted, not accepted, unconfirmed, given up.

These facts stay true whatever others wrote to the record meanwhile, a cancel request above all, so
they are applied until they are stored.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from image_to_video.domain.generator import Started
from image_to_video.domain.schedule import Schedule, expects_hint, spread
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Attempt, Failure, FailureCode, Task, WaitingFor
from image_to_video.lifecycle.transitions import Transitions

# How long a task in line waits between polls, in seconds: first so long, then twice as long as it
# has stood there, and never longer than this.
_FIRST_WAIT: Final = 1200
_LONGEST_WAIT: Final = 6 * 3600


class StartOutcomes:
    """Keeps the record of a task's attempts."""

    def __init__(
        self, *, transitions: Transitions, schedule: Schedule, now: Callable[[], datetime]
    ) -> None:
        self._transitions = transitions
        self._schedule = schedule
        self._now = now

    def accepted(self, task: Task, started: Started) -> Task:
        """Record that the generator works on it, also on a task that was closed meanwhile.

        Returns the task as stored, unchanged where another actor has recorded an acceptance.
        """

        def change(current: Task) -> Task | None:
            if current.generator_task_id is not None:
                return None
            now = self._now()
            facts = accepted_as(current, started) | {"started_at": now}
            if current.status.is_final:
                return current.changed(now, **facts)
            wait = self._schedule.first_poll_wait(hinted=expects_hint(current))
            return current.changed(
                now,
                status=TaskStatus.GENERATING,
                next_poll_at=now + timedelta(seconds=wait),
                **facts,
            )

        return self._transitions.write_until_stored(task, change)

    def postponed(
        self, task: Task, waiting_for: WaitingFor, retry_after: float | None = None
    ) -> Task:
        """Surely nothing was accepted: forget the attempt, its name may be used again."""

        def change(current: Task) -> Task:
            # The attempt before it, if there is one, is looked up once more before the next.
            earlier = tuple(a.model_copy(update={"in_flight": True}) for a in current.attempts[:-1])
            return self._waiting(current, waiting_for, retry_after, attempts=earlier)

        return self._record(task, change)

    def refused(self, task: Task, code: FailureCode, message: str) -> Task:
        """The generator will never accept it: closed, once an earlier attempt is surely absent."""
        failure = Failure(code=code, message=message)

        def change(current: Task) -> Task:
            now, earlier = self._now(), current.attempts[:-1]
            if not earlier:
                return current.failed(now, code, message, attempts=())
            again = earlier[-1].model_copy(update={"in_flight": True, "refusal": failure})
            return current.changed(
                now,
                waiting_for=WaitingFor.CONFIRMATION,
                attempts=(*earlier[:-1], again),
                next_poll_at=now,
            )

        return self._record(task, change)

    def unconfirmed(
        self, task: Task, *, refusal: Failure | None, absent_since: datetime | None = None
    ) -> Task:
        """It may have been accepted: no other start is made before it was looked up."""
        attempt = task.attempts[-1]

        def change(current: Task) -> Task:
            now = self._now()
            wait = self._schedule.confirmation_pace.wait(now - attempt.sent_at)
            facts = {"lease_until": now, "refusal": refusal, "absent_since": absent_since}
            return current.changed(
                now,
                waiting_for=WaitingFor.CONFIRMATION,
                attempts=(*current.attempts[:-1], attempt.model_copy(update=facts)),
                next_poll_at=now + timedelta(seconds=wait),
            )

        return self._record(task, change)

    def absent(self, task: Task, refusal: Failure) -> Task:
        """It was refused, and not found through the whole quiet period either: closed."""

        def close(current: Task) -> Task:
            return current.failed(self._now(), refusal.code, refusal.message)

        return self._record(task, close)

    def given_up(self, task: Task) -> Task:
        """It cannot be found out whether it was accepted, and no other attempt is made: closed.

        It may have been paid and be at work, so the budget counts it, and its slot stays taken
        until the lease of the slot ends.
        """
        message = (
            "It could not be found out whether the generator accepted the start. "
            "To protect you from paying twice it is not repeated."
        )

        def close(current: Task) -> Task:
            return current.failed(self._now(), FailureCode.START_UNCONFIRMED, message)

        return self._record(task, close)

    def wait_longer(self, task: Task, waiting_for: WaitingFor) -> Task:
        """Nothing was sent; try again later."""
        return self._transitions.write_or_reload(task, self._waiting(task, waiting_for))

    def wait_in_line(self, task: Task, waiting_for: WaitingFor) -> Task:
        """Nothing was sent; it is woken when it may start. It polls rarely, should no one do so.

        The task is in line, which its record may not say yet.
        """
        now = self._now()
        standing = (now - (task.line_since or now)).total_seconds()
        wait = min(max(_FIRST_WAIT, 2 * standing), _LONGEST_WAIT)
        due = now + timedelta(seconds=spread(wait, f"{task.task_id}-{task.version}"))
        waiting = task.changed(now, waiting_for=waiting_for, next_poll_at=due)
        return self._transitions.write_or_reload(task, waiting)

    def too_dear(self, task: Task, fault: str) -> Task:
        """No day has so many coins: closed."""
        failed = task.failed(self._now(), FailureCode.INVALID_REQUEST, fault)
        return self._transitions.write_or_reload(task, failed)

    def too_late(self, task: Task) -> Task:
        """Nothing was accepted by the start deadline: closed."""
        message = f"The generator could not be started in time; it waited for {task.waiting_for}."
        failed = task.failed(self._now(), FailureCode.START_DEADLINE_EXCEEDED, message)
        return self._transitions.write_or_reload(task, failed)

    def deadline(self, task: Task) -> datetime:
        """Until when a task may be started; it stands still while the task waits in line."""
        deadline = timedelta(seconds=self._schedule.start_deadline_seconds)
        return task.created_at + deadline + task.waited(self._now())

    def _waiting(
        self,
        task: Task,
        waiting_for: WaitingFor,
        retry_after: float | None = None,
        **changes: object,
    ) -> Task:
        now, deadline = self._now(), self.deadline(task)
        pace = self._schedule.start_retry_pace.wait(now - task.created_at)
        # A batch that was refused at once does not come back at once.
        pace = spread(pace, f"{task.task_id}-{task.version}")
        # The deadline is not put off, however long the generator asks to be left alone.
        latest = max(deadline, now + timedelta(seconds=pace))
        due = min(latest, now + timedelta(seconds=max(pace, int(retry_after or 0))))
        return task.changed(now, waiting_for=waiting_for, next_poll_at=due, **changes)

    def _record(self, task: Task, change: Callable[[Task], Task]) -> Task:
        """Record what became of the latest attempt, for as long as it is the unresolved one."""
        lease_owner = task.attempts[-1].lease_owner

        def change_while_unresolved(current: Task) -> Task | None:
            latest = current.unresolved_attempt
            if current.status is not TaskStatus.QUEUED or latest is None:
                return None
            return change(current) if latest.lease_owner == lease_owner else None

        return self._transitions.write_until_stored(task, change_while_unresolved)


def accepted_as(task: Task, started: Started) -> dict[str, object]:
    """What a record holds of an accepted start."""
    return {
        "generator_task_id": started.generator_task_id,
        "coins": started.coins,
        "attempts": resolved(task),
    }


def resolved(task: Task) -> tuple[Attempt, ...]:
    """The attempts of a task, none of them in flight any more."""
    return tuple(a.model_copy(update={"in_flight": False}) for a in task.attempts)
