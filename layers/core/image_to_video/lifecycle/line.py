"""The line of tasks that wait for our own limits: who must stand in it, who may start, who wakes.

An entry comes before the record that names it, and goes after the record that leaves the line. So a
death leaves at most an entry too many: whoever wakes the line next takes it out, or lets the task
of it stand there.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from image_to_video.adapters.dynamodb_table import TABLE_ERRORS, is_temporary
from image_to_video.adapters.limit_table import LimitTable
from image_to_video.adapters.task_table import TaskTable
from image_to_video.adapters.waiting_line import WaitingLine
from image_to_video.domain.compatibility import is_understood
from image_to_video.domain.errors import (
    ImageToVideoError,
    TaskConflictError,
    TaskNotFoundError,
)
from image_to_video.domain.prices import Prices
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task, WaitingFor
from image_to_video.domain.waiting_line import Entry, Next, entry_key, may_start, moment_tag
from image_to_video.observability import count, logger

# Read of the line where it need not be known further: who died with a slot is among the first.
_FEW: Final = 4
# Read of the line at most, and how many of it one release wakes at most.
_MOST_READ: Final = 1000
_MOST_WOKEN: Final = 10
# Who was woken so long ago and has not moved is woken again.
_WOKEN: Final = timedelta(seconds=60)


type GiveExecution = Callable[[Task, dict[str, object]], Task]


class Line:
    """Lets tasks wait in order of their arrival, and their owners take turns.

    `give_execution` lets a task move now, by `Executions.give` with these facts.
    """

    def __init__(
        self,
        *,
        line: WaitingLine,
        limits: LimitTable,
        table: TaskTable,
        give_execution: GiveExecution,
        prices: Prices,
        now: Callable[[], datetime],
    ) -> None:
        self._line = line
        self._limits = limits
        self._table = table
        self._give_execution = give_execution
        self._prices = prices
        self._now = now

    def enter(self, task: Task) -> Task:
        """The task in line, if somebody waits already; its record is still to be written."""
        if task.in_line or not self._limits.has_limits:
            return task
        head = self._line.first(1)
        return self._join(task, head[0]) if head else task

    def join(self, task: Task) -> Task:
        """The task in line, whoever waits or does not; its record is still to be written."""
        if task.in_line:
            return task
        head = self._line.first(1)
        return self._join(task, head[0] if head else None)

    def missing(self, task: Task) -> WaitingFor | None:
        """What a task in line still waits for; None for one that may start.

        An entry that is gone is put back.
        """
        if not task.in_line or not self._limits.has_limits:
            return None
        entry = self._entry(task)
        line, ready = self._next()
        if entry not in line:
            # It is gone, or the prices have changed.
            self._line.enter(entry)
        may = entry.key in [chosen.key for chosen in ready.entries]
        return None if may else ready.others_wait_for

    def leave(self, task: Task) -> None:
        """The task's record has left the line, and so does its entry.

        The start that was recorded goes on without it; the next sweep finds an entry that stays.
        """
        if task.line_entry is None:
            return
        try:
            self._line.leave(task.line_entry)
        except TABLE_ERRORS as error:
            if not is_temporary(error):
                raise
            logger.warning("entry could not leave the line", extra={"reason": str(error)})

    def place(self, task: Task) -> int | None:
        """Which place in line a task has, 1 for the next; None where it does not wait there."""
        if task.line_entry is None or not task.in_line:
            return None
        return self._line.place(task.line_entry)

    def wake(self) -> None:
        """Something has come free: let whoever it is enough for start now.

        What has just been recorded stays recorded, whatever goes wrong here: the schedule wakes
        them a little later.
        """
        if not self._limits.has_limits:
            return
        try:
            self.sweep(_MOST_WOKEN)
        except TABLE_ERRORS as error:
            count("WakesFailed")
            logger.error("the line could not be read", extra={"reason": str(error)})

    def sweep(self, most: int = _MOST_READ) -> int:
        """Wake whoever may start and has not just been woken; return how many that are.

        Where AWS is busy the others are left to the next sweep.
        """
        woken = 0
        try:
            for task, entry in self._ready():
                woken += self._wake(task, entry)
                if woken >= most:
                    break
        except (*TABLE_ERRORS, ImageToVideoError) as error:
            if not is_temporary(error):
                raise
            count("WakesFailed")
            logger.error("the line could not be woken", extra={"reason": str(error)})
        return woken

    def _ready(self) -> Iterator[tuple[Task, Entry]]:
        """Who may start, with their entries; an entry that nobody needs is taken out."""
        while True:
            line, ready = self._next()
            has_changed = False
            for entry, task in self._read(ready.entries):
                if task is not None:
                    yield task, entry
                    continue
                self._line.leave(entry.key)
                has_changed = True
            if not ready.entries and ready.others_wait_for is WaitingFor.COINS:
                has_changed = any(self._priced_anew(*head) for head in self._read(line[:1]))
            # Then somebody else may have come up.
            if not has_changed:
                return

    def _read(self, entries: list[Entry]) -> Iterator[tuple[Entry, Task | None]]:
        """Entries with the tasks that wait there, if any that can be read does."""
        for entry in entries:
            try:
                task = self._waiting(entry)
            except ValueError:
                # Nobody here can let it start: it gives up its place to those behind it.
                count("WakesFailed")
                logger.exception("task in line cannot be read")
                task = None
            yield entry, task

    def _priced_anew(self, head: Entry, task: Task | None) -> bool:
        """True where what the first in line costs has changed since it came."""
        if task is None or self._prices.of(task) == head.coins:
            return False
        self._line.enter(head.model_copy(update={"coins": self._prices.of(task)}))
        return True

    def _join(self, task: Task, head: Entry | None) -> Task:
        now, key = self._now(), task.line_entry
        if key is None and task.waiting_for is not WaitingFor.START:
            # It had its turn, and the generator did not take it then.
            key = entry_key(moment_tag(task.created_at), task.task_id)
        elif key is None:
            key = self._line.new_key(task.owner, task.task_id, head=head, now=now)
        joined = task.model_copy(update={"line_entry": key, "line_since": now})
        self._line.enter(self._entry(joined))
        return joined

    def _entry(self, task: Task) -> Entry:
        if task.line_entry is None or task.line_since is None:
            raise ValueError(f"task {task.task_id} does not stand in line")
        return Entry(
            key=task.line_entry,
            task_id=task.task_id,
            owner=task.owner,
            coins=self._prices.of(task),
            joined_at=task.line_since,
        )

    def _next(self) -> tuple[list[Entry], Next]:
        """The head of the line as far as it was read, and who of it may start now."""
        line = self._line.first(_FEW)
        if not line:
            return line, Next([], WaitingFor.SLOT)
        now = self._now()
        holders = self._limits.holders(now)
        free = self._limits.free_slots(holders)
        enough = _MOST_READ if free is None else min(free + _FEW, _MOST_READ)
        if len(line) == _FEW < enough:
            line = self._line.first(enough)
        budget = self._limits.budget(now.date())
        return line, may_start(line, free=free, budget=budget, holders=holders or ())

    def _waiting(self, entry: Entry) -> Task | None:
        """The task of an entry, if it still waits there, or is about to.

        One in a state that only another release knows does not: the others do not wait for it, and
        the other release puts it back to its place.
        """
        try:
            task = self._table.get(entry.task_id)
        except TaskNotFoundError:
            return None
        waits = task.status is TaskStatus.QUEUED and task.unresolved_attempt is None
        waits = waits and is_understood(task)
        return task if waits and task.line_entry in (None, entry.key) else None

    def _wake(self, task: Task, entry: Entry) -> bool:
        now, due = self._now(), task.next_poll_at or task.updated_at
        if task.in_line and now - _WOKEN < due <= now:
            return False
        # One that has stood there before has counted that time already.
        joined_at = now if task.line_entry == entry.key else entry.joined_at
        since = task.line_since or joined_at
        try:
            self._give_execution(task, {"line_entry": entry.key, "line_since": since})
        except TaskConflictError:
            # It moves already.
            return False
        count("TasksWoken")
        return True
