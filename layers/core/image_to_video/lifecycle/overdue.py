"""In which order and how fast one run of `reconcile_tasks` asks about overdue tasks.

A task may be overdue although its workflow lives, when thousands are late at once; only Step
Functions knows. It is asked for each, below its quota; and a run that cannot ask for all leaves the
others to the next, which goes on where it stopped, so that no task stands behind the same ones for
ever.
"""

import random
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final

# DescribeExecution: a bucket of 250 to 300 calls that is refilled with 10 to 15 a second, depending
# on the region (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html). Others
# of the account take from the same bucket.
AT_ONCE: Final = 100
PER_SECOND: Final = 10
RUN_SECONDS: Final = 240
"""Less than the timeout of the function, by what its last calls may take."""

type Overdue = tuple[str, str]
"""When a task was due, and its id."""


class Turns:
    """Gives overdue tasks their turn, for as long as the container lives."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
        choose: Callable[[int], int] = random.randrange,
    ) -> None:
        self._now = now
        self._sleep = sleep
        self._choose = choose
        self._next: Overdue | None = None

    def of(self, overdue: Sequence[Overdue]) -> Iterator[str]:
        """The ids of the tasks that this run is for, each when its turn has come."""
        began = self._now()
        begin = self._begin(overdue)
        for number, turn in enumerate([*overdue[begin:], *overdue[:begin]]):
            # Whoever breaks off goes on with this one.
            self._next = turn
            elapsed = (self._now() - began).total_seconds()
            if elapsed >= RUN_SECONDS:
                return
            early = (number - AT_ONCE) / PER_SECOND - elapsed
            if early > 0:
                self._sleep(early)
            yield turn[1]
        self._next = None

    def _begin(self, overdue: Sequence[Overdue]) -> int:
        """Where the last run stopped; where that is not known, the oldest or any of too many."""
        if self._next is not None:
            return bisect_left(overdue, self._next)
        if len(overdue) > AT_ONCE + PER_SECOND * RUN_SECONDS:
            return self._choose(len(overdue))
        return 0
