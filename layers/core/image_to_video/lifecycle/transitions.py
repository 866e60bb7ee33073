"""How a recorded task changes: by one of three writes, which differ in what a conflict means.

Each change passes the same steps. A pending cancel request is applied to it, a slot that the task
still needs is renewed, the record is written, what the task holds no more is released, and who
waits in line for that is woken.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from image_to_video.adapters.task_table import TaskTable
from image_to_video.domain.compatibility import is_understood
from image_to_video.domain.errors import TaskConflictError, TaskNotUnderstoodError
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task
from image_to_video.lifecycle.line import Line
from image_to_video.lifecycle.reports import report_change
from image_to_video.lifecycle.reservations import Reservations

type CancelRule = Callable[[Task, Task, datetime], Task]


class Transitions:
    """Writes changes of tasks. `cancel_rule` is `cancel.apply_request`.

    Of live tasks, or of test tasks alone: a task of the other kind is refused, before anything is
    paid for it, because a start is recorded first.
    """

    def __init__(
        self,
        *,
        table: TaskTable,
        reservations: Reservations,
        line: Line,
        cancel_rule: CancelRule,
        now: Callable[[], datetime],
        test: bool = False,
    ) -> None:
        self._table = table
        self._reservations = reservations
        self._line = line
        self._cancel_rule = cancel_rule
        self._now = now
        self._test = test

    def write_or_raise(self, task: Task, new: Task) -> Task:
        """Store the next version of a task. Raises `TaskConflictError` if another came first.

        Raises `TaskNotUnderstoodError` for one that only another release may move, as all three do.
        """
        if not is_understood(task):
            raise TaskNotUnderstoodError(task.task_id)
        if task.test is not self._test:
            raise ValueError(f"task {task.task_id} is of the other kind: test is {task.test}")
        new = self._cancel_rule(task, new, self._now())
        new = self._table.write(self._reservations.renew(task, new), before=task)
        report_change(task, new)
        self._settle(task, new)
        return new

    def write_or_reload(self, task: Task, new: Task) -> Task:
        """Store the next version of a task, or return what another stored first."""
        try:
            return self.write_or_raise(task, new)
        except TaskConflictError:
            return self.reload(task)

    def write_until_stored(self, task: Task, change: Callable[[Task], Task | None]) -> Task:
        """Apply `change` to ever newer versions of the task until one is stored.

        For facts that stay true whatever others wrote; None means that nothing is left to do.
        """
        while True:
            if not is_understood(task):
                raise TaskNotUnderstoodError(task.task_id)
            new = change(task)
            if new is None:
                return task
            with suppress(TaskConflictError):
                return self.write_or_raise(task, new)
            task = self.reload(task)

    def reload(self, task: Task) -> Task:
        """The task as another has stored it, with what it holds no more released."""
        stored = self._table.get(task.task_id)
        self._settle(task, stored)
        return stored

    def _settle(self, before: Task, after: Task) -> None:
        """Release what the stored task holds no more, and wake who waits for it.

        Not where the generator has just refused a start: the next one would be refused as well,
        and so on through the whole line. It is tried again by this task, and by the schedule. Nor
        of a task in a state that only another release knows: that one knows what it still holds.
        """
        if not is_understood(after):
            return
        freed = self._reservations.release(before, after)
        if self._line.drop(before, after):
            freed = freed or after.status.is_final
        if freed and after.status is not TaskStatus.QUEUED:
            self._line.wake(after.owner)
