"""Every outside call of every scenario goes wrong once, in each way; the invariants hold."""

from collections.abc import Callable
from typing import Any

import pytest

from i2v.simulator.settings import SimulatorSettings
from tests.conftest import PROJECT
from tests.faults.interception import Kind, Point
from tests.faults.invariants import check, nothing_is_lost
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.world import World


@pytest.fixture(scope="module")
def world(make_world: Any) -> World:
    # Both limits on, so that their calls are crash points too; few looks, so that there are more.
    made: World = make_world(
        MAX_GENERATING="1",
        DAILY_COIN_LIMIT="1000",
        POLL_PACE="0=10,60=290",
        START_RETRY_PACE="0=30,60=600",
        START_DEADLINE_SECONDS="2000",
        SLOT_SECONDS="900",
        CONFIRMATION_PACE="0=5,5=60,300=400",
    )
    return made


def play(world: World, scenario: Scenario, point: Point | None) -> list[str]:
    """Run a scenario and check everything; give the calls that the product made."""
    world.reset(SimulatorSettings(generation_seconds=scenario.generation_seconds))
    world.interception.begin(point)
    scenario.play(world)
    check(world, tasks=scenario.tasks)
    nothing_is_lost(world)
    ends = {task.status for task in world.records()}
    assert ends <= scenario.ends, f"ended as {ends}"
    return world.interception.calls


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_crash_point(
    world: World, scenario: Scenario, record_property: Callable[[str, object], None]
) -> None:
    calls = list(play(world, scenario, None))
    assert len(calls) == scenario.calls, "other calls than there were: is one no longer seen?"
    faults = []
    for number, call in list(enumerate(calls))[scenario.begins_at :]:
        for kind in Kind:
            try:
                play(world, scenario, Point(number, kind))
            except AssertionError as error:
                faults.append(f"call {number} ({call}) {kind}: {str(error).splitlines()[0]}")
    record_property("crash points", (scenario.name, scenario.points))
    assert not faults, "\n".join(faults)


def test_the_documentation_counts_the_same_crash_points() -> None:
    points = sum(scenario.points for scenario in SCENARIOS)
    summary = f"{points:,} crash points in {len(SCENARIOS)} scenarios"
    assert summary in (PROJECT / "docs" / "guarantees.md").read_text()
