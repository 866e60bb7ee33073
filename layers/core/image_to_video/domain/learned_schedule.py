"""Polls placed where finishing is likely, from the durations of tasks that have finished.

Each plan minimises the expected seconds from a task's end to the poll that notices it, plus
`POLL_COSTS` for each poll, by a dynamic programme over the moments of a possible poll: after one at
`s` that found the task at work, the best next one `t` has the least cost

    c (1 - F(s)) + integral of F(x) - F(s) over s..t + cost after t

with F the distribution of durations. This is the optimum inspection policy of Barlow, Hunter and
Proschan, "Optimum Checking Procedures", Journal of the SIAM 11 (1963), on a grid.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

# What one poll costs, in seconds of delay: at this price tasks of four minutes are polled nine
# times, and their ends are noticed ten seconds later.
POLL_COSTS: Final = 1.25
# Fewer durations than this tell too little.
FEWEST: Final = 30
# No planned wait is longer than this many seconds, or than this part of the time since the start
# where that is more: so much is lost at most where durations change all at once.
LONGEST_WAIT: Final = 120
LONGEST_PART: Final = 0.25
# How much is believed of what was never seen: that a task takes any time, as likely short as long.
_UNSEEN: Final = 0.02
# Durations are counted in buckets that widen by so much each, from so many seconds on: 120 buckets,
# up to four and a half hours.
_WIDENING: Final = 1.07
_SHORTEST: Final = 5.0
_BUCKETS: Final = 120
# A duration speaks for its neighbours too.
_SPREAD: Final = (1, 2, 4, 6, 8, 6, 4, 2, 1)
# The moments of possible polls are so far apart: a part of the time since the start, in seconds.
_FINEST: Final = 2.0
_FINENESS: Final = 64
# A poll that comes so early stands for the planned one, in seconds.
_EARLY: Final = 3


def bucket_of(seconds: float) -> int:
    """The bucket in which a duration is counted."""
    place = int(math.log(max(seconds, _SHORTEST) / _SHORTEST) / math.log(_WIDENING))
    return min(place, _BUCKETS - 1)


def _edge(bucket: int) -> float:
    return float(_SHORTEST * _WIDENING**bucket)


@dataclass(frozen=True, slots=True)
class Durations:
    """How many of the latest tasks took how long, by bucket."""

    counts: Mapping[int, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many tasks are counted."""
        return sum(self.counts.values())

    def halved(self) -> "Durations":
        """The same with half the weight, so that newer durations count for more."""
        return Durations({bucket: n // 2 for bucket, n in self.counts.items() if n // 2})

    def quantile(self, share: float) -> float:
        """The duration, in seconds, that this share of the tasks did not exceed."""
        left = share * self.total
        for bucket, count in sorted(self.counts.items()):
            if left <= count:
                return _edge(bucket) * math.pow(_WIDENING, left / count)
            left -= count
        raise ValueError("nothing was counted yet")


@dataclass(frozen=True, slots=True)
class Plan:
    """When to poll, in seconds since the start; after the last moment nothing is planned."""

    moments: tuple[float, ...]
    _times: tuple[float, ...]
    _finished: tuple[float, ...]

    def wait(self, since_start: float) -> float | None:
        """Seconds until the next planned poll; None where none is left."""
        place = bisect_right(self.moments, since_start + _EARLY)
        return self.moments[place] - since_start if place < len(self.moments) else None

    def begins_after(self, since_start: float) -> bool:
        """True where the first planned poll is still to come."""
        return since_start + _EARLY < self.moments[0]

    def latest(self, since_start: float) -> float:
        """The planned poll before the one at this time, 0 before the first."""
        place = bisect_left(self.moments, since_start - _EARLY)
        return self.moments[place - 1] if place else 0.0

    def between(self, low: float, high: float, share: float) -> float:
        """The duration that this share of the tasks did not exceed that took between two times."""
        first, last = self._share_finished(low), self._share_finished(high)
        if last <= first:
            return low + share * (high - low)
        return min(high, max(low, self._time_of(first + share * (last - first))))

    def _share_finished(self, seconds: float) -> float:
        return _read(self._times, self._finished, seconds)

    def _time_of(self, share: float) -> float:
        return _read(self._finished, self._times, share)


def planned(durations: Durations, *, first: float) -> Plan | None:
    """The best plan for these durations, no poll before `first`; None for too few of them.

    Takes some milliseconds.
    """
    if durations.total < FEWEST:
        return None
    chances = _chances(durations)
    end = max(_edge(max(chances) + 1), 2 * first)
    times = _grid(first, end)
    finished = _finished(chances, times)
    return Plan(tuple(_best(times, finished)), tuple(times), tuple(finished))


def _chances(durations: Durations) -> dict[int, float]:
    """How likely each bucket is, smoothed."""
    chances: dict[int, float] = {}
    whole = sum(_SPREAD) * durations.total
    for bucket, count in durations.counts.items():
        for offset, weight in enumerate(_SPREAD, start=-(len(_SPREAD) // 2)):
            near = min(max(bucket + offset, 0), _BUCKETS - 1)
            chances[near] = chances.get(near, 0.0) + count * weight / whole
    return chances


def _grid(first: float, end: float) -> list[float]:
    times, time = [0.0], first
    while time < end:
        times.append(time)
        time += max(_FINEST, time / _FINENESS)
    return [*times, end]


def _finished(chances: Mapping[int, float], times: list[float]) -> list[float]:
    """The share of tasks that have finished by each of the times."""
    seen = [0.0]
    for bucket in range(_BUCKETS):
        seen.append(seen[-1] + chances.get(bucket, 0.0))
    edges = [_edge(bucket) for bucket in range(_BUCKETS + 1)]
    first, end = times[1], times[-1]
    finished = []
    for time in times:
        unseen = math.log(max(time, first) / first) / math.log(end / first)
        finished.append((1 - _UNSEEN) * _read(edges, seen, time) + _UNSEEN * unseen)
    return finished


def _best(times: list[float], finished: list[float]) -> list[float]:
    """The moments of the best plan, by the dynamic programme, from the last moment backwards."""
    last = len(times) - 1
    # The integral of `finished` up to each time.
    area = [0.0] * len(times)
    for place in range(1, len(times)):
        mean = (finished[place] + finished[place - 1]) / 2
        area[place] = area[place - 1] + mean * (times[place] - times[place - 1])
    costs, following = [0.0] * len(times), [last] * len(times)
    for place in range(last - 1, -1, -1):
        start, share = times[place], finished[place]
        best = math.inf
        for other in range(place + 1, last + 1):
            wait = times[other] - start
            # The workflow comes by at the first moment anyhow, and waits from there.
            longest = max(LONGEST_WAIT, LONGEST_PART * start)
            if other > place + 1 and times[other] - max(start, times[1]) > longest:
                break
            delay = area[other] - area[place] - share * wait
            if delay >= best:
                break
            if delay + costs[other] < best:
                best, following[place] = delay + costs[other], other
        costs[place] = best + POLL_COSTS * (1 - share)
    moments, place = [], 0
    while place < last:
        place = following[place]
        moments.append(times[place])
    return moments


def _read(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    """The value at `x` of the line through these points, which rise."""
    place = bisect_right(xs, x)
    if place == 0:
        return ys[0]
    if place == len(xs):
        return ys[-1]
    part = (x - xs[place - 1]) / (xs[place] - xs[place - 1])
    return ys[place - 1] + part * (ys[place] - ys[place - 1])
