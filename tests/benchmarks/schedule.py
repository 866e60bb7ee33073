"""Polls per task and how late an end is noticed, beside the best that is possible.

The product learns from 200 tasks, by its own code, polling them as it does; then it polls others.
What is possible is computed by an exact dynamic programme that knows the true distribution.
"""

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from statistics import fmean
from typing import Any, Final, NamedTuple

from image_to_video.domain.learned_schedule import Durations, Plan, bucket_of
from image_to_video.domain.polls import Polls
from image_to_video.domain.schedule import Schedule
from image_to_video.domain.task import Attempt, ModelVersion, Task
from image_to_video.lifecycle.durations import LearnedDurations

from tests.benchmarks.parameters import default_schedule

LEARNED_FROM: Final = 200
LEARNERS: Final = 8
POLLED: Final = 3000
# Prices of a poll, in seconds of delay, that draw the curve of what is possible.
PRICES: Final = (0.15, 0.25, 0.4, 0.6, 0.8, 1.1, 1.5, 2.1, 3, 4.5)
# The moments at which the best schedule may poll, in seconds.
STEP: Final = 4.0
_NOW: Final = datetime(2026, 11, 27, 12, tzinfo=UTC)

type Draw = Callable[[random.Random], float]
type Share = Callable[[float], float]


class Point(NamedTuple):
    """Polls of a task, and seconds from its end to the poll that sees it; means of both."""

    polls: float
    delay: float


@dataclass(frozen=True)
class Case:
    """How long tasks take: a draw, the share that has finished by a time, and a longest time."""

    draw: Draw
    share: Share
    longest: float = 4000


def log_normal(median: float, spread: float) -> Case:
    def share(time: float) -> float:
        if time <= 0:
            return 0.0
        return (1 + math.erf(math.log(time / median) / spread / math.sqrt(2))) / 2

    return Case(lambda draw: median * math.exp(spread * draw.gauss(0, 1)), share)


def either(one: Case, other: Case, chance: float) -> Case:
    """A case that is the one with this chance, and the other else."""
    return Case(
        lambda draw: (one if draw.random() < chance else other).draw(draw),
        lambda time: chance * one.share(time) + (1 - chance) * other.share(time),
    )


def queued(case: Case, chance: float, mean: float) -> Case:
    """The same, with this chance after a wait in the generator's own queue."""

    def draw(source: random.Random) -> float:
        wait = source.expovariate(1 / mean) if source.random() < chance else 0.0
        return case.draw(source) + wait

    source = random.Random(7)
    drawn = sorted(draw(source) for _ in range(200_000))
    return Case(draw, lambda time: bisect_right(drawn, time) / len(drawn), longest=8000)


def cases() -> dict[str, Case]:
    return {
        "log_normal": log_normal(240, 0.38),
        "bimodal": either(log_normal(150, 0.2), log_normal(420, 0.2), 0.6),
        "queue_tailed": queued(log_normal(200, 0.3), 0.3, 400),
    }


def best(case: Case, price: float) -> list[float]:
    """The best moments to poll for who knows the distribution, at a price of a poll in seconds."""
    last = int(case.longest / STEP)
    share = [case.share(place * STEP) for place in range(last + 1)]
    area = [0.0]
    for place in range(last):
        area.append(area[-1] + (share[place] + share[place + 1]) / 2 * STEP)
    costs, following = [0.0] * (last + 1), [last] * (last + 1)
    for place in range(last - 1, -1, -1):
        lowest = math.inf
        for other in range(place + 1, last + 1):
            delay = area[other] - area[place] - share[place] * (other - place) * STEP
            if delay >= lowest:
                break
            if delay + costs[other] < lowest:
                lowest, following[place] = delay + costs[other], other
        costs[place] = lowest + price * (1 - share[place])
    moments, place = [], 0
    while place < last:
        place = following[place]
        moments.append(place * STEP)
    return moments


def possible(case: Case) -> list[Point]:
    """The curve: the least mean delay for each number of polls."""
    source = random.Random(99)
    ends = [case.draw(source) for _ in range(POLLED)]
    points = []
    for price in PRICES:
        moments = best(case, price)
        seen = [min(bisect_left(moments, end), len(moments) - 1) for end in ends]
        delays = [max(0.0, moments[n] - end) for n, end in zip(seen, ends, strict=True)]
        points.append(Point(fmean(n + 1 for n in seen), fmean(delays)))
    return sorted(points)


