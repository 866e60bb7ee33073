"""Owners without coins: their tasks wait apart, in order, and nobody else does."""

from datetime import timedelta
from typing import Any

import pytest
from image_to_video.domain.errors import GeneratorRejectedError, InvalidTaskError
from image_to_video.domain.generator import Started
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import FailureCode, Task, WaitingFor
from image_to_video.domain.waiting_line import waits_for_owner
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import WorkflowSteps
from image_to_video.wiring import Application as Services

from tests.conftest import Clock, ScriptedGenerator
from tests.support.workflow import advance
from tests.unit.lifecycle.test_line import create, finish, now_of
from tests.unit.lifecycle.test_line_troubles import with_settings

GENERATING, QUEUED = TaskStatus.GENERATING, TaskStatus.QUEUED


@pytest.fixture
def environment(variables: dict[str, str]) -> dict[str, str]:
    return variables | {"DAILY_COIN_LIMIT": "1000", "OWNER_DAILY_COIN_LIMIT": "60"}


def midnight(services: Services, clock: Clock) -> None:
    clock.moment = clock.moment.replace(hour=0) + timedelta(days=1)
    services.repair.reconcile_tasks()


def poll_all(services: Services, tasks: list[Task]) -> list[TaskStatus]:
    """Each woken execution polls, the last one first."""
    for task in reversed(tasks):
        services.workflow_steps.poll_task(task.task_id)
    return [now_of(services.video_tasks, task).status for task in tasks]


def apart(services: Services, owner: str = "anna") -> list[str]:
    return [entry.task_id for entry in services._line._owners._lines.first(owner, 99)]


def test_an_owner_without_coins_waits_and_others_do_not(
    tasks: VideoTasks, services: Services
) -> None:
    mine = [create(tasks, key) for key in "123"]
    assert [task.status for task in mine] == [GENERATING, GENERATING, QUEUED]
    assert (mine[2].waiting_for, mine[2].in_line) == (WaitingFor.COINS, True)
    assert tasks.show(mine[2]).place_in_line is None
    assert create(tasks, "4", owner="bert").status is GENERATING
    assert services._line._line.first(9) == []


def test_at_midnight_they_go_on_in_their_order_as_many_as_there_are_coins_for(
    tasks: VideoTasks, services: Services, clock: Clock
) -> None:
    mine = []
    for key in "12345":
        mine.append(create(tasks, key))
        clock.advance(1)
    midnight(services, clock)
    assert poll_all(services, mine[2:]) == [GENERATING, GENERATING, QUEUED]
    assert apart(services) == [mine[4].task_id]
    midnight(services, clock)
    assert poll_all(services, mine[4:]) == [GENERATING]
    assert apart(services) == []
    assert services._line._line.first(9) == []


def test_what_has_come_up_and_not_started_counts_as_spent(
    tasks: VideoTasks, services: Services, clock: Clock
) -> None:
    mine = [create(tasks, key) for key in "123456"]
    midnight(services, clock)
    for _ in range(3):
        clock.advance(300)
        services.repair.reconcile_tasks()
    assert len(apart(services)) == 2
    assert poll_all(services, mine[2:]).count(GENERATING) == 2


def test_who_comes_after_midnight_overtakes_none_of_its_owner(
    tasks: VideoTasks, services: Services, clock: Clock
) -> None:
    mine = []
    for key in "1234":
        mine.append(create(tasks, key))
        clock.advance(1)
    clock.moment = clock.moment.replace(hour=0) + timedelta(days=1)
    newest = create(tasks, "5")
    assert newest.status is QUEUED
    # It has not waited for the schedule to bring up those before it.
    assert poll_all(services, [*mine[2:], newest]) == [GENERATING, GENERATING, QUEUED]


def test_behind_a_dear_one_the_cheap_ones_of_the_same_owner_wait(
    tasks: VideoTasks, services: Services, clock: Clock
) -> None:
    create(tasks, "1")
    dear = create(tasks, "2", seconds=10)
    clock.advance(1)
    cheap = create(tasks, "3")
    assert [dear.waiting_for, cheap.waiting_for] == [WaitingFor.COINS] * 2
    tasks.cancel("anna", dear.task_id)
    assert poll_all(services, [cheap]) == [GENERATING]
    assert apart(services) == []


