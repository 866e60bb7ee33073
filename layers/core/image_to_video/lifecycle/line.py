"""The line of tasks that wait for our own limits: who must stand in it, who may start, who wakes.

Whose owner has spent its own coins of the day waits apart, see `owner_coins`. An entry comes before
the record that names it, and goes after the record that leaves the line. So a death leaves at most
an entry too many: whoever wakes the line next takes it out, or lets the task of it stand there.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from image_to_video.adapters.dynamodb_table import TABLE_ERRORS, is_temporary
from image_to_video.adapters.limit_table import LimitTable
from image_to_video.adapters.task_table import TaskTable
from image_to_video.adapters.waiting_line import OwnerLines, WaitingLine
from image_to_video.domain.errors import ImageToVideoError, TaskConflictError
from image_to_video.domain.prices import Prices
from image_to_video.domain.task import Task, WaitingFor
from image_to_video.domain.waiting_line import (
    Entry,
    Next,
    entry_key,
    entry_of,
    may_start,
    moment_tag,
    waits_for_owner,
)
from image_to_video.lifecycle.owner_coins import OwnerCoins, Rewrite
from image_to_video.lifecycle.waiting_tasks import WaitingTasks, standing_since
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

    `give_execution` lets a task move now, by `Executions.give` with these facts; `rewrite` is
    for `OwnerCoins`.
    """

    def __init__(
        self,
        *,
        line: WaitingLine,
        limits: LimitTable,
        owner_lines: OwnerLines,
        table: TaskTable,
        give_execution: GiveExecution,
        rewrite: Rewrite,
        prices: Prices,
        now: Callable[[], datetime],
    ) -> None:
        self._line = line
        self._limits = limits
        self._tasks = WaitingTasks(table)
        self._owners = OwnerCoins(
            lines=owner_lines,
            line=line,
            limits=limits,
            tasks=self._tasks,
            rewrite=rewrite,
            prices=prices,
            now=now,
        )
        self._give_execution = give_execution
        self._prices = prices
        self._now = now

    def admit(self, task: Task) -> tuple[Task, WaitingFor | None]:
        """The task as it stands in line, if it must, and what it waits for; None: it may start.

        Its record is still to be written. An entry that is gone is put back.
        """
        if not self._limits.has_limits:
            return task, None
        if self._owners.keeps(task):
            return self._owners.stand(task), WaitingFor.COINS
        if _is_in_line(task):
            return self._admitted(task, task)
        head = self._line.first(1)
        return self._admitted(task, self._join(task, head[0])) if head else (task, None)

    def join(self, task: Task, *, for_owner: bool) -> Task:
        """The task in line, whoever waits or does not; its record is still to be written."""
        if for_owner:
            return self._owners.stand(task)
        if _is_in_line(task):
            return task
        head = self._line.first(1)
        return self._join(task, head[0] if head else None)

    def drop(self, before: Task, after: Task) -> bool:
        """Take away the entry that a task had, unless its record names it still; True if so."""
        if not before.in_line or (after.in_line and after.line_entry == before.line_entry):
            return False
        self.leave(before)
        return True

    def leave(self, task: Task) -> None:
        """The task's record has left the line, and so does its entry.

        The start that was recorded goes on without it; the next sweep finds an entry that stays.
        """
        if task.line_entry is None:
            return
        try:
            if waits_for_owner(task):
                self._owners.leave(task)
            else:
                self._line.leave(task.line_entry)
        except TABLE_ERRORS as error:
            if not is_temporary(error):
                raise
            logger.warning("entry could not leave the line", extra={"reason": str(error)})

    def place(self, task: Task) -> int | None:
        """Which place in line a task has, 1 for the next; None where it does not wait there.

        It has none while it waits for coins of its owner.
        """
        if task.line_entry is None or not _is_in_line(task):
            return None
        return self._line.place(task.line_entry)

    def wake(self, owner: str) -> None:
        """Something has come free, of this owner: let whoever it is enough for start now.

        What has just been recorded stays recorded, whatever goes wrong here: the schedule wakes
        them a little later.
        """
        if not self._limits.has_limits:
            return
        try:
            self._let_start(_MOST_WOKEN, partial(self._owners.bring_up, owner))
        except TABLE_ERRORS as error:
            count("WakesFailed")
            logger.error("the line could not be read", extra={"reason": str(error)})

    def sweep(self) -> int:
        """Wake whoever may start and has not just been woken; return how many that are.

        Where AWS is busy the others are left to the next sweep.
        """
        woken = self._let_start(_MOST_READ, self._owners.bring_up_all)
        with self._patiently():
            if self._limits.owner_limit is not None:
                for entry, task in self._tasks.read(self._next()[1].short):
                    self._owners.set_aside(entry, task)
        return woken

    def _let_start(self, most: int, bring_up: Callable[[int], None]) -> int:
        """Bring up whose owners have coins again, then wake who may start; return how many."""
        woken = 0
        with self._patiently():
            bring_up(most)
            for task, entry in self._ready():
                woken += self._wake(task, entry)
                if woken >= most:
                    break
        return woken

    @contextmanager
    def _patiently(self) -> Iterator[None]:
        """What AWS is too busy for is left to the next sweep."""
        try:
            yield
        except (*TABLE_ERRORS, ImageToVideoError) as error:
            if not is_temporary(error):
                raise
            count("WakesFailed")
            logger.error("the line could not be woken", extra={"reason": str(error)})

    def _ready(self) -> Iterator[tuple[Task, Entry]]:
        """Who may start, with their entries; an entry that nobody needs is taken out."""
        while True:
            _, ready = self._next()
            has_changed = False
            for entry, task in self._tasks.read(ready.entries):
                if task is not None:
                    yield task, entry
                    continue
                self._line.leave(entry.key)
                has_changed = True
            if not ready.entries and ready.blocked and ready.others_wait_for is WaitingFor.COINS:
                blocked = self._tasks.read([ready.blocked])
                has_changed = any(self._priced_anew(*head) for head in blocked)
            # Then somebody else may have come up.
            if not has_changed:
                return

    def _priced_anew(self, head: Entry, task: Task | None) -> bool:
        """True where what the first in line costs has changed since it came."""
        if task is None or self._prices.of(task) == head.coins:
            return False
        self._line.enter(head.model_copy(update={"coins": self._prices.of(task)}))
        return True

    def _admitted(self, task: Task, standing: Task) -> tuple[Task, WaitingFor | None]:
        """A task that stands in line, and what it waits for; `task` is as it is recorded."""
        entry = entry_of(standing, self._prices.of(standing))
        line, ready = self._next()
        if entry not in line:
            # It is gone, or the prices have changed.
            self._line.enter(entry)
        if entry.key in [chosen.key for chosen in ready.entries]:
            return standing, None
        if entry.key not in [short.key for short in ready.short]:
            return standing, ready.others_wait_for
        aside = self._owners.stand(standing)
        if not task.in_line or task.line_entry != entry.key:
            self._line.leave(entry.key)
        return aside, WaitingFor.COINS

    def _join(self, task: Task, head: Entry | None) -> Task:
        now, key = self._now(), None if waits_for_owner(task) else task.line_entry
        if key is None and task.line_entry is None and task.waiting_for is not WaitingFor.START:
            # It had its turn, and the generator did not take it then.
            key = entry_key(moment_tag(task.created_at), task.task_id)
        elif key is None:
            key = self._line.new_key(task.owner, task.task_id, head=head, now=now)
        since = task.line_since or now
        joined = task.model_copy(update={"line_entry": key, "line_since": since})
        self._line.enter(entry_of(joined, self._prices.of(joined)))
        return joined

    def _next(self) -> tuple[list[Entry], Next]:
        """The head of the line as far as it was read, and who of it may start now."""
        line = self._line.first(_FEW)
        if not line:
            return line, Next([], WaitingFor.SLOT, [], None)
        now = self._now()
        holders = self._limits.holders(now)
        free = self._limits.free_slots(holders)
        enough = _MOST_READ if free is None else min(free + _FEW, _MOST_READ)
        if len(line) == _FEW < enough:
            line = self._line.first(enough)
        decide = partial(
            may_start,
            free=free,
            budget=self._limits.budget(now.date()),
            holders=holders or (),
            owners=self._owners.budgets(),
        )
        found = decide(line)
        if found.short and found.blocked is None and len(line) == enough < _MOST_READ:
            # Behind those that are passed over others may be next.
            line = self._line.first(_MOST_READ)
            found = decide(line)
        return line, found

    def _wake(self, task: Task, entry: Entry) -> bool:
        now, due = self._now(), task.next_poll_at or task.updated_at
        if task.in_line and now - _WOKEN < due <= now:
            return False
        since = standing_since(task, entry, now)
        try:
            self._give_execution(task, {"line_entry": entry.key, "line_since": since})
        except TaskConflictError:
            # It moves already.
            return False
        count("TasksWoken")
        return True


def _is_in_line(task: Task) -> bool:
    """True for a task in the line itself, not among those that wait for coins of their owner."""
    return task.in_line and not waits_for_owner(task)
