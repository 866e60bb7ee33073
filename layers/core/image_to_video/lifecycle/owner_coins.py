"""Tasks whose owner has spent its coins of the day: they wait apart, and keep nobody else waiting.

When the owner has coins again they come up into the line, in their order and with a new turn each,
and start from there. As in the line, an entry comes before the record that names it and goes after
the record that leaves, so a death leaves at most an entry too many.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from image_to_video.adapters.limit_table import LimitTable
from image_to_video.adapters.waiting_line import OwnerLines, WaitingLine
from image_to_video.domain.prices import Prices
from image_to_video.domain.task import Task, WaitingFor
from image_to_video.domain.waiting_line import (
    Entry,
    OwnerBudgets,
    entry_of,
    owner_key,
    waits_for_owner,
)
from image_to_video.lifecycle.waiting_tasks import WaitingTasks, standing_since

# How many owners' budgets one decision about the line reads: of others, a start itself finds out.
_MOST_BUDGETS: Final = 100
# Read of the line at most, to see whose tasks are to start from there already.
_MOST_READ: Final = 1000
# Read of one owner's tasks at most, beside as many as are to come up.
_MOST_OF_ONE: Final = 200

type Rewrite = Callable[[Task, Mapping[str, object]], Task]


class OwnerCoins:
    """Lets tasks wait for coins of their owner.

    `rewrite` stores a task with these changes, or returns what another has stored.
    """

    def __init__(
        self,
        *,
        lines: OwnerLines,
        line: WaitingLine,
        limits: LimitTable,
        tasks: WaitingTasks,
        rewrite: Rewrite,
        prices: Prices,
        now: Callable[[], datetime],
    ) -> None:
        self._lines = lines
        self._line = line
        self._limits = limits
        self._tasks = tasks
        self._rewrite = rewrite
        self._prices = prices
        self._now = now

    def budgets(self) -> OwnerBudgets | None:
        """What owners have left today, each read once when it is asked for; None without limit."""
        limit, today = self._limits.owner_limit, self._now().date()
        if limit is None:
            return None
        known: dict[str, int] = {}

        def left(owner: str) -> int:
            if owner not in known and len(known) < _MOST_BUDGETS:
                budget = self._limits.budget(today, owner)
                known[owner] = budget.left if budget else limit
            return known.get(owner, limit)

        return OwnerBudgets(limit, left)

    def keeps(self, task: Task) -> bool:
        """True where a task must wait for coins of its owner, or behind others of that owner."""
        if self._limits.owner_limit is None:
            return False
        stands_apart = task.in_line and waits_for_owner(task)
        if task.in_line and not stands_apart:
            # Its turn in line has come after those of its owner that were before it.
            return False
        first = self._lines.first(task.owner, 1)
        if first and first[0].task_id != task.task_id and first[0].key < owner_key(task):
            return True
        # What came just now finds out when it reserves.
        budget = self._limits.budget(self._now().date(), task.owner) if stands_apart else None
        return budget is not None and self._prices.of(task) > budget.left

    def stand(self, task: Task) -> Task:
        """The task among those of its owner; its record is still to be written."""
        stands_there = task.in_line and waits_for_owner(task)
        key = task.line_entry if stands_there else owner_key(task)
        since = task.line_since or self._now()
        standing = task.model_copy(update={"line_entry": key, "line_since": since})
        self._lines.enter(entry_of(standing, self._prices.of(standing)))
        return standing

    def leave(self, task: Task) -> None:
        """Take the task's entry away; harmless where it has none."""
        self._lines.leave(task.owner, task.line_entry or "")

    def bring_up_all(self, most: int) -> None:
        """Bring tasks of every owner up into the line, as many as their coins are enough for."""
        line: list[Entry] | None = None
        for owner in self._lines.owners():
            line = self._line.first(_MOST_READ) if line is None else line
            most -= self._bring_up(owner, most, line)
            if most <= 0:
                return

    def bring_up(self, owner: str, most: int) -> None:
        """Bring tasks of one owner up into the line, as many as its coins are enough for."""
        if self._limits.owner_limit is not None and self._lines.first(owner, 1):
            self._bring_up(owner, most, self._line.first(_MOST_READ))

    def set_aside(self, entry: Entry, task: Task | None) -> None:
        """Take an entry out of the line; its task waits for coins of its owner."""
        if task is not None:
            since = standing_since(task, entry, self._now())
            aside = self.stand(task.model_copy(update={"line_since": since}))
            facts = {"line_entry": aside.line_entry, "line_since": since}
            stored = self._rewrite(task, {**facts, "waiting_for": WaitingFor.COINS})
            if not _names(stored, aside.line_entry):
                self.leave(aside)
            if _names(stored, entry.key):
                return
        self._line.leave(entry.key)

    def _bring_up(self, owner: str, most: int, line: list[Entry]) -> int:
        """Bring up at most so many into the line, which begins like this; return how many."""
        budget = self._limits.budget(self._now().date(), owner)
        # Those that came up before and have not started have reserved nothing yet.
        left = budget.left - sum(e.coins for e in line if e.owner == owner) if budget else 0
        brought = 0
        waiting = self._lines.first(owner, min(most, _MOST_OF_ONE))
        for entry, task in self._tasks.read(waiting):
            if task is None:
                self._lines.leave(owner, entry.key)
                continue
            coins = self._prices.of(task)
            # One that is too dear for any day comes up to be refused.
            if budget and coins <= budget.limit:
                if coins > left:
                    break
                left -= coins
            brought += self._move_up(entry, task, coins, line)
        return brought

    def _move_up(self, entry: Entry, task: Task, coins: int, line: list[Entry]) -> bool:
        now = self._now()
        head = line[0] if line else None
        key = self._line.new_key(task.owner, task.task_id, head=head, now=now)
        place = entry.model_copy(update={"key": key, "coins": coins})
        self._line.enter(place)
        others = WaitingFor.SLOT if self._limits.has_slots else WaitingFor.COINS
        since = standing_since(task, entry, now)
        facts = {"line_entry": key, "line_since": since, "waiting_for": others}
        if not _names(self._rewrite(task, facts), key):
            # It moves already.
            self._line.leave(key)
            return False
        self._lines.leave(task.owner, entry.key)
        line.append(place)
        return True


def _names(task: Task, key: str | None) -> bool:
    """True where the record says that the task stands in this place."""
    return task.in_line and task.line_entry == key
