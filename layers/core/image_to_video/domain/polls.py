"""When a task at the generator is polled next, and which of its polls its record must tell of."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from image_to_video.domain.executions import has_first_execution
from image_to_video.domain.learned_schedule import Plan
from image_to_video.domain.schedule import Schedule
from image_to_video.domain.task import Task


@dataclass(frozen=True, slots=True)
class Polls:
    """The schedule of polls. `slot_seconds` is the lease of a slot; None without MaxGenerating."""

    schedule: Schedule
    slot_seconds: int | None = None

    def next_wait(
        self, since_start: timedelta, plan: Plan | None = None, *, hinted: bool = False
    ) -> int:
        """Seconds until the next poll of a task that the generator accepted so long ago.

        By the fixed pace where nothing is planned: before enough tasks were seen, and beyond them;
        and where a hint is expected, which makes polls rare anyway.
        """
        wait: float | None = None
        if hinted:
            wait = self.schedule.poll_wait(since_start, hinted=True)
        elif plan is not None:
            wait = plan.wait(since_start.total_seconds())
        if wait is None:
            return self.schedule.poll_pace.wait(since_start)
        # A slot must be renewed in time, by a poll.
        longest = self.slot_seconds // 2 if self.slot_seconds else math.inf
        return math.ceil(min(wait, longest))

    def is_too_early(self, task: Task, now: datetime, plan: Plan | None) -> bool:
        """True where the workflow only comes by for a start that might have failed.

        Whoever wants a poll at once gives the task another execution and `next_poll_at`.
        """
        if plan is None or task.started_at is None or task.next_poll_at is None:
            return False
        first = timedelta(seconds=self.schedule.first_poll_seconds)
        is_first = task.next_poll_at == task.started_at + first
        is_first = is_first and has_first_execution(task)
        return is_first and plan.begins_after((now - task.started_at).total_seconds())

    def latest(self, since_start: float, plan: Plan | None = None) -> float:
        """When the poll before the one at this time was, both in seconds since the start."""
        if plan is not None and since_start <= plan.moments[-1]:
            return plan.latest(since_start)
        earlier = since_start - self.schedule.poll_pace.wait(timedelta(seconds=since_start))
        return earlier if earlier >= self.schedule.first_poll_seconds else 0.0

    def must_be_recorded(self, task: Task, due: datetime) -> bool:
        """True where the record must say that this task is polled next at `due`.

        A poll that learned nothing is not recorded as long as three readers of the record need not
        know: `reconcile_tasks`, which takes a task for dead once the poll that its record names is
        overdue; whoever would take its slot; and an execution whose successor was to poll at once.
        A fifth is left for polls that come late.
        """
        if task.next_poll_at is None or task.next_poll_at <= task.updated_at:
            return True
        known_until = task.next_poll_at + timedelta(seconds=self.schedule.overdue_seconds) * 0.8
        if self.slot_seconds is not None:
            # A write renews the slot, if it is worth it, and nothing else does.
            lease = timedelta(seconds=self.slot_seconds)
            if task.slot_until is None:
                # It was started while there was no limit.
                return True
            known_until = min(known_until, task.slot_until - lease * 0.2)
        return due > known_until
