"""Slots and coins: what is held is held once, and what is given back is given back once."""

from datetime import date, timedelta
from typing import Any

import boto3
import pytest
from image_to_video.adapters.limit_table import Limits
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import (
    GeneratorAccessError,
    GeneratorRejectedError,
    StartUnconfirmedError,
)
from image_to_video.domain.generator import Failed, Ready, Running, Started
from image_to_video.domain.task import Cancellation, FailureCode, Task, TaskStatus, WaitingFor
from image_to_video.lifecycle.service import VideoTasks

from tests.conftest import REGION, Application, Clock, ScriptedGenerator

DAY = date(2026, 11, 22)
REQUEST = TaskRequest(image_url="https://example.com/a.png")


@pytest.fixture
def limits(application: Application) -> Limits:
    return Limits(
        application.table("LIMITS_TABLE"), max_generating=2, slot_seconds=600, daily_coin_limit=100
    )


class TestSlots:
    def test_there_are_as_many_as_was_said(self, limits: Limits, clock: Clock) -> None:
        assert [limits.take_slot(task, clock()) for task in "abc"] == [True, True, False]

    def test_a_task_holds_one_however_often_it_asks(self, limits: Limits, clock: Clock) -> None:
        assert all(limits.take_slot("a", clock()) for _ in range(5))
        assert limits.take_slot("b", clock())

    def test_a_slot_given_back_is_free_and_only_once(self, limits: Limits, clock: Clock) -> None:
        for task in "ab":
            limits.take_slot(task, clock())
        for _ in range(3):
            limits.release_slot("a")
        assert [limits.take_slot(task, clock()) for task in "cd"] == [True, False]

    def test_nobody_gives_back_what_another_holds(self, limits: Limits, clock: Clock) -> None:
        for task in "ab":
            limits.take_slot(task, clock())
        limits.release_slot("z")
        assert not limits.take_slot("c", clock())

    def test_a_dead_holder_loses_it_in_time(self, limits: Limits, clock: Clock) -> None:
        for task in "ab":
            limits.take_slot(task, clock())
        clock.advance(500)
        limits.take_slot("a", clock())
        clock.advance(101)
        assert [limits.take_slot(task, clock()) for task in "cd"] == [True, False]


class TestCoins:
    def test_no_more_is_set_aside_than_the_day_has(self, limits: Limits) -> None:
        assert [limits.reserve_coins(name, 40, DAY) for name in "abc"] == [True, True, False]
        assert limits.reserve_coins("d", 20, DAY)
        assert not limits.reserve_coins("e", 1, DAY)

    def test_more_than_a_whole_day_is_never_set_aside(self, limits: Limits) -> None:
        assert not limits.reserve_coins("a", 101, DAY)

    def test_asking_again_sets_nothing_more_aside(self, limits: Limits) -> None:
        assert all(limits.reserve_coins("a", 60, DAY) for _ in range(3))
        assert limits.reserve_coins("b", 40, DAY)

    def test_what_was_not_spent_is_free_again_and_only_once(self, limits: Limits) -> None:
        limits.reserve_coins("a", 60, DAY)
        for _ in range(3):
            limits.settle_coins("a", 60, 10, DAY)
        assert limits.reserve_coins("b", 90, DAY)
        assert not limits.reserve_coins("c", 1, DAY)

    def test_the_next_day_is_a_new_one(self, limits: Limits) -> None:
        limits.reserve_coins("a", 100, DAY)
        assert limits.reserve_coins("b", 100, DAY + timedelta(days=1))


class TestOff:
    def test_without_limits_nothing_is_asked_or_written(
        self, application: Application, clock: Clock
    ) -> None:
        table = boto3.resource("dynamodb", region_name=REGION).Table("no such table")
        off = Limits(table, max_generating=0, slot_seconds=600, daily_coin_limit=0)
        assert off.take_slot("a", clock())
        assert off.reserve_coins("a", 10**9, DAY)
        off.settle_coins("a", 1, 1, DAY)
        off.release_slot("a")