def test_coins_that_come_free_wake_the_owner_and_nobody_is_charged_twice(
    tasks: VideoTasks, services: Services, generator: ScriptedGenerator
) -> None:
    """The first was cheaper than its price; that is known before the third one comes."""
    generator.starts = [Started("gen-1", 20), Started("gen-2", 10), Started("gen-3", 30)]
    assert [create(tasks, key).status for key in "123"] == [GENERATING] * 3
    assert create(tasks, "4").waiting_for is WaitingFor.COINS
    budget = services._limits.budget(services.now().date(), "anna")
    assert budget is not None
    assert budget.left == 0


def test_a_start_that_was_refused_for_good_wakes_the_owner(
    tasks: VideoTasks, services: Services, generator: ScriptedGenerator, monkeypatch: Any
) -> None:
    refusal = GeneratorRejectedError("no", code=FailureCode.INVALID_IMAGE)
    create(tasks, "1")
    start = generator.start
    waiting: list[Task] = []

    def while_another_comes(request: Any) -> Any:
        monkeypatch.setattr(generator, "start", start)
        waiting.append(create(tasks, "3"))
        raise refusal

    monkeypatch.setattr(generator, "start", while_another_comes)
    assert create(tasks, "2").status is TaskStatus.FAILED
    assert waiting[0].waiting_for is WaitingFor.COINS
    assert poll_all(services, waiting) == [GENERATING]


def test_a_task_dearer_than_its_owners_day_is_refused_by_every_entry_point(
    tasks: VideoTasks, services: Services, clock: Clock
) -> None:
    with pytest.raises(InvalidTaskError, match=r"90 coins, and each owner.*at most 60 a day"):
        create(tasks, "1", seconds=15)
    known = create(tasks, "2").model_copy(
        update={"task_id": "dear", "status": QUEUED, "attempts": (), "generator_task_id": None}
    )
    task = services._table.create(known.model_copy(update={"video_time": 15}))
    for _ in range(2):
        advance(services, task, clock)
    failure = tasks.get("anna", "dear").failure
    assert failure is not None
    assert failure.code is FailureCode.INVALID_REQUEST
    assert "at most 60 a day" in failure.message


def test_one_that_became_too_dear_while_it_waited_comes_up_to_be_refused(
    tasks: VideoTasks, services: Services, clock: Clock
) -> None:
    mine = [create(tasks, "1"), create(tasks, "2", seconds=10)]
    after = with_settings(services, owner_daily_coin_limit=30)
    after.repair.reconcile_tasks()
    assert poll_all(after, mine[1:]) == [TaskStatus.FAILED]


def test_a_limit_that_was_turned_off_or_raised_lets_them_go(
    tasks: VideoTasks, services: Services, clock: Clock
) -> None:
    mine = [create(tasks, key) for key in "12345"]
    raised = with_settings(services, owner_daily_coin_limit=90)
    raised.repair.reconcile_tasks()
    assert poll_all(raised, mine).count(GENERATING) == 3
    off = with_settings(services, daily_coin_limit=0, owner_daily_coin_limit=0)
    off.repair.reconcile_tasks()
    assert poll_all(off, mine) == [GENERATING] * 5


