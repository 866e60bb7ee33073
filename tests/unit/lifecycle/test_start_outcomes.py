"""What became of a paid start: accepted, refused, unconfirmed, and what is done then."""

from datetime import timedelta

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
from image_to_video.domain.generator import Started
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import FailureCode, Task, WaitingFor
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import WorkflowSteps
from image_to_video.settings import Settings
from image_to_video.wiring import Application as Services

from tests.conftest import Application, Clock, ScriptedGenerator
from tests.support.workflow import advance, until_started

REQUEST = TaskRequest(image_url="https://example.com/portrait.png")
OWNER = "anna"


def create(tasks: VideoTasks, key: str | None = "key-1") -> Task:
    return tasks.create(OWNER, REQUEST, key)


def test_surely_not_accepted_is_tried_again_under_the_same_name(
    tasks: VideoTasks, services: Services, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.starts = [GeneratorUnavailableError("refused"), Started("gen-000002", 30)]
    task = create(tasks)
    assert (task.status, task.waiting_for) == (TaskStatus.QUEUED, WaitingFor.GENERATOR)
    assert task.attempts == ()
    task = until_started(services, task, clock)
    assert task.generator_task_id == "gen-000002"
    assert {request.name for request in generator.requests} == {f"{task.task_id}-1"}


def test_a_start_waits_as_long_as_the_generator_asks(
    tasks: VideoTasks, steps: WorkflowSteps, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.starts = [GeneratorUnavailableError("429", retry_after=120)]
    task = create(tasks)
    assert task.next_poll_at == clock() + timedelta(seconds=120)
    clock.advance(60)
    assert steps.poll_task(task.task_id).wait_seconds == 60
    assert len(generator.requests) == 1


def test_an_acceptance_is_recorded_on_a_task_that_was_closed_meanwhile(
    tasks: VideoTasks, services: Services, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.starts = [StartUnconfirmedError("timeout")]
    task = create(tasks)
    outcomes = services._starter._outcomes
    closed = outcomes.given_up(task)
    recorded = outcomes.accepted(task, Started("gen-000004", 36))
    assert recorded.status is closed.status is TaskStatus.FAILED
    assert (recorded.generator_task_id, recorded.coins) == ("gen-000004", 36)
    assert recorded.started_at == clock()


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
    assert until_started(services, task, clock).status is TaskStatus.GENERATING


def test_account_trouble_ends_at_the_start_deadline(
    tasks: VideoTasks, services: Services, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.starts = [GeneratorAccessError("no coins", waiting_for=WaitingFor.COINS)]
    task = create(tasks)
    clock.advance(86400)
    task = advance(services, task, clock)
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


def test_nothing_is_started_again_while_the_list_cannot_be_read(
    tasks: VideoTasks, services: Services, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.starts = [StartUnconfirmedError("timeout")]
    generator.finds = [GeneratorUnavailableError("down")]
    task = create(tasks)
    task = until_started(services, task, clock)
    assert len(generator.requests) == 1
    assert task.failure is not None
    assert task.failure.code is FailureCode.START_UNCONFIRMED


def test_an_unexplained_refusal_is_confirmed_and_then_final(
    tasks: VideoTasks, services: Services, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.starts = [StartUnconfirmedError("code 77", refusal="something odd")]
    task = until_started(services, create(tasks), clock)
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


def test_the_generator_cannot_put_off_the_deadline(
    tasks: VideoTasks,
    services: Services,
    generator: ScriptedGenerator,
    clock: Clock,
    settings: Settings,
) -> None:
    generator.starts = [GeneratorUnavailableError("busy", retry_after=10**6)]
    task = until_started(services, create(tasks), clock)
    assert task.failure is not None
    assert task.failure.code is FailureCode.START_DEADLINE_EXCEEDED
    assert task.ended_at is not None
    deadline = settings.schedule.start_deadline_seconds
    assert (task.ended_at - task.created_at).total_seconds() == deadline
