"""Canceling: the wish is written down first, and carried out until it is known what it achieved.

A refund is claimed only where nothing was sent, where the generator confirmed the deletion of a
task that had not begun, or where such a task is gone for good after we had asked for its deletion.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from image_to_video.adapters.limit_table import Limits
from image_to_video.adapters.task_table import TaskTable
from image_to_video.domain.errors import GeneratorError, TaskConflictError
from image_to_video.domain.generator import Generator, Look, Missing, Running
from image_to_video.domain.schedule import Schedule
from image_to_video.domain.task import Cancellation, Task, TaskStatus
from image_to_video.observability import logger

# How often one call asks again, where others move the task or the generator at the same time.
_ROUNDS: Final = 3
# How old a look may be that says that the generator has not begun.
_STILL_TRUE: Final = timedelta(seconds=10)
# A2E forgets records after about three days; a younger one does not vanish by itself.
_KEPT: Final = timedelta(days=1)


class Canceler:
    """Closes tasks for their owners, with the money back where the generator still gives it."""

    def __init__(
        self,
        *,
        table: TaskTable,
        generator: Generator,
        limits: Limits,
        schedule: Schedule,
        now: Callable[[], datetime],
    ) -> None:
        self._table = table
        self._generator = generator
        self._limits = limits
        self._schedule = schedule
        self._now = now

    def request(self, task: Task) -> Task:
        """Write the wish down and do what can be done about it now; what is left the workflow does.

        A start of unknown outcome is confirmed first: only then can it be given back.
        """

        def wish(current: Task) -> Task | None:
            if current.status.is_final or current.cancel_requested_at is not None:
                return None
            now = self._now()
            if current.status is TaskStatus.QUEUED and not current.attempts:
                return current.canceled(now, Cancellation.REFUNDED)
            return current.changed(now, cancel_requested_at=now)

        return self.carry_out(self._table.amend(task, wish))

    def carry_out(self, task: Task) -> Task:
        """Go on with a wish that was written down; a queued task's start decides about it."""
        again = True
        for _ in range(_ROUNDS):
            wanted = task.cancel_requested_at is not None and not task.status.is_final
            if not again or not wanted or task.status is TaskStatus.QUEUED:
                break
            try:
                if task.status is TaskStatus.STORING:
                    task = self._close(task, Cancellation.TOO_LATE)
                else:
                    task, again = self._give_back(task)
            except TaskConflictError:
                task = self._table.get(task.task_id)
        if task.status is TaskStatus.CANCELED and not task.may_be_at_work:
            self._limits.release_slot(task.task_id)
        return task

    def _give_back(self, task: Task) -> tuple[Task, bool]:
        """Ask for the refund; return the task after that, and whether to ask again at once.

        Raises `TaskConflictError` where somebody else moved the task meanwhile.
        """
        generator_task_id = task.generator_task_id or ""
        try:
            looked_at = self._now()
            look = self._generator.check(generator_task_id)
            if not _is_refundable(look):
                return self._without_refund(task, look), False
            if task.refund_requested_at is None or task.missing_since is not None:
                task = self._table.replace(
                    task.changed(looked_at, refund_requested_at=looked_at, missing_since=None)
                )
            deleted = self._generator.cancel(generator_task_id)
        except GeneratorError as error:
            logger.warning("refund not possible now", extra={"reason": str(error)})
            return self._postpone(task), False
        if deleted:
            # Ended tasks are deleted too, but not refunded: what counts is that it had not begun.
            in_time = self._now() - looked_at <= _STILL_TRUE
            achieved = Cancellation.REFUNDED if in_time else Cancellation.TOO_LATE
            return self._close(task, achieved), False
        # It has begun since we looked, or is gone because somebody else asked too. From here on
        # its absence proves nothing any more; one more look tells.
        return self._postpone(task, refund_requested_at=None), True

    def _without_refund(self, task: Task, look: Look) -> Task:
        if not isinstance(look, Missing):
            return self._close(task, Cancellation.TOO_LATE)
        now = self._now()
        missing_since = task.missing_since or now
        if now < missing_since + timedelta(seconds=self._schedule.quiet_seconds):
            return self._postpone(task, missing_since=missing_since)
        # Gone, and not for want of a moment's attention. Old records go by themselves.
        asked = task.refund_requested_at is not None
        young = now < task.generation_began_at + _KEPT
        return self._close(
            task, Cancellation.REFUNDED if asked and young else Cancellation.TOO_LATE
        )

    def _postpone(self, task: Task, **changes: Any) -> Task:
        now = self._now()
        passed = now - task.generation_began_at
        if passed >= timedelta(seconds=self._schedule.generation_deadline_seconds):
            return self._close(task, Cancellation.TOO_LATE)
        self._limits.take_slot(task.task_id, now)
        wait = timedelta(seconds=self._schedule.poll_pace.wait(passed))
        return self._table.replace(task.changed(now, next_poll_at=now + wait, **changes))

    def _close(self, task: Task, achieved: Cancellation) -> Task:
        return self._table.replace(task.canceled(self._now(), achieved))


def _is_refundable(look: Look) -> bool:
    return isinstance(look, Running) and look.refundable
