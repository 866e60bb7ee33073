"""How much there is of everything that can run out or pile up, measured by the schedule.

A bounded number of reads every few minutes, and none where a task is started or polled.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from image_to_video.adapters.dynamodb_table import TABLE_ERRORS, is_temporary
from image_to_video.adapters.limit_table import LimitTable
from image_to_video.adapters.task_table import TaskTable
from image_to_video.domain.statuses import TaskStatus
from image_to_video.observability import logger, measure

# Of so many open tasks each is read, of more one of each few.
_MOST_READ: Final = 100
_OPEN: Final = {
    TaskStatus.QUEUED: "TasksQueued",
    TaskStatus.GENERATING: "TasksGenerating",
    TaskStatus.STORING: "TasksStoring",
}


class Gauges:
    """Measures open tasks and limits. An idle stack measures nothing, and pays for no metric."""

    def __init__(
        self, table: TaskTable, limits: LimitTable, *, now: Callable[[], datetime]
    ) -> None:
        self._table = table
        self._limits = limits
        self._now = now

    def measure(self, task_ids: Sequence[str]) -> None:
        """Measure what there is of these open tasks, and of both limits.

        Where AWS is busy, nothing: the next run measures again.
        """
        try:
            self._measure_tasks(task_ids)
            self._measure_limits()
        except TABLE_ERRORS as error:
            if not is_temporary(error):
                raise
            logger.warning("not measured", extra={"reason": str(error)})

    def _measure_tasks(self, task_ids: Sequence[str]) -> None:
        """They are sorted by their next poll, so every few of them stand for all."""
        step = math.ceil(len(task_ids) / _MOST_READ) or 1
        known = self._table.ages(task_ids[::step])
        # The index may still show what has ended since.
        known = [(status, born) for status, born in known if status in set(_OPEN)]
        if not known:
            return
        counted = Counter(status for status, _ in known)
        for status, name in _OPEN.items():
            measure(name, counted[status] * step, "Count")
        oldest = min(born for _, born in known)
        measure("OldestTaskAge", (self._now() - oldest).total_seconds(), "Seconds")

    def _measure_limits(self) -> None:
        now = self._now()
        budget = self._limits.budget(now.date())
        if budget is not None and budget.left < budget.limit:
            spent = budget.limit - budget.left
            measure("CoinsReserved", 100 * spent / budget.limit, "Percent")
        holders = self._limits.holders(now)
        if holders:
            free = self._limits.free_slots(holders) or 0
            measure("SlotsTaken", 100 * len(holders) / (len(holders) + free), "Percent")
