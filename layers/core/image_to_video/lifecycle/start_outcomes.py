"""What became of a paid start, written down: accepted, not accepted, unconfirmed, given up.

These facts stay true whatever others wrote to the record meanwhile, a cancel above all, so they
are amendments, not conditional changes. Limits are settled so that a death in between counts too
much, for a while, and never too little.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from image_to_video.adapters.limit_table import Limits
from image_to_video.adapters.task_table import TaskTable
from image_to_video.domain.generator import Started
from image_to_video.domain.schedule import Schedule
from image_to_video.domain.task import (
    Attempt,
    Cancellation,
    Failure,
    FailureCode,
    Task,
    TaskStatus,
    WaitingFor,
)


class StartOutcomes:
    """Keeps the record of a task's attempts, and of what they hold under the limits."""

    def __init__(
        self,
        *,
        table: TaskTable,
        limits: Limits,
        schedule: Schedule,
        now: Callable[[], datetime],
    ) -> None:
        self._table = table
        self._limits = limits
        self._schedule = schedule
        self._now = now

    def accepted(self, task: Task, started: Started) -> Task:
        """The generator works on it, whatever has become of the task meanwhile."""

        def change(current: Task) -> Task | None:
            if current.generator_task_id is not None:
                return None
            now = self._now()
            facts = accepted_as(current, started) | {"started_at": now}
            if current.status.is_final:
                return current.changed(now, **facts)
            first_poll = timedelta(seconds=self._schedule.first_poll_seconds)
            return current.changed(
                now, status=TaskStatus.GENERATING, next_poll_at=now + first_poll, **facts
            )

        attempt = task.attempts[-1]
        task = self._table.amend(task, change)
        spent = attempt.coins_reserved if started.coins is None else started.coins
        self.settle_coins(attempt, spent)
        return task

    def postponed(
        self, task: Task, waiting_for: WaitingFor, retry_after: float | None = None
    ) -> Task:
        """Surely nothing was accepted: forget the attempt, its name may be used again."""
        attempt = task.attempts[-1]
        self._settle(task, attempt, 0)

        def change(current: Task) -> Task:
            # The attempt before it, if there is one, is to be looked up once more before the next.
            earlier = tuple(a.model_copy(update={"in_flight": True}) for a in current.attempts[:-1])
            if current.cancel_requested_at is not None and not earlier:
                return current.canceled(self._now(), Cancellation.REFUNDED, attempts=earlier)
            return self._waiting(current, waiting_for, retry_after, attempts=earlier)

        return self._record(task, attempt, change)

    def refused(self, task: Task, code: FailureCode, message: str) -> Task:
        """The generator will never accept it: closed, once an earlier attempt is surely absent."""
        attempt = task.attempts[-1]
        self._settle(task, attempt, 0)
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

        return self._record(task, attempt, change)

    def unconfirmed(
        self, task: Task, *, refusal: Failure | None, absent_since: datetime | None = None
    ) -> Task:
        """It may have been accepted: nobody starts again before it was looked up."""
        attempt = task.attempts[-1]
        self._limits.take_slot(task.task_id, self._now())

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

        return self._record(task, attempt, change)

    def absent(self, task: Task, refusal: Failure) -> Task:
        """It was refused, and not found through the whole quiet period either."""
        attempt = task.attempts[-1]

        def close(current: Task) -> Task:
            return current.failed(self._now(), refusal.code, refusal.message)

        task = self._record(task, attempt, close)
        self._settle(task, attempt, 0)
        return task

    def given_up(self, task: Task) -> Task:
        """It cannot be found out, or its owner wants it no more, and no other attempt is made.

        It may have been paid and be at work, so the budget counts it, and its place stays taken
        until the lease ends.
        """
        attempt = task.attempts[-1]
        message = (
            "It could not be found out whether the generator accepted the start. "
            "To protect you from paying twice it is not repeated."
        )

        def close(current: Task) -> Task:
            now = self._now()
            if current.cancel_requested_at is not None:
                return current.canceled(now, Cancellation.TOO_LATE)
            return current.failed(now, FailureCode.START_UNCONFIRMED, message)

        task = self._record(task, attempt, close)
        self.settle_coins(attempt, attempt.coins_reserved)
        return task

    def wait_longer(self, task: Task, waiting_for: WaitingFor) -> Task:
        """Nothing was sent; try again later."""
        return self._table.settle(self._waiting(task, waiting_for))

    def settle_coins(self, attempt: Attempt, spent: int) -> None:
        """Count what an attempt really cost in place of what was set aside for it."""
        day = attempt.sent_at.date()
        self._limits.settle_coins(attempt.lease_owner, attempt.coins_reserved, spent, day)

    def deadline(self, task: Task) -> datetime:
        """Until when a task may be started."""
        return task.created_at + timedelta(seconds=self._schedule.start_deadline_seconds)

    def _settle(self, task: Task, attempt: Attempt, spent: int) -> None:
        """Let others use its place: before the record frees the task for another start."""
        self.settle_coins(attempt, spent)
        self._limits.release_slot(task.task_id)

    def _waiting(
        self,
        task: Task,
        waiting_for: WaitingFor,
        retry_after: float | None = None,
        **changes: object,
    ) -> Task:
        now, deadline = self._now(), self.deadline(task)
        pace = self._schedule.start_retry_pace.wait(now - task.created_at)
        # After the deadline nobody is asked, however long the generator wants to be left alone.
        latest = max(deadline, now + timedelta(seconds=pace))
        due = min(latest, now + timedelta(seconds=max(pace, int(retry_after or 0))))
        return task.changed(now, waiting_for=waiting_for, next_poll_at=due, **changes)

    def _record(self, task: Task, attempt: Attempt, change: Callable[[Task], Task]) -> Task:
        """Write down what became of an attempt, as long as it is the task's latest."""

        def while_it_lasts(current: Task) -> Task | None:
            latest = current.unresolved_attempt
            if current.status is not TaskStatus.QUEUED or latest is None:
                return None
            return change(current) if latest.lease_owner == attempt.lease_owner else None

        return self._table.amend(task, while_it_lasts)


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
