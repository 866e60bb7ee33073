"""Slots and coins through a task's life, with one slot and coins for two clips of five seconds."""

from typing import Any

import pytest
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import (
    GeneratorAccessError,
    GeneratorRejectedError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
    TaskConflictError,
)
from image_to_video.domain.generator import Failed, Ready, Running, Started
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Cancellation, FailureCode, Task, WaitingFor
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import WorkflowSteps
from image_to_video.wiring import Application as Services

from tests.conftest import Application, Clock, ScriptedGenerator
from tests.support.workflow import before_its_workflow, until_started

REQUEST = TaskRequest(image_url="https://example.com/a.png")


@pytest.fixture
def environment(variables: dict[str, str]) -> dict[str, str]:
    return variables | {"MAX_GENERATING": "1", "DAILY_COIN_LIMIT": "60"}


def create(tasks: VideoTasks, key: str) -> Task:
    return tasks.create("anna", REQUEST, key)


def test_a_full_generator_keeps_tasks_queued(
    tasks: VideoTasks, steps: WorkflowSteps, generator: ScriptedGenerator, clock: Clock
) -> None:
    first, second = create(tasks, "1"), create(tasks, "2")
    assert (second.status, second.waiting_for) == (TaskStatus.QUEUED, WaitingFor.SLOT)
    generator.answers = [Ready("completed", "https://results.example.com/v.mp4")]
    clock.advance(20)
    steps.poll_task(first.task_id)
    steps.poll_task(second.task_id)
    assert tasks.get("anna", second.task_id).status is TaskStatus.GENERATING


def test_a_slot_of_an_actor_that_died_after_its_write_is_released_by_who_reads_it(
    tasks: VideoTasks, services: Services, steps: WorkflowSteps
) -> None:
    first = create(tasks, "1")
    services._table.write(first.canceled(services.now(), Cancellation.REFUNDED))
    second = create(tasks, "2")
    assert second.waiting_for is WaitingFor.SLOT
    services._transitions.reload(first)
    steps.poll_task(second.task_id)
    assert tasks.get("anna", second.task_id).status is TaskStatus.GENERATING


