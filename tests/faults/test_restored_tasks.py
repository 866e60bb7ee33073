"""A record comes back from a backup of any moment of its life: nothing is paid twice, and it ends.

Lost at the end of its life, with everything that A2E was paid for; or lost at that very moment.
"""

from typing import Any

import pytest
from image_to_video.adapters.task_table import TaskTable
from image_to_video.domain.restored import restored
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import FailureCode, Task

from i2v.simulator.settings import SimulatorSettings
from tests.faults.invariants import check_charges, check_videos
from tests.faults.plays import create
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.test_crash_points import SETTINGS
from tests.faults.world import World

PLAYED = ("rest start", "upload", "start answer lost", "waiting for coins", "dead link")


@pytest.fixture(scope="module")
def world(make_world: Any) -> World:
    made: World = make_world(**SETTINGS)
    return made


def played(world: World, scenario: Scenario) -> list[Task]:
    """Play a scenario, and return every version of its one record."""
    world.reset(SimulatorSettings(generation_seconds=scenario.generation_seconds))
    world.interception.begin(None)
    scenario.play(world)
    return [after for _, after in world.history()]


def lose(world: World, task: Task) -> None:
    """Its record is gone, and with it the stack that moved it."""
    world.end_all()
    world.application.table("TASKS_TABLE").delete_item(Key={"task_id": task.task_id})


def put_back(world: World, task: Task) -> None:
    table = TaskTable(world.application.table("TASKS_TABLE"), retention_days=0)
    assert table.restore(task)


def bring_back(world: World, task: Task) -> Task:
    """What `i2v restore` does with one record."""
    put_back(world, restored(task, world.clock(), max_attempts=world.settings.max_attempts))
    world.run()
    [end] = world.records()
    return end


@pytest.mark.parametrize("name", PLAYED)
def test_a_task_lost_at_its_end_is_not_paid_again(world: World, name: str) -> None:
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == name)
    versions = played(world, scenario)
    for position in range(len(versions)):
        played(world, scenario)
        version = [after for _, after in world.history()][position]
        paid, [end] = len(world.ledger()), world.records()
        lose(world, end)
        world.clock.advance(3600)
        again = bring_back(world, version)
        assert len(world.ledger()) == paid, f"from version {version.version}"
        assert again.status is TaskStatus.SUCCEEDED, f"from version {version.version}"
        check_charges(world)
        check_videos(world)


@pytest.mark.parametrize("seconds", [0, 5, 10, 20, 40, 60, 3600])
@pytest.mark.parametrize("latest", [True, False])
def test_a_task_lost_on_its_way_goes_on_and_is_paid_once(
    world: World, seconds: int, latest: bool
) -> None:
    world.reset(SimulatorSettings())
    world.interception.begin(None)
    world.fault(on="start", kind="no_coins", times=1)
    create(world)
    [waiting] = world.records()
    world.run_for(seconds)
    [task] = world.records()
    lose(world, task)
    world.run_for(7200)
    again = bring_back(world, task if latest else waiting)
    assert again.status is TaskStatus.SUCCEEDED
    assert len(world.ledger()) == 1
    check_charges(world)


def test_a_start_that_is_never_seen_again_is_made_once_more(world: World) -> None:
    """The backup's attempts were never made: their names are looked up, then a new one starts."""
    world.reset(SimulatorSettings())
    world.interception.begin(None)
    world.fault(on="start", kind="no_coins", times=1)
    create(world)
    [waiting] = world.records()
    lose(world, waiting)
    again = bring_back(world, waiting)
    most = world.settings.max_attempts
    assert again.status is TaskStatus.SUCCEEDED
    assert [attempt.restored for attempt in again.attempts] == [True] * most + [False]
    assert [charge["name"] for charge in world.ledger()] == [again.attempt_name(most + 1)]


def test_without_the_lookup_it_would_be_paid_twice(world: World) -> None:
    """What `restored` is for: the record as it is, put back, starts again."""
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == "waiting for coins")
    versions = played(world, scenario)
    first = next(task for task in versions if not task.attempts and task.waiting_for)
    [end] = world.records()
    lose(world, end)
    put_back(world, first)
    world.run()
    assert len(world.ledger()) == 2


def test_a_failed_task_stays_failed(world: World) -> None:
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == "start refused")
    played(world, scenario)
    [end] = world.records()
    lose(world, end)
    again = bring_back(world, end)
    assert again == end
    assert again.failure is not None
    assert again.failure.code is FailureCode.CONTENT_REFUSED
