"""The paid start: never twice, never lost. The protocol: docs/guarantees.md."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import (
    GeneratorAccessError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
)
from image_to_video.domain.generator import Started, StartRequest
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import FailureCode, Task, WaitingFor
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import Phase, Step, WorkflowSteps
from image_to_video.wiring import Application as Services

from tests.conftest import Clock, ScriptedGenerator
from tests.support.workflow import advance, before_its_workflow, until_started

REQUEST = TaskRequest(image_url="https://example.com/portrait.png")
OWNER = "anna"


def create(tasks: VideoTasks, key: str | None = "key-1") -> Task:
    return tasks.create(OWNER, REQUEST, key)


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


def test_a_repeated_request_does_not_hurry_a_waiting_start(
    tasks: VideoTasks, generator: ScriptedGenerator
) -> None:
    generator.starts = [GeneratorAccessError("no coins", waiting_for=WaitingFor.COINS)]
    first, second = create(tasks), create(tasks)
    assert first == second
    assert len(generator.requests) == 1


def test_an_unconfirmed_start_is_found_and_adopted(
    tasks: VideoTasks, services: Services, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.starts = [StartUnconfirmedError("reset")]
    generator.finds = [GeneratorUnavailableError("down"), None, Started("gen-000004", 30)]
    task = create(tasks)
    assert task.waiting_for is WaitingFor.CONFIRMATION
    task = until_started(services, task, clock)
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
        task = advance(services, task, clock)
    names = [request.name for request in generator.requests]
    assert names == [f"{task.task_id}-1", f"{task.task_id}-2"]
    assert clock() - began >= timedelta(seconds=300)
    assert len(generator.found) >= 4
    assert [attempt.name for attempt in task.attempts] == names


@pytest.mark.parametrize("shown", ["-1", "-2"])
def test_a_start_that_is_found_counts_whatever_the_lookup_of_the_other_says(
    tasks: VideoTasks,
    services: Services,
    generator: ScriptedGenerator,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    shown: str,
) -> None:
    """The list shows one attempt, and fails before the absence of the other is certain."""
    generator.starts = [StartUnconfirmedError("timeout")]
    task = create(tasks)
    while len(generator.requests) == 1:
        task = advance(services, task, clock)

    def find(name: str, *, since: datetime) -> Started | None:
        del since
        if name.endswith(shown):
            return Started("gen-000007", 30)
        raise GeneratorUnavailableError("the list could not be read")

    monkeypatch.setattr(generator, "find", find)
    task = until_started(services, task, clock)
    assert (task.status, task.generator_task_id) == (TaskStatus.GENERATING, "gen-000007")
    assert len(generator.requests) == 2


def test_a_lookup_that_fails_begins_the_quiet_period_anew(
    tasks: VideoTasks, services: Services, generator: ScriptedGenerator, clock: Clock
) -> None:
    """What the list did not show before the failure proves nothing about the time after it."""
    generator.starts = [StartUnconfirmedError("timeout"), Started("gen-000005", 30)]
    generator.finds = [None, None, GeneratorUnavailableError("down"), None]
    task = create(tasks)
    while len(generator.finds) > 1:
        task = advance(services, task, clock)
    failed_at = clock()
    while len(generator.requests) == 1:
        task = advance(services, task, clock)
    quiet = timedelta(seconds=services.config.schedule.quiet_seconds)
    assert clock() - failed_at >= quiet


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
        task = advance(services, task, clock)
    generator.finds = [Started("gen-late00", 30)]
    generator.found.clear()
    task = until_started(services, task, clock)
    assert (task.status, task.generator_task_id) == (TaskStatus.GENERATING, "gen-late00")
    assert len(generator.requests) == 2
    # Every attempt that may have been accepted is looked up, not only the latest.
    assert generator.found[0] == f"{task.task_id}-1"


def test_the_cap_on_attempts_ends_unconfirmed(
    tasks: VideoTasks, services: Services, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.starts = [StartUnconfirmedError("timeout")]
    task = until_started(services, create(tasks), clock)
    assert len(generator.requests) == 2
    assert task.failure is not None
    assert task.failure.code is FailureCode.START_UNCONFIRMED


class ProcessKilled(BaseException):
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
        raise ProcessKilled

    monkeypatch.setattr(generator, "start", die)
    with pytest.raises(ProcessKilled):
        create(tasks)
    [task_id] = [task.task_id for task in tasks.list(OWNER, limit=5).data]
    monkeypatch.undo()

    repeated = create(tasks)
    assert repeated.status is TaskStatus.QUEUED
    clock.advance(20)
    step = steps.poll_task(task_id)
    assert step.phase is Phase.WAITING
    clock.advance(step.wait_seconds - 1)
    assert steps.poll_task(task_id) == Step(phase=Phase.WAITING, wait_seconds=1)
    assert not generator.found, "another actor may still hold the lease"

    clock.advance(1)
    task = advance(services, repeated, clock)
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


def test_concurrent_starts_of_one_record_take_one_lease(
    tasks: VideoTasks,
    generator: ScriptedGenerator,
    workflow_client: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def another_is_quicker() -> None:
        assert create(tasks).status is TaskStatus.GENERATING

    before_its_workflow(workflow_client, monkeypatch, another_is_quicker)
    assert create(tasks).status is TaskStatus.GENERATING
    assert len(generator.requests) == 1