def test_a_used_up_budget_keeps_tasks_queued_until_the_next_day(
    tasks: VideoTasks, steps: WorkflowSteps, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.answers = [Failed("failed", FailureCode.GENERATION_FAILED, "no")]
    for key in ("1", "2"):
        task = create(tasks, key)
        clock.advance(20)
        steps.poll_task(task.task_id)
    third = create(tasks, "3")
    assert (third.status, third.waiting_for) == (TaskStatus.QUEUED, WaitingFor.COINS)
    assert len(generator.requests) == 2
    clock.advance(12 * 3600)
    steps.poll_task(third.task_id)
    assert tasks.get("anna", third.task_id).status is TaskStatus.GENERATING


@pytest.mark.parametrize(
    "refusal",
    [
        GeneratorRejectedError("no", code=FailureCode.INVALID_IMAGE),
        GeneratorAccessError("no", waiting_for=WaitingFor.ACCESS),
    ],
)
def test_a_refused_start_holds_nothing(
    tasks: VideoTasks, generator: ScriptedGenerator, refusal: Exception
) -> None:
    generator.starts = [refusal, refusal, refusal, Started("gen-000001", 30)]
    for key in ("1", "2", "3"):
        create(tasks, key)
    assert create(tasks, "4").status is TaskStatus.GENERATING


def test_an_unconfirmed_start_keeps_its_slot_and_its_coins(
    tasks: VideoTasks, generator: ScriptedGenerator
) -> None:
    generator.starts = [StartUnconfirmedError("reset")]
    create(tasks, "1")
    assert create(tasks, "2").waiting_for is WaitingFor.SLOT
    assert len(generator.requests) == 1


def test_a_canceled_task_keeps_its_slot_while_the_generator_may_be_at_work(
    tasks: VideoTasks, steps: WorkflowSteps, generator: ScriptedGenerator, clock: Clock
) -> None:
    begun, refundable = Running("processing"), Running("initialized", refundable=True)
    generator.answers, generator.refunds = [begun], [True]
    tasks.cancel("anna", create(tasks, "1").task_id)
    second = create(tasks, "2")
    assert second.waiting_for is WaitingFor.SLOT
    clock.advance(1800)
    generator.answers = [refundable]
    steps.poll_task(second.task_id)
    assert tasks.cancel("anna", second.task_id)[1] is Cancellation.REFUNDED
    clock.advance(86400)
    assert create(tasks, "3").status is TaskStatus.GENERATING


def test_the_slower_of_two_starts_releases_its_own_coins_and_leaves_the_slot(
    tasks: VideoTasks,
    generator: ScriptedGenerator,
    application: Application,
    workflow_client: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def another_is_quicker() -> None:
        assert create(tasks, "1").status is TaskStatus.GENERATING

    before_its_workflow(workflow_client, monkeypatch, another_is_quicker)
    assert create(tasks, "1").status is TaskStatus.GENERATING
    items = application.table("LIMITS_TABLE").scan()["Items"]
    assert [int(item["spent"]) for item in items if "spent" in item] == [30]
    assert len([item for item in items if "holder" in item]) == 1
    assert create(tasks, "2").waiting_for is WaitingFor.SLOT


def test_the_slower_of_two_starts_releases_a_slot_that_the_quicker_one_gave_back(
    tasks: VideoTasks,
    generator: ScriptedGenerator,
    application: Application,
    workflow_client: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def another_is_postponed() -> None:
        assert create(tasks, "1").waiting_for is WaitingFor.GENERATOR

    before_its_workflow(workflow_client, monkeypatch, another_is_postponed)
    generator.starts = [GeneratorUnavailableError("busy"), Started("gen-000002", 30)]
    assert create(tasks, "1").waiting_for is WaitingFor.GENERATOR
    items = application.table("LIMITS_TABLE").scan()["Items"]
    assert [item for item in items if "holder" in item] == []
    assert create(tasks, "2").status is TaskStatus.GENERATING


def test_a_start_whose_record_another_changed_releases_its_coins(
    tasks: VideoTasks,
    services: Services,
    application: Application,
    workflow_client: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def another_writes() -> None:
        [task] = tasks.list("anna", limit=1).data
        services._table.write(tasks.get("anna", task.task_id).changed(services.now(), late=True))

    before_its_workflow(workflow_client, monkeypatch, another_writes)
    assert create(tasks, "1").late
    assert spent(application) == [0]


def test_a_write_that_is_refused_releases_nothing(
    tasks: VideoTasks, services: Services, application: Application
) -> None:
    generating = create(tasks, "1")
    services._table.write(generating.changed(services.now(), late=True))
    closed = generating.canceled(services.now(), Cancellation.REFUNDED)
    with pytest.raises(TaskConflictError):
        services._transitions.write_or_raise(generating, closed)
    assert spent(application) == [30]
    assert create(tasks, "2").waiting_for is WaitingFor.SLOT


def test_a_write_that_fails_reserves_nothing(
    tasks: VideoTasks, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Task, **_before: object) -> Task:
        raise ConnectionError("no table today")

    monkeypatch.setattr(tasks._table, "write", refuse)
    with pytest.raises(ConnectionError):
        create(tasks, "1")
    assert spent(application) == [0]


def spent(application: Application) -> list[int]:
    """The coins of each day that has any: spent and reserved."""
    items = application.table("LIMITS_TABLE").scan()["Items"]
    return [int(item["spent"]) for item in items if "spent" in item]


@pytest.mark.parametrize("charged", [0, 25, 31, 60])
def test_the_day_is_charged_what_the_generator_charged(
    tasks: VideoTasks, generator: ScriptedGenerator, application: Application, charged: int
) -> None:
    """A price that the configuration does not know counts as it is, not as it was reserved."""
    generator.starts = [Started("gen-000001", charged)]
    assert create(tasks, "1").coins == charged
    assert spent(application) == [charged]


def test_a_start_that_is_found_later_is_charged_on_the_day_it_was_sent(
    tasks: VideoTasks,
    services: Services,
    generator: ScriptedGenerator,
    application: Application,
    clock: Clock,
) -> None:
    generator.starts = [StartUnconfirmedError("reset")]
    generator.finds = [Started("gen-000001", 45)]
    clock.moment = clock.moment.replace(hour=23, minute=59, second=50)
    task = create(tasks, "1")
    assert spent(application) == [30]
    clock.advance(60)
    task = until_started(services, task, clock)
    assert task.started_at is not None
    assert task.started_at.date() > task.attempts[0].sent_at.date()
    assert task.coins == 45
    assert spent(application) == [45]


def test_an_acceptance_without_a_price_is_charged_as_reserved(
    tasks: VideoTasks, generator: ScriptedGenerator, application: Application
) -> None:
    generator.starts = [Started("gen-000001", None)]
    assert create(tasks, "1").coins is None
    assert spent(application) == [30]
