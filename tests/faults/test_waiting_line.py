"""The simulation of the waiting line: its stand-ins are honest, its figures keep their bounds."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from image_to_video import wiring
from image_to_video.adapters.safe_download import Downloads
from image_to_video.settings import Settings

from tests.benchmarks.waiting_line import (
    Generator,
    Result,
    durations,
    ideal_makespan,
    in_memory,
    simulate,
)
from tests.conftest import Application, Clock

SECONDS = durations(12)
# Moto takes a while for each call.
FEW_POLLS = {"POLL_PACE": "0=90"}


@pytest.fixture
def environment(variables: dict[str, str]) -> dict[str, str]:
    return variables | {"MAX_GENERATING": "3"} | FEW_POLLS


class NumberedId:
    """An id that is the same in every run: it decides about jitter."""

    numbers = iter(range(10**6))

    def __init__(self) -> None:
        self.hex = f"{next(self.numbers):032x}"


def seen(result: Result) -> list[Any]:
    """When each task was started and ended, how long it took, and how often was polled in vain."""
    beginning = result.tasks[0].created_at
    moments = [
        [moment and moment - beginning for moment in (task.started_at, task.ended_at)]
        for task in result.tasks
    ]
    return [moments, result.makespan, result.waiting_polls]


def test_tables_in_memory_and_in_moto_come_to_the_same(
    application: Application, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, downloads = Clock(), cast(Downloads, None)
    moto = wiring.Application(
        settings,
        generator=Generator(clock),
        downloads=downloads,
        signing_key=lambda: "sk_test",
        now=clock,
    )
    monkeypatch.setattr("image_to_video.lifecycle.intake.uuid4", NumberedId)
    results = []
    for services, time in ((moto, clock), in_memory(3, **FEW_POLLS)):
        NumberedId.numbers = iter(range(10**6))
        results.append(seen(simulate(services, time, SECONDS, owners=("anna", "bert"))))
    assert results[0] == results[1]


def test_no_slot_idles_nobody_is_overtaken_or_lost_and_waiting_costs_few_polls() -> None:
    seconds = durations(60)
    result = simulate(*in_memory(3), seconds)
    assert result.lost == 0
    assert result.overtaken == 0
    assert result.makespan / ideal_makespan(seconds, 3) <= 1.05
    assert result.waiting_polls / len(seconds) <= 6


def test_owners_take_turns_however_many_tasks_one_of_them_has() -> None:
    """Nine tenths are anna's and were there before: bert's do not wait for all of them."""
    arrivals = [0.0] * 45 + [1.0] * 5
    services, clock = in_memory(2)
    owners = ["anna"] * 45 + ["bert"] * 5
    result = simulate(services, clock, [240.0] * 50, arrivals=arrivals, owners=owners)
    starts = [(task.started_at, task.owner) for task in result.tasks if task.started_at]
    assert len(starts) == 50
    # Two start at one moment, and neither of them before the other.
    before = [sum(other < at for other, _ in starts) for at, owner in starts if owner == "bert"]
    assert max(before) <= 2 + 2 * 5


def test_an_owner_out_of_coins_delays_nobody_and_goes_on_at_midnight_in_order() -> None:
    """Anna sends more than three days have coins for, bert less than one."""
    services, clock = in_memory(2, OWNER_DAILY_COIN_LIMIT="300")
    arrivals = [float(number) for number in range(35)] + [60.0] * 5
    owners = ["anna"] * 35 + ["bert"] * 5
    result = simulate(services, clock, [240.0] * 40, arrivals=arrivals, owners=owners)
    assert result.lost == 0
    starts: dict[str, list[datetime]] = {"anna": [], "bert": []}
    for task in result.tasks:
        assert task.started_at is not None
        starts[task.owner].append(task.started_at)
    # Bert's ten at most stand between five of his, then those of anna's first day.
    last = max(starts["bert"]) - result.tasks[0].created_at
    assert last <= timedelta(seconds=12 * 240)
    days = Counter(start.date() for start in starts["anna"])
    assert list(days.values()) == [10, 10, 10, 5]
    assert starts["anna"] == sorted(starts["anna"])
    for day in list(days)[1:]:
        first = min(start for start in starts["anna"] if start.date() == day)
        assert (first.hour, first.minute // 6) == (0, 0)
