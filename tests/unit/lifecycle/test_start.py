"""The paid start: never twice, never lost. See "The paid start" in docs/guarantees.md."""

from datetime import timedelta
from typing import Any

import pytest
from aws_lambda_powertools.utilities import parameters
from image_to_video import wiring
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import (
    GeneratorAccessError,
    GeneratorRejectedError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
)
from image_to_video.domain.generator import Started, StartRequest
from image_to_video.domain.task import FailureCode, Task, TaskStatus, WaitingFor
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import Phase, WorkflowSteps
from image_to_video.settings import Settings
from image_to_video.wiring import Application as Services

from tests.conftest import Application, Clock, ScriptedGenerator

REQUEST = TaskRequest(image_url="https://example.com/portrait.png")
OWNER = "anna"


def create(tasks: VideoTasks, key: str | None = "key-1") -> Task:
    return tasks.create(OWNER, REQUEST, key)


def drive(services: Services, task: Task, clock: Clock, rounds: int = 1) -> Task:
    """Let the workflow go round: wait as it is told, then poll."""
    for _ in range(rounds):
        step = services.workflow_steps.advance(task.task_id)
        if step.phase is Phase.CLOSED:
            break
        clock.advance(step.wait_seconds)
    return services.video_tasks.get(OWNER, task.task_id)


def until_settled(services: Services, task: Task, clock: Clock) -> Task:
    """Go round until the task is not queued any more."""
    for _ in range(300):
        task = drive(services, task, clock)
        if task.status is not TaskStatus.QUEUED:
            return task
    raise AssertionError(f"still queued: {task}")


def test_an_accepted_start_generates_at_once(
    tasks: VideoTasks, generator: ScriptedGenerator
) -> None:
    task = create(tasks)
    assert task.status is TaskStatus.GENERATING
    assert (task.generator_task_id, task.coins) == ("gen-000001", 30)
    assert task.waiting_for is None
    assert [request.name for request in generator.requests] == [f"{task.task_id}-1"]
    assert task.unresolved_attempt is None


