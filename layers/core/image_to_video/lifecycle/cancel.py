"""Canceling: the request is recorded first, and followed until its outcome is known.

A refund is claimed only where nothing was sent, where the generator confirmed the deletion of a
task that had not begun, or where such a task is gone for good after we had asked for its deletion.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from image_to_video.domain.compatibility import is_understood
from image_to_video.domain.errors import GeneratorError, TaskConflictError
from image_to_video.domain.generator import Generator, Missing, PollAnswer, Running
from image_to_video.domain.schedule import Schedule
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Cancellation, FailureCode, Task
from image_to_video.lifecycle.transitions import Transitions
from image_to_video.observability import logger

# How often one call tries again, where others move the task or the generator at the same time.
_TRIES: Final = 3
# How old an answer may be that says that the generator has not begun.
_STILL_TRUE: Final = timedelta(seconds=10)
# A2E forgets records after about three days; a younger one does not vanish by itself.
_RECORD_KEPT: Final = timedelta(days=1)


def apply_request(before: Task, after: Task, now: datetime) -> Task:
    """Close a change that is about to be written, if its cancel request decides it without A2E.

    Every transition passes here. What the generator works on is left to `Canceler.advance`.
    """
    if after.cancel_requested_at is None:
        return after
    if after.status is TaskStatus.QUEUED and not after.attempts:
        # Nothing was sent, or surely not accepted.
        closed = after.canceled(now, Cancellation.REFUNDED)
    elif after.status is TaskStatus.STORING:
        closed = after.canceled(now, Cancellation.TOO_LATE)
    elif after.failure is not None and after.failure.code is FailureCode.START_UNCONFIRMED:
        closed = before.canceled(now, Cancellation.TOO_LATE)
    else:
        return after
    return closed.model_copy(update={"version": after.version})


class Canceler:
    """Closes tasks for their owners, with the coins back where the generator still refunds them."""

    def __init__(
        self,
        *,
        transitions: Transitions,
        generator: Generator,
        schedule: Schedule,
        now: Callable[[], datetime],
    ) -> None:
        self._transitions = transitions
        self._generator = generator
        self._schedule = schedule
        self._now = now

    def request(self, task: Task) -> Task:
        """Record the request and do what can be done about it now; the workflow does the rest.

        A start of unknown outcome is confirmed first: only then can it be refunded.
        """

        def requested(current: Task) -> Task | None:
            if current.status.is_final or current.cancel_requested_at is not None:
                return None
            now = self._now()
            return current.changed(now, cancel_requested_at=now)

        return self.advance(self._transitions.write_until_stored(task, requested))

    def advance(self, task: Task) -> Task:
        """Ask for the refund of a generating task whose owner canceled it; others stay as is."""
        for _ in range(_TRIES):
            is_asked = task.status is TaskStatus.GENERATING and task.cancel_requested_at is not None
            if not is_asked or not is_understood(task):
                break
            try:
                return self._refund(task)
            except TaskConflictError:
                task = self._transitions.reload(task)
        return task

    def _refund(self, task: Task) -> Task:
        """Ask whether it has begun, and for its deletion where it has not.

        Raises `TaskConflictError` where another actor moved the task meanwhile.
        """
        generator_task_id = task.generator_task_id or ""
        for _ in range(_TRIES):
            if task.status.is_final:
                break
            try:
                checked_at = self._now()
                answer = self._generator.check(generator_task_id)
                if not (isinstance(answer, Running) and answer.refundable):
                    return self._without_refund(task, answer)
                task = self._refund_requested(task, checked_at)
                deleted = self._generator.cancel(generator_task_id)
            except GeneratorError as error:
                logger.warning("refund not possible now", extra={"reason": str(error)})
                return self._wait(task)
            if deleted:
                # Ended tasks are deleted too, but not refunded: it must not have begun.
                in_time = self._now() - checked_at <= _STILL_TRUE
                return self._close(
                    task, Cancellation.REFUNDED if in_time else Cancellation.TOO_LATE
                )
            # It has begun since it was checked, or is gone because another request deleted it.
            # From here on its absence proves nothing; one more check tells.
            task = self._wait(task, refund_requested_at=None)
        return task

    def _refund_requested(self, task: Task, now: datetime) -> Task:
        """Record that a deletion is asked for, before it is: after a crash absence proves it."""
        if task.refund_requested_at is not None and task.missing_since is None:
            return task
        requested = task.changed(now, refund_requested_at=now, missing_since=None)
        return self._transitions.write_or_raise(task, requested)

    def _without_refund(self, task: Task, answer: PollAnswer) -> Task:
        if not isinstance(answer, Missing):
            return self._close(task, Cancellation.TOO_LATE)
        now = self._now()
        missing_since = task.missing_since or now
        if now < missing_since + timedelta(seconds=self._schedule.quiet_seconds):
            return self._wait(task, missing_since=missing_since)
        # Missing for the whole quiet period. Old records disappear by themselves, young ones
        # because their deletion was asked for.
        asked = task.refund_requested_at is not None
        young = now < task.generation_began_at + _RECORD_KEPT
        return self._close(
            task, Cancellation.REFUNDED if asked and young else Cancellation.TOO_LATE
        )

    def _wait(self, task: Task, **changes: Any) -> Task:
        now = self._now()
        passed = now - task.generation_began_at
        if passed >= timedelta(seconds=self._schedule.generation_deadline_seconds):
            return self._close(task, Cancellation.TOO_LATE)
        wait = timedelta(seconds=self._schedule.poll_pace.wait(passed))
        new = task.changed(now, next_poll_at=now + wait, **changes)
        return self._transitions.write_or_raise(task, new)

    def _close(self, task: Task, outcome: Cancellation) -> Task:
        return self._transitions.write_or_raise(task, task.canceled(self._now(), outcome))