class TestTasks:
    """The service with one slot and coins for two clips of five seconds."""

    @pytest.fixture
    def environment(self, variables: dict[str, str]) -> dict[str, str]:
        return variables | {"MAX_GENERATING": "1", "DAILY_COIN_LIMIT": "60"}

    def create(self, tasks: VideoTasks, key: str) -> Task:
        return tasks.create("anna", REQUEST, key)

    def test_a_full_generator_keeps_tasks_queued(
        self, tasks: VideoTasks, generator: ScriptedGenerator, clock: Clock
    ) -> None:
        first, second = self.create(tasks, "1"), self.create(tasks, "2")
        assert (second.status, second.waiting_for) == (TaskStatus.QUEUED, WaitingFor.GENERATOR)
        generator.looks = [Ready("completed", "https://results.example.com/v.mp4")]
        clock.advance(20)
        tasks.advance(first.task_id)
        tasks.advance(second.task_id)
        assert tasks.get("anna", second.task_id).status is TaskStatus.GENERATING

    def test_a_used_up_budget_keeps_tasks_queued_until_the_next_day(
        self, tasks: VideoTasks, generator: ScriptedGenerator, clock: Clock
    ) -> None:
        generator.looks = [Failed("failed", FailureCode.GENERATION_FAILED, "no")]
        for key in ("1", "2"):
            task = self.create(tasks, key)
            clock.advance(20)
            tasks.advance(task.task_id)
        third = self.create(tasks, "3")
        assert (third.status, third.waiting_for) == (TaskStatus.QUEUED, WaitingFor.COINS)
        assert len(generator.requests) == 2
        clock.advance(12 * 3600)
        tasks.advance(third.task_id)
        assert tasks.get("anna", third.task_id).status is TaskStatus.GENERATING

    @pytest.mark.parametrize(
        "refusal",
        [
            GeneratorRejectedError("no", code=FailureCode.INVALID_IMAGE),
            GeneratorAccessError("no", waiting_for=WaitingFor.ACCESS),
        ],
    )
    def test_a_start_that_was_refused_takes_nothing(
        self, tasks: VideoTasks, generator: ScriptedGenerator, refusal: Exception
    ) -> None:
        generator.starts = [refusal, refusal, refusal, Started("gen-000001", 30)]
        for key in ("1", "2", "3"):
            self.create(tasks, key)
        assert self.create(tasks, "4").status is TaskStatus.GENERATING

    def test_an_unconfirmed_start_keeps_its_place_and_its_coins(
        self, tasks: VideoTasks, generator: ScriptedGenerator
    ) -> None:
        generator.starts = [StartUnconfirmedError("reset")]
        self.create(tasks, "1")
        assert self.create(tasks, "2").waiting_for is WaitingFor.GENERATOR
        assert len(generator.requests) == 1

    def test_a_canceled_task_keeps_its_place_while_the_generator_may_be_at_work(
        self, tasks: VideoTasks, generator: ScriptedGenerator, clock: Clock
    ) -> None:
        begun, refundable = Running("processing"), Running("initialized", refundable=True)
        generator.looks, generator.refunds = [begun], [True]
        tasks.cancel("anna", self.create(tasks, "1").task_id)
        second = self.create(tasks, "2")
        assert second.waiting_for is WaitingFor.GENERATOR
        clock.advance(1800)
        generator.looks = [refundable]
        tasks.advance(second.task_id)
        assert tasks.cancel("anna", second.task_id)[1] is Cancellation.REFUNDED
        clock.advance(86400)
        assert self.create(tasks, "3").status is TaskStatus.GENERATING

    def test_who_comes_second_settles_its_own_and_leaves_the_first_its_place(
        self,
        tasks: VideoTasks,
        generator: ScriptedGenerator,
        application: Application,
        workflow_client: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        start_execution = workflow_client.start_execution

        def while_another_is_quicker(**order: object) -> object:
            monkeypatch.setattr(workflow_client, "start_execution", start_execution)
            assert self.create(tasks, "1").status is TaskStatus.GENERATING
            return start_execution(**order)

        monkeypatch.setattr(workflow_client, "start_execution", while_another_is_quicker)
        assert self.create(tasks, "1").status is TaskStatus.GENERATING
        items = application.table("LIMITS_TABLE").scan()["Items"]
        assert [int(item["spent"]) for item in items if "spent" in item] == [30]
        assert len([item for item in items if "holder" in item]) == 1
        assert self.create(tasks, "2").waiting_for is WaitingFor.GENERATOR

    def test_a_write_that_fails_sets_nothing_aside(
        self, tasks: VideoTasks, application: Application, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(_: Task) -> Task:
            raise ConnectionError("no table today")

        monkeypatch.setattr(tasks._table, "replace", refuse)
        with pytest.raises(ConnectionError):
            self.create(tasks, "1")
        items = application.table("LIMITS_TABLE").scan()["Items"]
        assert [int(item["spent"]) for item in items if "spent" in item] == [0]