def test_the_attempt_is_stored_before_the_call(
    tasks: VideoTasks, generator: ScriptedGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[Task] = []
    start = generator.start

    def watch(request: StartRequest) -> Started:
        [task] = tasks.list(OWNER, limit=1).data
        stored.append(tasks.get(OWNER, task.task_id))
        return start(request)

    monkeypatch.setattr(generator, "start", watch)
    create(tasks)
    [task] = stored
    assert task.unresolved_attempt is not None
    assert task.unresolved_attempt.name == f"{task.task_id}-1"
    assert task.status is TaskStatus.QUEUED


def test_surely_not_accepted_is_tried_again_under_the_same_name(
    tasks: VideoTasks, services: Services, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.starts = [GeneratorUnavailableError("refused"), Started("gen-000002", 30)]
    task = create(tasks)
    assert (task.status, task.waiting_for) == (TaskStatus.QUEUED, WaitingFor.GENERATOR)
    assert task.attempts == ()
    task = until_settled(services, task, clock)
    assert task.generator_task_id == "gen-000002"
    assert {request.name for request in generator.requests} == {f"{task.task_id}-1"}


def test_the_generators_own_wish_to_wait_is_honoured(
    tasks: VideoTasks, steps: WorkflowSteps, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.starts = [GeneratorUnavailableError("429", retry_after=120)]
    task = create(tasks)
    assert task.next_poll_at == clock() + timedelta(seconds=120)
    clock.advance(60)
    assert steps.advance(task.task_id).wait_seconds == 60
    assert len(generator.requests) == 1


@pytest.mark.parametrize("waiting_for", [WaitingFor.COINS, WaitingFor.ACCESS])
def test_account_trouble_waits_and_then_starts(
    tasks: VideoTasks,
    services: Services,
    generator: ScriptedGenerator,
    clock: Clock,
    waiting_for: WaitingFor,
) -> None:
    trouble = GeneratorAccessError("no", waiting_for=waiting_for)
    generator.starts = [trouble, trouble, trouble, Started("gen-000003", 30)]
    task = create(tasks)
    assert (task.status, task.waiting_for) == (TaskStatus.QUEUED, waiting_for)
    assert until_settled(services, task, clock).status is TaskStatus.GENERATING


def test_a_repeated_request_does_not_hurry_a_waiting_start(
    tasks: VideoTasks, generator: ScriptedGenerator
) -> None:
    generator.starts = [GeneratorAccessError("no coins", waiting_for=WaitingFor.COINS)]
    first, second = create(tasks), create(tasks)
    assert first == second
    assert len(generator.requests) == 1


def test_account_trouble_ends_at_the_start_deadline(
    tasks: VideoTasks, services: Services, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.starts = [GeneratorAccessError("no coins", waiting_for=WaitingFor.COINS)]
    task = create(tasks)
    clock.advance(86400)
    task = drive(services, task, clock)
    assert task.failure is not None
    assert task.failure.code is FailureCode.START_DEADLINE_EXCEEDED
    assert "coins" in task.failure.message


@pytest.mark.parametrize("code", [FailureCode.INVALID_IMAGE, FailureCode.CONTENT_REFUSED])
def test_a_refusal_for_good_closes_at_once(
    tasks: VideoTasks, generator: ScriptedGenerator, code: FailureCode
) -> None:
    generator.starts = [GeneratorRejectedError("not this picture", code=code)]
    task = create(tasks)
    assert task.status is TaskStatus.FAILED
    assert task.failure is not None
    assert (task.failure.code, task.failure.message) == (code, "not this picture")


def test_an_unconfirmed_start_is_found_and_adopted(
    tasks: VideoTasks, services: Services, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.starts = [StartUnconfirmedError("reset")]
    generator.finds = [GeneratorUnavailableError("down"), None, Started("gen-000004", 30)]
    task = create(tasks)
    assert task.waiting_for is WaitingFor.CONFIRMATION
    task = until_settled(services, task, clock)
    assert (task.status, task.generator_task_id) == (TaskStatus.GENERATING, "gen-000004")
    assert len(generator.requests) == 1
    assert len(task.attempts) == 1


def test_only_a_whole_quiet_period_permits_a_second_attempt(
    tasks: VideoTasks, services: Services, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.starts = [StartUnconfirmedError("timeout"), Started("gen-000005", 30)]
    began = clock()
    task = create(tasks)
    while len(generator.requests) == 1:
        assert clock() - began <= timedelta(seconds=600)
        task = drive(services, task, clock)
    names = [request.name for request in generator.requests]
    assert names == [f"{task.task_id}-1", f"{task.task_id}-2"]
    assert clock() - began >= timedelta(seconds=300)
    assert len(generator.found) >= 4
    assert [attempt.name for attempt in task.attempts] == names


@pytest.mark.parametrize(
    "trouble",
    [
        GeneratorUnavailableError("429"),
        GeneratorAccessError("no coins", waiting_for=WaitingFor.COINS),
        StartUnconfirmedError("timeout"),
    ],
)
def test_a_first_attempt_that_shows_up_late_is_adopted(
    tasks: VideoTasks,
    services: Services,
    generator: ScriptedGenerator,
    clock: Clock,
    trouble: Exception,
) -> None:
    generator.starts = [StartUnconfirmedError("timeout"), trouble]
    task = create(tasks)
    while len(generator.requests) == 1:
        task = drive(services, task, clock)
    generator.finds = [Started("gen-late00", 30)]
    task = until_settled(services, task, clock)
    assert (task.status, task.generator_task_id) == (TaskStatus.GENERATING, "gen-late00")
    assert len(generator.requests) == 2
    assert f"{task.task_id}-1" in generator.found[-2:]


def test_nothing_is_started_again_while_the_list_cannot_be_read(
    tasks: VideoTasks, services: Services, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.starts = [StartUnconfirmedError("timeout")]
    generator.finds = [GeneratorUnavailableError("down")]
    task = create(tasks)
    task = until_settled(services, task, clock)
    assert len(generator.requests) == 1
    assert task.failure is not None
    assert task.failure.code is FailureCode.START_UNCONFIRMED


def test_the_cap_on_attempts_ends_unconfirmed(
    tasks: VideoTasks, services: Services, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.starts = [StartUnconfirmedError("timeout")]
    task = until_settled(services, create(tasks), clock)
    assert len(generator.requests) == 2
    assert task.failure is not None
    assert task.failure.code is FailureCode.START_UNCONFIRMED


def test_an_unexplained_refusal_is_looked_up_and_then_final(
    tasks: VideoTasks, services: Services, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.starts = [StartUnconfirmedError("code 77", refusal="something odd")]
    task = until_settled(services, create(tasks), clock)
    assert len(generator.requests) == 1
    assert generator.found
    assert task.failure is not None
    assert (task.failure.code, task.failure.message) == (
        FailureCode.START_REFUSED,
        "something odd",
    )


def test_a_token_that_cannot_be_read_is_account_trouble_and_nothing_is_sent(
    application: Application, settings: Settings
) -> None:
    application.client("secretsmanager").delete_secret(
        SecretId=settings.a2e_token_secret, ForceDeleteWithoutRecovery=True
    )
    parameters.clear_caches()  # type: ignore[no-untyped-call]
    task = wiring.video_tasks().create(OWNER, REQUEST, None)
    assert (task.status, task.waiting_for) == (TaskStatus.QUEUED, WaitingFor.ACCESS)
    assert task.attempts == ()


class Died(BaseException):
    """The process is gone; nothing catches this."""


def test_a_process_that_died_after_sending_leaves_an_unconfirmed_start(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    services: Services,
    generator: ScriptedGenerator,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def die(_: object) -> Started:
        generator.finds = [Started("gen-000006", 30)]
        raise Died

    monkeypatch.setattr(generator, "start", die)
    with pytest.raises(Died):
        create(tasks)
    [task_id] = [task.task_id for task in tasks.list(OWNER, limit=5).data]
    monkeypatch.undo()

    repeated = create(tasks)
    assert repeated.status is TaskStatus.QUEUED
    clock.advance(20)
    step = steps.advance(task_id)
    assert step.phase is Phase.WAITING
    assert not generator.found, "somebody may still hold the lease"

    clock.advance(step.wait_seconds)
    task = drive(services, repeated, clock)
    assert (task.status, task.generator_task_id) == (TaskStatus.GENERATING, "gen-000006")
    assert generator.requests == []


def test_two_actors_at_once_make_one_start(
    tasks: VideoTasks, generator: ScriptedGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = generator.start

    def while_another_asks_too(request: StartRequest) -> Started:
        monkeypatch.setattr(generator, "start", start)
        assert create(tasks).status is TaskStatus.QUEUED
        return start(request)

    monkeypatch.setattr(generator, "start", while_another_asks_too)
    assert create(tasks).status is TaskStatus.GENERATING
    assert len(generator.requests) == 1


def test_of_two_that_read_the_same_record_one_holds_the_lease(
    tasks: VideoTasks,
    generator: ScriptedGenerator,
    workflow_client: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start_execution = workflow_client.start_execution

    def while_another_is_quicker(**order: object) -> object:
        monkeypatch.setattr(workflow_client, "start_execution", start_execution)
        assert create(tasks).status is TaskStatus.GENERATING
        return start_execution(**order)

    monkeypatch.setattr(workflow_client, "start_execution", while_another_is_quicker)
    assert create(tasks).status is TaskStatus.GENERATING
    assert len(generator.requests) == 1


def test_the_flag_does_not_wait_for_what_the_generator_wants_late(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    generator: ScriptedGenerator,
    clock: Clock,
    settings: Settings,
) -> None:
    generator.starts = [GeneratorUnavailableError("busy", retry_after=7200)]
    task = create(tasks)
    step = steps.advance(task.task_id)
    assert step.wait_seconds == settings.schedule.window_seconds
    clock.advance(step.wait_seconds)
    step = steps.advance(task.task_id)
    assert tasks.get(OWNER, task.task_id).late
    assert step.wait_seconds == 7200 - settings.schedule.window_seconds
    assert len(generator.requests) == 1, "it is left alone for as long as it asked"


def test_no_wish_of_the_generator_outlasts_the_deadline(
    tasks: VideoTasks,
    services: Services,
    generator: ScriptedGenerator,
    clock: Clock,
    settings: Settings,
) -> None:
    generator.starts = [GeneratorUnavailableError("busy", retry_after=10**6)]
    task = until_settled(services, create(tasks), clock)
    assert task.failure is not None
    assert task.failure.code is FailureCode.START_DEADLINE_EXCEEDED
    assert task.ended_at is not None
    deadline = settings.schedule.start_deadline_seconds
    assert (task.ended_at - task.created_at).total_seconds() == deadline
