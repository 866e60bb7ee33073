"""What is learned from finished tasks: when to poll the next ones, and how long they may take.

None of it is needed: whatever goes wrong here is logged, and the fixed pace serves.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from image_to_video.domain.errors import DurationsUnavailableError
from image_to_video.domain.learned_schedule import FEWEST, Durations, Plan, planned
from image_to_video.domain.polls import Polls
from image_to_video.domain.task import Task
from image_to_video.observability import logger

# How long one container believes what it has read.
_KEPT: Final = timedelta(minutes=5)
# A start that was confirmed so much later than it was sent does not tell when it began.
_LONGEST_START: Final = timedelta(seconds=30)
# The range that is told holds four of five tasks.
_LOW: Final = 0.1
_HIGH: Final = 0.9


class Table(Protocol):
    """Where durations are kept: `DurationTable`."""

    def read(self, kind: str) -> Durations:
        """What is known of this kind."""

    def add(self, kind: str, seconds: float) -> None:
        """Count one task."""


class NothingLearned:
    """The table of test tasks, whose durations tell nothing."""

    def read(self, kind: str) -> Durations:  # noqa: ARG002 - as the port has it
        """Nothing is known of any kind."""
        return Durations({})

    def add(self, kind: str, seconds: float) -> None:
        """Keep nothing."""


@dataclass(frozen=True, slots=True)
class _Known:
    read_at: datetime
    plan: Plan | None
    range: tuple[int, int] | None


class LearnedDurations:
    """Reads each kind of task at most once in five minutes, and counts those that finish.

    `polls` is the schedule that what is learned is for.
    """

    def __init__(self, table: Table, polls: Polls, *, now: Callable[[], datetime]) -> None:
        self._table = table
        self.polls = polls
        self._now = now
        self._known: dict[str, _Known] = {}

    def plan(self, task: Task) -> Plan | None:
        """When to poll a task like this one; None while the fixed pace serves.

        For a task that was opened again too: nobody knows when the generator began anew.
        """
        return None if task.reopened_at is not None else self._of(task).plan

    def range(self, task: Task) -> tuple[int, int] | None:
        """Between how many seconds tasks like this one take at the generator; None if unknown."""
        return self._of(task).range

    def count(self, task: Task, finished_by: datetime) -> None:
        """Count a task that one poll saw at work, and the next one, at `finished_by`, finished.

        It ended in between. The moment is drawn as other tasks ended there, always the same one
        for the same task, so that moments of polls do not pass for moments of ends.
        """
        if task.started_at is None or task.reopened_at is not None or not task.attempts:
            return
        if task.started_at - task.attempts[-1].sent_at > _LONGEST_START:
            return
        high = (finished_by - task.started_at).total_seconds()
        plan = self.plan(task)
        low = self.polls.latest(high, plan)
        share = zlib.crc32(task.task_id.encode()) / 2**32
        seconds = low + share * (high - low)
        if plan is not None:
            seconds = plan.between(low, high, share)
        try:
            self._table.add(_kind(task), seconds)
        except DurationsUnavailableError as error:
            logger.warning("duration not counted", extra={"reason": str(error)})

    def _of(self, task: Task) -> _Known:
        kind, now = _kind(task), self._now()
        known = self._known.get(kind)
        if known is None or not timedelta(0) <= now - known.read_at < _KEPT:
            known = self._known[kind] = self._read(kind, now)
        return known

    def _read(self, kind: str, now: datetime) -> _Known:
        try:
            durations = self._table.read(kind)
        except DurationsUnavailableError as error:
            logger.warning("durations not known", extra={"reason": str(error)})
            return _Known(now, None, None)
        if durations.total < FEWEST:
            return _Known(now, None, None)
        return _Known(
            now,
            planned(durations, first=self.polls.schedule.first_poll_seconds),
            (round(durations.quantile(_LOW)), round(durations.quantile(_HIGH))),
        )


def _kind(task: Task) -> str:
    return f"{task.model_version}#{task.video_time}"
