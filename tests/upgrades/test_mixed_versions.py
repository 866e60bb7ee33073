"""Two releases take turns at every step of a task, in both directions; the invariants hold.

As in each deployment and rollback: on one table, one stream and running executions. Every prefix is
tried: the first k invocations of whatever function run one release, all others the other one.
"""

from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from image_to_video.adapters.task_table import _TABLE_ONLY
from image_to_video.domain.task import Attempt, Task

from i2v.simulator.settings import SimulatorSettings
from tests.faults.conftest import _quiet, make_world, patch
from tests.faults.invariants import check, nothing_is_lost
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.test_crash_points import SETTINGS
from tests.faults.world import World
from tests.upgrades.mixed_world import MixedWorld, Order
from tests.upgrades.other_releases import (
    FORGETFUL,
    INTOLERANT,
    NEW_PHASE,
    NEXT,
    THIS,
    Release,
    changed,
    previous,
)

__all__ = ["_quiet", "make_world", "patch"]

NAMES: Final = (
    *("rest start", "upload", "late", "start answer lost", "dead link", "cancel with refund"),
    *("cancel while storing", "two share a slot", "hint"),
)
CHOSEN: Final = [scenario for scenario in SCENARIOS if scenario.name in NAMES]
# So many invocations of a task are tried in both directions at each step.
SHORT: Final = 16
# Of a longer life than this not every step is tried.
LONG: Final = 50
HINTS: Final = {"HINTS_URL": "https://api.test/v1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("releases")


@pytest.fixture(scope="module")
def mix(make_world: Any, variables: dict[str, str]) -> Any:
    """The world of two releases, made once for each pair."""
    made: dict[tuple[str, ...], MixedWorld] = {}

    def of(*releases: Release, hints: bool) -> MixedWorld:
        key = (*(one.package for one in releases), str(hints))
        if key not in made:
            # 0.1.1 knows no limit of one owner, and counts nothing for it.
            changes = SETTINGS | {"OWNER_DAILY_COIN_LIMIT": "0"} | (HINTS if hints else {})
            world: World = make_world(**changes)
            world.__class__ = MixedWorld
            assert isinstance(world, MixedWorld)
            world.install(list(releases), variables, changes)
            made[key] = world
        return made[key]

    return of


def play(world: MixedWorld, scenario: Scenario, order: Order) -> int:
    """Run a scenario in this order of releases, check everything, and count its invocations."""
    world.begin(SimulatorSettings(generation_seconds=scenario.generation_seconds), order)
    world.interception.begin(None)
    # A release that leaves a task alone says so; somebody may ask again.
    world.interception.reached = True
    scenario.play(world)
    check(world, tasks=scenario.tasks)
    check_kept(world)
    nothing_is_lost(world)
    ends = {task.status for task in world.records()}
    assert ends <= scenario.ends, f"ended as {ends}"
    return world.turn


def violations(world: MixedWorld, scenario: Scenario, *, enough: int = 99) -> list[str]:
    """What does not hold in some order: each prefix of either release, and turn by turn."""
    found: list[str] = []
    whole = max(play(world, scenario, lambda _: 0), play(world, scenario, lambda _: 1))
    orders: list[tuple[str, Order]] = [
        ("turn by turn", lambda turn: turn % 2),
        ("turn by turn, the other first", lambda turn: (turn + 1) % 2),
        ("two by two", lambda turn: turn // 2 % 2),
    ]
    for first in range(1, whole + 1, 1 + whole // LONG):
        # Of a long life each step in one direction, and the next step in the other one.
        if whole <= SHORT or first % 2:
            orders.append((f"{first} of the first one", partial(_upgraded, first)))
        if whole <= SHORT or not first % 2:
            orders.append((f"{first} of the second one", partial(_rolled_back, first)))
    for name, order in orders:
        try:
            play(world, scenario, order)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            found.append(f"{scenario.name}, {name}: {type(error).__name__}: {error}"[:500])
        if len(found) >= enough:
            break
    return found


def _upgraded(first: int, turn: int) -> int:
    return int(turn >= first)


def _rolled_back(first: int, turn: int) -> int:
    return int(turn < first)


def check_kept(world: MixedWorld) -> None:
    """No write has lost what only another release knows, of the record or of its attempts."""
    own = set(Task.model_fields) | _TABLE_ONLY
    for before, after in world.images():
        lost = before.keys() - after.keys() - own
        assert not lost, f"a write has lost {lost}"
        attempts = {attempt["name"]: attempt for attempt in after["attempts"]}
        for attempt in before["attempts"]:
            kept = attempts.get(attempt["name"], attempt)
            lost = attempt.keys() - kept.keys() - Attempt.model_fields.keys()
            assert not lost, f"an attempt has lost {lost}"


@pytest.mark.parametrize("scenario", CHOSEN, ids=[scenario.name for scenario in CHOSEN])
def test_the_previous_release_and_this_one_take_turns(
    mix: Any, folder: Path, scenario: Scenario
) -> None:
    assert violations(mix(THIS, previous(folder), hints=scenario.hints), scenario) == []


@pytest.mark.parametrize("name", ["rest start", "upload", "start refused", "cancel with refund"])
def test_this_release_and_the_next_one_take_turns(mix: Any, folder: Path, name: str) -> None:
    world = mix(THIS, changed(folder, "next", *NEXT), hints=False)
    assert violations(world, _named(name)) == []


def test_the_previous_release_bears_the_next_one_too(mix: Any, folder: Path) -> None:
    world = mix(previous(folder), changed(folder, "next", *NEXT), hints=False)
    assert violations(world, _named("rest start")) == []


@pytest.mark.parametrize("name", ["start answer lost", "second attempt", "cancel while queued"])
def test_a_phase_that_only_the_newer_one_knows_is_left_to_it(
    mix: Any, folder: Path, name: str
) -> None:
    """Which has to come again, of course; until then nobody pays, cancels or loses anything."""
    world = mix(THIS, changed(folder, "phase", *NEXT, NEW_PHASE), hints=False)
    for order in (lambda turn: turn % 2, lambda turn: (turn + 1) % 2, lambda turn: turn // 3 % 2):
        play(world, _named(name), order)


@pytest.mark.parametrize("protection", [INTOLERANT, FORGETFUL], ids=["refuses", "forgets"])
def test_without_tolerance_it_does_not_hold(mix: Any, folder: Path, protection: Any) -> None:
    """Proof that the tests above could fail."""
    bad = changed(folder, protection[2].partition('"')[2].strip('"'), protection)
    world = mix(bad, changed(folder, "next", *NEXT), hints=False)
    found = violations(world, _named("rest start"), enough=1)
    assert any(word in found[0] for word in ("ValidationError", "has lost")), found


def _named(name: str) -> Scenario:
    [scenario] = [scenario for scenario in SCENARIOS if scenario.name == name]
    return scenario