def test_an_entry_that_nobody_needs_is_taken_out_and_one_that_is_gone_put_back(
    tasks: VideoTasks, services: Services, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = [create(tasks, key) for key in "1234"]
    with monkeypatch.context() as patch:
        patch.setattr(services._line, "leave", lambda _: None)
        patch.setattr(services._line, "wake", lambda _: None)
        tasks.cancel("anna", mine[2].task_id)
    services._line.leave(mine[3])
    assert apart(services) == [mine[2].task_id]
    services.repair.reconcile_tasks()
    assert apart(services) == []
    clock.advance(3600)
    services.workflow_steps.poll_task(mine[3].task_id)
    assert apart(services) == [mine[3].task_id]


def test_one_whose_record_cannot_be_read_keeps_no_other_waiting(
    tasks: VideoTasks, services: Services, application: Any, clock: Clock
) -> None:
    mine = []
    for key in "1234":
        mine.append(create(tasks, key))
        clock.advance(1)
    application.table("TASKS_TABLE").update_item(
        Key={"task_id": mine[2].task_id},
        UpdateExpression="SET video_time = :unknown",
        ExpressionAttributeValues={":unknown": -1},
    )
    midnight(services, clock)
    assert poll_all(services, mine[3:]) == [GENERATING]


@pytest.mark.parametrize(("limits", "writes"), [("on", 4), ("off", 0)])
def test_both_limits_cost_four_writes_a_task(
    services: Services, monkeypatch: pytest.MonkeyPatch, limits: str, writes: int
) -> None:
    changes = {} if limits == "on" else {"daily_coin_limit": 0, "owner_daily_coin_limit": 0}
    stack = with_settings(services, **changes)
    update, written = stack._limits_table.update_item, list[object]()

    def counted(**asked: Any) -> Any:
        written.append(asked)
        return update(**asked)

    monkeypatch.setattr(stack._limits_table, "update_item", counted)
    assert create(stack.video_tasks, "1").status is GENERATING
    assert len(written) == writes


class TestSlots:
    @pytest.fixture
    def environment(self, variables: dict[str, str]) -> dict[str, str]:
        limits = {"MAX_GENERATING": "1", "SLOT_SECONDS": "1000000"}
        return variables | limits | {"DAILY_COIN_LIMIT": "0", "OWNER_DAILY_COIN_LIMIT": "60"}

    def test_in_line_who_has_no_coins_is_passed_over_and_put_apart(
        self,
        tasks: VideoTasks,
        services: Services,
        steps: WorkflowSteps,
        generator: ScriptedGenerator,
        clock: Clock,
    ) -> None:
        mine = [create(tasks, key) for key in "123456"]
        other = create(tasks, "7", owner="bert")
        finish(steps, generator, clock, mine[0])
        steps.poll_task(mine[1].task_id)
        finish(steps, generator, clock, mine[1])
        steps.poll_task(other.task_id)
        assert now_of(tasks, other).status is GENERATING
        finish(steps, generator, clock, other)
        services.repair.reconcile_tasks()
        assert sorted(apart(services)) == sorted(task.task_id for task in mine[2:])
        assert services._line._line.first(9) == []
        stored = [now_of(tasks, task) for task in mine[2:]]
        assert all(waits_for_owner(task) for task in stored)
        assert {tasks.show(task).place_in_line for task in stored} == {None}
        assert {task.waiting_for for task in stored} == {WaitingFor.COINS}

    def test_who_comes_up_has_a_new_turn_and_waits_for_a_slot(
        self, tasks: VideoTasks, services: Services, clock: Clock
    ) -> None:
        """It overtakes nobody who came into the line while it waited apart."""
        spend(services, 60)
        mine = []
        for key in "123":
            mine.append(create(tasks, key))
            clock.advance(1)
        at_work, first = (create(tasks, key, owner="bert") for key in "45")
        midnight(services, clock)
        assert at_work.status is GENERATING
        shown = [tasks.show(now_of(tasks, task)) for task in (first, *mine)]
        assert [task.place_in_line for task in shown] == [1, 2, 3, None]
        assert [task.waiting_for for task in shown[:3]] == [WaitingFor.SLOT] * 3

    def test_time_apart_and_in_line_counts_once(
        self,
        tasks: VideoTasks,
        services: Services,
        generator: ScriptedGenerator,
        steps: WorkflowSteps,
        clock: Clock,
    ) -> None:
        spend(services, 60)
        mine = create(tasks, "1")
        other = create(tasks, "2", owner="bert")
        midnight(services, clock)
        finish(steps, generator, clock, other)
        steps.poll_task(mine.task_id)
        started = now_of(tasks, mine)
        assert started.status is GENERATING
        waited = started.waited(clock()) - (clock() - mine.created_at)
        assert timedelta(0) <= waited <= timedelta(seconds=1)


def spend(services: Services, coins: int) -> None:
    """Anna has spent so many coins of today."""
    assert services._limits.reserve_coins("before", coins, services.now().date(), "anna")