def possible_delay(curve: list[Point], polls: float) -> float:
    """The least mean delay for so many polls, between the points of the curve."""
    place = max(1, min(bisect_left([point.polls for point in curve], polls), len(curve) - 1))
    one, other = curve[place - 1], curve[place]
    part = math.log(polls / one.polls) / math.log(other.polls / one.polls)
    return float(one.delay * (other.delay / one.delay) ** part)


class Memory:
    """Durations as the table keeps them, without the table."""

    def __init__(self) -> None:
        self.durations = Durations()

    def read(self, kind: str) -> Durations:
        return self.durations

    def add(self, kind: str, seconds: float) -> None:
        counts = dict(self.durations.counts)
        counts[bucket_of(seconds)] = counts.get(bucket_of(seconds), 0) + 1
        self.durations = Durations(counts)


def polled(polls: Polls, plan: Plan | None, end: float) -> Iterator[float]:
    """The moments at which one task is polled, until one sees its end; seconds since the start."""
    moment = float(polls.schedule.first_poll_seconds)
    if plan is not None and plan.begins_after(moment):
        moment += polls.next_wait(timedelta(seconds=moment), plan)
    while True:
        yield moment
        if moment >= end:
            return
        moment += polls.next_wait(timedelta(seconds=moment), plan)


def learn(case: Case, schedule: Schedule, seed: int) -> Plan | None:
    """The plan after some tasks, all of them polled by what was learned until then."""
    now = _NOW
    polls, source = Polls(schedule), random.Random(seed)
    learned = LearnedDurations(Memory(), polls, now=lambda: now)
    for number in range(LEARNED_FROM):
        # A container reads again after five minutes; meanwhile tasks end.
        now += timedelta(minutes=1)
        task = _task(f"{seed}-{number}", now)
        *_, seen = polled(polls, learned.plan(task), case.draw(source))
        learned.count(task, now + timedelta(seconds=seen))
    now += timedelta(hours=1)
    return learned.plan(_task("last", now))


def measured(case: Case, schedule: Schedule, plan: Plan | None, seed: int) -> Point:
    polls, source = Polls(schedule), random.Random(seed)
    numbers, delays = [], []
    for _ in range(POLLED):
        end = case.draw(source)
        moments = list(polled(polls, plan, end))
        numbers.append(len(moments))
        delays.append(moments[-1] - end)
    return Point(fmean(numbers), fmean(delays))


@cache
def compared() -> dict[str, dict[str, Any]]:
    """What is learned in each case beside the best possible, whose curve is `curve`."""
    schedule, found = default_schedule(), {}
    for name, case in cases().items():
        curve = possible(case)
        fixed = measured(case, schedule, None, seed=99)
        plans = [learn(case, schedule, seed) for seed in range(LEARNERS)]
        points = [measured(case, schedule, plan, seed=99) for plan in plans]
        found[name] = {
            "polls": fmean(point.polls for point in points),
            "delay": fmean(point.delay for point in points),
            "ratio": fmean(p.delay / possible_delay(curve, p.polls) for p in points),
            "fixed": [fixed.polls, fixed.delay],
            "curve": [[point.polls, point.delay] for point in curve],
        }
    return found


def figures() -> dict[str, float]:
    """Polls and mean delay of log-normal durations; in each case the delay by the best possible."""
    found = compared()
    usual = found["log_normal"]
    ratios = {f"notice_ratio_{name}": case["ratio"] for name, case in found.items()}
    return {"polls_per_task": usual["polls"], "notice_delay_s": usual["delay"], **ratios}


def series() -> dict[str, Any]:
    """For log-normal durations: the best possible, and where the two schedules are beside it."""
    usual = compared()["log_normal"]
    points = {"fixed pace": usual["fixed"], "learned": [usual["polls"], usual["delay"]]}
    return {"polls": {"best": usual["curve"], "points": points}}


def _task(name: str, started_at: datetime) -> Task:
    attempt = Attempt(
        name=name, lease_owner=name, sent_at=started_at, lease_until=started_at, in_flight=False
    )
    return Task(
        task_id=name,
        owner="anna",
        fingerprint="",
        name="",
        image_url="https://example.com/a.png",
        prompt="",
        negative_prompt="",
        video_time=5,
        model_version=ModelVersion.A2E,
        created_at=started_at,
        updated_at=started_at,
        started_at=started_at,
        attempts=(attempt,),
        execution=name,
    )


if __name__ == "__main__":
    for figure, value in figures().items():
        print(f"{figure:<26}{value:8.3f}")
