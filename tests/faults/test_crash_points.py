"""Every outside call of every scenario goes wrong once, in each way; the invariants hold.

Should calls come or go, `make crash-points` writes the snapshot anew, for its diff to be reviewed.
One point alone, in this process, so that a debugger can follow it:

    CRASH_POINT="17 answer lost" .venv/bin/python -m pytest \\
        "tests/faults/test_crash_points.py::test_every_crash_point[dead link]"
"""

import os
from collections.abc import Callable
from typing import Any, Final

import pytest

from i2v.simulator.settings import SimulatorSettings
from tests.conftest import PROJECT
from tests.faults import crash_points
from tests.faults.forks import Failure, Forks
from tests.faults.interception import Kind, Plan, Point
from tests.faults.invariants import check, nothing_is_lost
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.world import World

# All limits on, so that their calls are crash points too; few polls, so that there are more.
# More coins are reserved than A2E charges (30), so that a mix-up of the two is noticed.
SETTINGS: Final = {
    "MAX_GENERATING": "1",
    "DAILY_COIN_LIMIT": "1000",
    "OWNER_DAILY_COIN_LIMIT": "500",
    "COINS_PER_SECOND": "a2e=7,a2e-v2=14,a2e-v2-flash=7",
    "POLL_PACE": "0=10,60=290",
    "COPY_RETRY_PACE": "0=30,60=1800,3600=64000",
    "START_RETRY_PACE": "0=30,60=600",
    "START_DEADLINE_SECONDS": "2000",
    "SLOT_SECONDS": "900",
    "CONFIRMATION_PACE": "0=5,5=60,300=400",
}
NAMES = [scenario.name for scenario in SCENARIOS]


@pytest.fixture(scope="module")
def world(make_world: Any) -> World:
    made: World = make_world(**SETTINGS)
    return made


@pytest.fixture(scope="module")
def hinted(make_world: Any) -> World:
    made: World = make_world(**SETTINGS, HINTS_URL="https://api.test/v1")
    return made


def play(world: World, scenario: Scenario, plan: Plan | None) -> None:
    """Run a scenario and check everything."""
    world.reset(SimulatorSettings(generation_seconds=scenario.generation_seconds))
    world.interception.begin(plan)
    scenario.play(world)
    check(world, tasks=scenario.tasks)
    nothing_is_lost(world)
    ends = {task.status for task in world.records()}
    assert ends <= scenario.ends, f"ended as {ends}"


def explain(scenario: Scenario, failure: Failure) -> str:
    return (
        f"{scenario.name}, call {failure.number} ({failure.call}), {failure.kind}; "
        f'alone: CRASH_POINT="{failure.number} {failure.kind}"\n{failure.text}'
    )


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_every_crash_point(
    world: World,
    hinted: World,
    scenario: Scenario,
    record_property: Callable[[str, object], None],
) -> None:
    world = hinted if scenario.hints else world
    if point := os.environ.get("CRASH_POINT"):
        number, _, kind = point.partition(" ")
        play(world, scenario, Point(int(number), Kind(kind)))
        return
    writing = "WRITE_CRASH_POINTS" in os.environ
    forks = Forks(
        wanted=lambda: world.age() >= scenario.after_seconds,
        afterwards=world.restore_videos,
        kinds=() if writing else tuple(Kind),
    )
    with forks:
        play(world, scenario, forks)
    if writing:
        crash_points.write(scenario.name, forks.calls, scenarios=NAMES)
    record_property("crash points", (scenario.name, len(forks.calls) * len(Kind)))
    assert not forks.failures, "\n".join(explain(scenario, f) for f in forks.failures)
    differences = crash_points.differences(scenario.name, forks.calls)
    assert not differences, "\n".join(
        [*differences, "Is that meant? Then write the snapshot anew: make crash-points"]
    )


def test_hints_change_no_end(world: World, hinted: World) -> None:
    """What ends well without hints does so with them, and the other way round."""
    for scenario in SCENARIOS:
        play(world if scenario.hints else hinted, scenario, None)


def test_the_snapshot_has_these_scenarios() -> None:
    assert list(crash_points.read()) == NAMES, "write the snapshot anew: make crash-points"


def test_the_documentation_counts_the_same_crash_points() -> None:
    assert crash_points.summary() in (PROJECT / "docs/guarantees.md").read_text()
