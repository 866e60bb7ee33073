"""What the workflow asks for: poll a task, which may start it, and store its video."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from image_to_video.adapters.task_table import TaskTable
from image_to_video.domain.compatibility import is_understood
from image_to_video.domain.records import Frozen
from image_to_video.domain.schedule import Schedule
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task
from image_to_video.lifecycle.cancel import Canceler
from image_to_video.lifecycle.kinds import Kinds
from image_to_video.lifecycle.poll import Poller
from image_to_video.lifecycle.start import Starter
from image_to_video.lifecycle.store import Storer
from image_to_video.lifecycle.transitions import Transitions
from image_to_video.observability import count, logger

# A poll a little early costs nothing; sending the workflow round once more does.
_EARLY: Final = timedelta(seconds=5)
# How long after it was due the first poll of an execution may still come.
_BEGINS_WITHIN: Final = timedelta(seconds=30)
# How long a task is left alone that only another release may move, in seconds: first so long, then
# as long as it has been so, and never longer than this.
_ALONE_AT_FIRST: Final = 60
_ALONE_AT_MOST: Final = 3600


class Phase(StrEnum):
    """What a workflow step answers; the state machine knows these words and no others."""

    WAITING = "waiting"
    READY = "ready"
    CLOSED = "closed"


class Step(Frozen):
    """What the workflow does next, and how long it waits before that."""

    phase: Phase
    wait_seconds: int = 0


class WorkflowSteps:
    """The states `PollTask` and `StoreVideo`. Each answers the phase and how long to wait.

    `execution` is the name of the one that asks. One whose task was given another ends itself, so
    that two never go on side by side. `of_tests` are those of test tasks.
    """

    def __init__(
        self,
        *,
        table: TaskTable,
        transitions: Transitions,
        starter: Starter,
        poller: Poller,
        storer: Storer,
        canceler: Canceler,
        schedule: Schedule,
        now: Callable[[], datetime],
        of_tests: "Callable[[], WorkflowSteps] | None" = None,
    ) -> None:
        self._table = table
        self._transitions = transitions
        self._starter = starter
        self._poller = poller
        self._storer = storer
        self._canceler = canceler
        self._schedule = schedule
        self._now = now
        self._kinds: Kinds[WorkflowSteps] = Kinds(self, of_tests)

    def poll_task(self, task_id: str, execution: str | None = None) -> Step:
        """Advance a task as far as it can go now: start it, poll, or have its link renewed.

        Raises `TaskNotFoundError`.
        """
        task = self._table.get(task_id)
        if not is_understood(task):
            return self._leave_alone(task)
        with self._kinds.of(test=task.test) as steps:
            return steps.poll(task, execution)

    def poll(self, task: Task, execution: str | None = None) -> Step:
        """`poll_task` for a task of our own kind."""
        if execution is not None and not task.status.is_final and task.execution != execution:
            wait = self._wait_for_successor(task)
            if wait is None or wait > 0:
                return Step(phase=Phase.CLOSED) if wait is None else _waiting(wait)
            taken_back = task.changed(self._now(), execution=execution)
            task = self._transitions.write_or_reload(task, taken_back)
            if task != taken_back:
                return _waiting(1)
            count("ExecutionsTakenBack")
        task = self._mark_late(task)
        if not is_understood(task):
            return self._leave_alone(task)
        if task.next_poll_at is not None and self._now() < task.next_poll_at - _EARLY:
            return self._step(task)
        match task.status:
            case TaskStatus.QUEUED:
                task = self._starter.advance(task)
            case TaskStatus.GENERATING if task.cancel_requested_at is not None:
                task = self._canceler.advance(task)
            case TaskStatus.GENERATING:
                task = self._poller.poll(task)
            case TaskStatus.STORING:
                task = self._poller.refresh_link(task)
        self._storer.discard_canceled(task)
        return self._step(task)

    def store_video(self, task_id: str, execution: str | None = None) -> Step:
        """Copy a finished video into the bucket. Raises `TaskNotFoundError`."""
        task = self._table.get(task_id)
        if not is_understood(task):
            return self._leave_alone(task)
        if execution not in (None, task.execution):
            return Step(phase=Phase.CLOSED)
        with self._kinds.of(test=task.test) as steps:
            return steps.store(task)

    def store(self, task: Task) -> Step:
        """`store_video` for a task of our own kind."""
        return self._step(self._storer.store(task))

    def _wait_for_successor(self, task: Task) -> float | None:
        """How long an execution stays whose task was given another: None where it can end.

        Recorded and never started, the other one would leave the task to nobody until the schedule
        finds it; so the earlier one waits for its first poll, and after 0 takes the task back.
        """
        due, now = task.next_poll_at, self._now()
        # Whoever gave it the other one left it due at once, and the first step of that moves it on.
        # A video to be stored is due at once anyway: nothing tells, and it is left to the other.
        if due is None or due > task.updated_at or task.status is TaskStatus.STORING:
            return None
        return max(0.0, (due + _BEGINS_WITHIN - now).total_seconds())

    def _mark_late(self, task: Task) -> Task:
        """Set the flag once the window has passed: a write of its own, so an event of its own."""
        if task.late or task.status.is_final or self._now() < self._window_end(task):
            return task
        count("TasksLate")
        return self._transitions.write_or_reload(task, task.changed(self._now(), late=True))

    def _leave_alone(self, task: Task) -> Step:
        """Another release put the task into a state that this one does not know: wait for it."""
        if task.ended_at is not None:
            return Step(phase=Phase.CLOSED)
        count("TasksLeftAlone")
        facts = {"status": task.status, "waiting_for": task.waiting_for, "needs": task.needs}
        logger.warning("task of another release is left alone", extra=facts)
        since = (self._now() - task.updated_at).total_seconds()
        return _waiting(min(max(_ALONE_AT_FIRST, since), _ALONE_AT_MOST))

    def _step(self, task: Task) -> Step:
        if not is_understood(task):
            return self._leave_alone(task)
        if task.status.is_final:
            return Step(phase=Phase.CLOSED)
        now, due = self._now(), task.next_poll_at or task.updated_at
        if not task.late and now < self._window_end(task) < due:
            # The flag does not wait for a poll that the generator wants late.
            due = self._window_end(task)
        wait_seconds = math.ceil((due - now).total_seconds())
        if task.status is TaskStatus.STORING and wait_seconds <= 0:
            return Step(phase=Phase.READY)
        return _waiting(wait_seconds)

    def _window_end(self, task: Task) -> datetime:
        return task.created_at + timedelta(seconds=self._schedule.window_seconds)


def _waiting(seconds: float) -> Step:
    return Step(phase=Phase.WAITING, wait_seconds=max(1, math.ceil(seconds)))
