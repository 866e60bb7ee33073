"""Many tasks at once under a limit: the product's own code on a clock that only the events move.

Real are the services, the tables' adapters and their expressions, the workflow's steps, the
schedule and the repair; in memory are the tables, Step Functions and the generator, whose durations
are log-normal around 240 s and the same in every run. `.venv/bin/python -m
tests.benchmarks.waiting_line` prints the figures.
"""

import heapq
import itertools
import json
import logging
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from types import SimpleNamespace
from typing import Any, Final, cast
from unittest.mock import patch

from image_to_video import wiring
from image_to_video.adapters.safe_download import Downloads
from image_to_video.adapters.workflow import Workflow
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.generator import PollAnswer, Ready, Running, Started, StartRequest
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task
from image_to_video.lifecycle.workflow_steps import Phase
from image_to_video.observability import metrics
from image_to_video.settings import Settings

from tests.benchmarks.parameters import template
from tests.support.memory_table import MemoryTable

BEGINNING: Final = datetime(2026, 11, 22, tzinfo=UTC)
RECONCILE_SECONDS: Final = 300
# Storing a video, which needs no slot; and how often the chart has a point.
STORE_SECONDS: Final = 2
SAMPLE_SECONDS: Final = 120
MEDIAN_SECONDS: Final = 240.0


def durations(count: int, seed: int = 1) -> list[float]:
    """How long A2E works on each task, in seconds."""
    random_ = random.Random(seed)
    return [random_.lognormvariate(math.log(MEDIAN_SECONDS), 0.5) for _ in range(count)]


@cache
def variables() -> dict[str, str]:
    """The variables of a function, with the template's own numbers."""
    described = template()
    values = {}
    for name, value in described["Globals"]["Function"]["Environment"]["Variables"].items():
        parameter = described["Parameters"].get(value.get("Ref", ""), {})
        values[name] = str(parameter.get("Default", "arn:aws:states:x:1:stateMachine:memory"))
    return values


@dataclass
class Generator:
    """Works on everything at once, each for as long as its duration says."""

    now: Callable[[], datetime]
    seconds: dict[str, float] = field(default_factory=dict)
    begun: dict[str, datetime] = field(default_factory=dict)

    def start(self, request: StartRequest) -> Started:
        self.begun[request.image_url] = self.now()
        return Started(request.image_url, 30)

    def check(self, generator_task_id: str) -> PollAnswer:
        if self.now() >= self.end_of(generator_task_id):
            return Ready("completed", generator_task_id)
        return Running("processing")

    def end_of(self, generator_task_id: str) -> datetime:
        begun = self.begun[generator_task_id]
        return begun + timedelta(seconds=self.seconds[generator_task_id])

    def find(self, name: str, *, since: datetime) -> Started | None:
        raise NotImplementedError

    def cancel(self, generator_task_id: str) -> bool:
        raise NotImplementedError


@dataclass
class Machine:
    """Step Functions: what happens next, and when."""

    now: Callable[[], datetime]
    events: list[tuple[datetime, int, str, str]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    exceptions: Any = field(
        default_factory=lambda: SimpleNamespace(
            ExecutionAlreadyExists=KeyError, ExecutionDoesNotExist=KeyError
        )
    )

    def start_execution(self, *, input: str, **_: str) -> None:  # noqa: A002
        order = json.loads(input)
        self.at(order["first_poll_seconds"], "poll", order["task_id"])

    def describe_execution(self, **_: str) -> dict[str, str]:
        return {"status": "RUNNING"}

    def at(self, seconds: float, what: str, task_id: str = "") -> None:
        moment = self.now() + timedelta(seconds=seconds)
        # Those of one moment keep their order.
        heapq.heappush(self.events, (moment, next(self._numbers), what, task_id))


@dataclass
class Clock:
    """Time, moved by the events."""

    moment: datetime = BEGINNING

    def __call__(self) -> datetime:
        return self.moment


class InMemory(wiring.Application):
    """The product, with its tables in memory."""

    @cached_property
    def _tasks_table(self) -> Any:
        return MemoryTable("task_id")

    @cached_property
    def _limits_table(self) -> Any:
        return MemoryTable("limit", "member")


@dataclass
class Result:
    """What came of it."""

    tasks: list[Task]
    waiting_polls: int
    makespan: float
    series: list[tuple[float, int, int]]
    """Seconds, places in use, tasks that wait."""

    @property
    def lost(self) -> float:
        """The share of tasks that failed."""
        return sum(task.status is TaskStatus.FAILED for task in self.tasks) / len(self.tasks)

    @property
    def overtaken(self) -> float:
        """The share of pairs of which the later one was started first."""
        starts = [task.started_at for task in self.tasks if task.started_at is not None]
        pairs = len(starts) * (len(starts) - 1) / 2
        return sum(b < a for n, a in enumerate(starts) for b in starts[n + 1 :]) / pairs


def in_memory(slots: int, **changes: str) -> tuple[wiring.Application, Clock]:
    """The product in memory, with so many slots, and with these variables."""
    clock = Clock()
    changes |= {"MAX_GENERATING": str(slots), "TASKS_TABLE": "tasks", "LIMITS_TABLE": "limits"}
    # Coins are for whom asks for them: thousands of tasks cost more than a day has by default.
    coins = {"DAILY_COIN_LIMIT": "0", "OWNER_DAILY_COIN_LIMIT": "0"}
    config = Settings.read(variables() | coins | changes)
    downloads = cast(Downloads, None)
    services = InMemory(
        config,
        generator=Generator(clock),
        downloads=downloads,
        signing_key=lambda: "sk_test",
        now=clock,
    )
    return services, clock


def simulate(
    services: wiring.Application,
    clock: Any,
    seconds: Sequence[float],
    *,
    arrivals: Sequence[float] | None = None,
    owners: Sequence[str] = ("anna",),
) -> Result:
    """Create tasks with these durations at these times, at once if not said; until all have ended.

    `services` are with a `Generator`, and `clock` is theirs.
    """
    generator, machine = cast(Generator, services.generator), Machine(clock)
    services.__dict__["_workflow"] = Workflow(
        cast(Any, machine),
        state_machine_arn=services.config.state_machine_arn,
        schedule=services.config.schedule,
    )
    beginning = clock()
    for number, arrival in enumerate(arrivals or [0.0] * len(seconds)):
        machine.at(arrival, "create", str(number))
    for what, wait in (("reconcile", RECONCILE_SECONDS), ("sample", 0)):
        machine.at(wait, what)
    created: list[str] = []
    open_tasks, waiting_polls, end = set[str](), 0, beginning
    at_work: set[str] = set()
    waiting: set[str] = set()
    series: list[tuple[float, int, int]] = []

    def see(task: Task) -> None:
        nonlocal end
        for group, belongs in (
            (at_work, task.status is TaskStatus.GENERATING),
            (waiting, task.status is TaskStatus.QUEUED),
            (open_tasks, not task.status.is_final),
        ):
            (group.add if belongs else group.discard)(task.task_id)
        if task.status is TaskStatus.STORING:
            end = max(end, clock())

    def poll(task_id: str) -> None:
        nonlocal waiting_polls
        waiting_polls += task_id in waiting
        step = services.workflow_steps.poll_task(task_id)
        see(services._table.get(task_id))
        if step.phase is not Phase.CLOSED:
            is_ready = step.phase is Phase.READY
            machine.at(
                STORE_SECONDS if is_ready else step.wait_seconds,
                "store" if is_ready else "poll",
                task_id,
            )

    def store(task_id: str) -> None:
        """As if the video had been copied."""
        task = services._table.get(task_id)
        if not task.status.is_final:
            stored = task.changed(clock(), status=TaskStatus.SUCCEEDED)
            see(services._transitions.write_or_raise(task, stored))

    def create(number: str) -> None:
        address = f"https://example.com/{number}.png"
        generator.seconds[address] = seconds[int(number)]
        owner = owners[int(number) % len(owners)]
        task = services.video_tasks.create(owner, TaskRequest(image_url=address), None)
        created.append(task.task_id)
        see(task)

    def reconcile(_: str) -> None:
        services.repair.reconcile_tasks()
        machine.at(RECONCILE_SECONDS, "reconcile")

    def sample(_: str) -> None:
        passed = (clock() - beginning).total_seconds()
        series.append((passed, len(at_work), len(waiting)))
        machine.at(SAMPLE_SECONDS, "sample")

    actions = {f.__name__: f for f in (poll, store, create, reconcile, sample)}
    logging.disable(logging.ERROR)
    with patch.object(metrics, "add_metric"):
        while len(created) < len(seconds) or open_tasks:
            moment, _, what, task_id = heapq.heappop(machine.events)
            clock.moment = max(clock.moment, moment)
            actions[what](task_id)
    logging.disable(logging.NOTSET)
    return Result(
        tasks=[services._table.get(task_id) for task_id in created],
        waiting_polls=waiting_polls,
        makespan=(end - beginning).total_seconds(),
        series=series,
    )


def ideal_makespan(seconds: Sequence[float], slots: int) -> float:
    """When a queue that never lets a slot idle has done it all, in order of arrival."""
    free = [0.0] * slots
    for duration in seconds:
        heapq.heapreplace(free, free[0] + duration)
    return max(free)


@cache
def measured() -> tuple[dict[str, float], dict[str, Any]]:
    """The figures, and for the chart what happens with 1,000 at once."""
    figures: dict[str, float] = {}
    series: dict[str, Any] = {}
    for count in (200, 1000, 1500, 3000):
        seconds = durations(count)
        result = simulate(*in_memory(10), seconds)
        if count in (200, 1000):
            makespan = result.makespan / ideal_makespan(seconds, 10)
            figures[f"queue_makespan_{count}"] = round(makespan, 3)
        else:
            figures[f"queue_lost_{count}"] = round(result.lost, 4)
        if count == 1000:
            figures["queue_polls"] = round(result.waiting_polls / count, 2)
            columns = zip(*result.series, strict=True)
            series = dict(zip(("seconds", "in_use", "waiting"), map(list, columns), strict=True))
    in_an_hour = sorted(random.Random(2).uniform(0, 3600) for _ in range(200))
    result = simulate(*in_memory(10), durations(200), arrivals=in_an_hour)
    figures["queue_overtaken"] = round(result.overtaken, 4)
    return figures, series


def figures() -> dict[str, float]:
    """What becomes of tasks that wait in line, by name."""
    return measured()[0]


def series() -> dict[str, Any]:
    """Places in use and tasks waiting, over time in seconds, of 1,000 tasks at once."""
    return {"queue": measured()[1]}


if __name__ == "__main__":
    for name, value in figures().items():
        print(f"{name:22} {value}")
