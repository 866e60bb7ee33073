"""The workflow's steps: how far a task is advanced, how long to wait, and when it is late."""

import pytest
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import GeneratorUnavailableError, TaskNotFoundError
from image_to_video.domain.generator import Ready
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import Phase, Step, WorkflowSteps
from image_to_video.settings import Settings
from image_to_video.wiring import Application as Services

from tests.conftest import Clock, ResultHost, ScriptedGenerator

REQUEST = TaskRequest(image_url="https://example.com/a.png")
READY = Ready("completed", "https://results.example.com/video.mp4")


@pytest.fixture
def task(tasks: VideoTasks) -> Task:
    """A task that the generator has accepted."""
    return tasks.create("anna", REQUEST, "key")


def test_an_unknown_task_is_an_error(steps: WorkflowSteps) -> None:
    for step in (steps.poll_task, steps.store_video):
        with pytest.raises(TaskNotFoundError):
            step("0" * 32)


def test_a_step_that_comes_early_does_not_poll(
    steps: WorkflowSteps, task: Task, generator: ScriptedGenerator, clock: Clock
) -> None:
    clock.advance(10)
    assert steps.poll_task(task.task_id) == Step(phase=Phase.WAITING, wait_seconds=10)
    assert generator.checked == []


def test_each_status_has_its_phase(
    tasks: VideoTasks, steps: WorkflowSteps, task: Task, generator: ScriptedGenerator, clock: Clock
) -> None:
    clock.advance(20)
    assert steps.poll_task(task.task_id) == Step(phase=Phase.WAITING, wait_seconds=10)
    clock.advance(10)
    generator.answers = [READY]
    assert steps.poll_task(task.task_id) == Step(phase=Phase.READY)
    assert steps.store_video(task.task_id) == Step(phase=Phase.CLOSED)
    checked = list(generator.checked)
    for step in (steps.poll_task, steps.store_video):
        assert step(task.task_id) == Step(phase=Phase.CLOSED)
    assert generator.checked == checked, "what has ended is not polled"
    assert tasks.get("anna", task.task_id).status is TaskStatus.SUCCEEDED


def test_an_execution_whose_task_was_given_another_ends_itself(
    services: Services, task: Task, generator: ScriptedGenerator, clock: Clock
) -> None:
    steps = services.workflow_steps
    given = services._executions.give(task, next_poll_at=clock())
    assert steps.poll_task(task.task_id, given.execution).phase is Phase.WAITING
    clock.advance(5)
    for step in (steps.poll_task, steps.store_video):
        assert step(task.task_id, task.execution) == Step(phase=Phase.CLOSED)
    assert generator.checked == ["gen-000001"]


@pytest.mark.parametrize("begins", [True, False])
def test_so_does_one_of_a_task_that_is_not_started_if_the_other_begins(
    services: Services, generator: ScriptedGenerator, clock: Clock, begins: bool
) -> None:
    generator.starts = [GeneratorUnavailableError("busy")] * 3
    task = services.video_tasks.create("anna", REQUEST, None)
    steps, given = services.workflow_steps, services._executions.give(task, next_poll_at=clock())
    if begins:
        steps.poll_task(task.task_id, given.execution)
    clock.advance(60)
    step = steps.poll_task(task.task_id, task.execution)
    assert step.phase is (Phase.CLOSED if begins else Phase.WAITING)
    assert services.video_tasks.get("anna", task.task_id).execution == (
        given.execution if begins else task.execution
    )


def test_an_execution_is_left_alone_that_began_and_learns_nothing_new(
    services: Services, task: Task, generator: ScriptedGenerator, clock: Clock
) -> None:
    """Its polls write nothing for minutes, so its record looks as if it were overdue."""
    steps, given = services.workflow_steps, services._executions.give(task, next_poll_at=clock())
    for _ in range(12):
        clock.advance(steps.poll_task(task.task_id, given.execution).wait_seconds)
    assert steps.poll_task(task.task_id, task.execution) == Step(phase=Phase.CLOSED)


def test_an_execution_goes_on_whose_successor_never_began(
    services: Services, task: Task, generator: ScriptedGenerator, clock: Clock
) -> None:
    """The other one was recorded, and who was to start it died."""
    steps = services.workflow_steps
    services._executions.give(task, next_poll_at=clock())
    clock.advance(4)
    assert steps.poll_task(task.task_id, task.execution).wait_seconds == 26
    clock.advance(26)
    steps.poll_task(task.task_id, task.execution)
    assert generator.checked == ["gen-000001"]
    kept = services.video_tasks.get("anna", task.task_id)
    assert kept.execution == task.execution


def test_a_step_that_does_not_say_who_asks_goes_on(
    services: Services, task: Task, generator: ScriptedGenerator, clock: Clock
) -> None:
    services._executions.give(task, next_poll_at=clock())
    services.workflow_steps.poll_task(task.task_id)
    assert generator.checked == ["gen-000001"]


def test_a_task_without_a_video_is_not_stored(
    steps: WorkflowSteps, task: Task, result_host: ResultHost
) -> None:
    assert steps.store_video(task.task_id).phase is Phase.WAITING
    assert result_host.fetched == []


def test_a_task_is_marked_late_although_its_next_start_is_later(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    generator: ScriptedGenerator,
    clock: Clock,
    settings: Settings,
) -> None:
    generator.starts = [GeneratorUnavailableError("busy", retry_after=7200)]
    task = tasks.create("anna", REQUEST, None)
    step = steps.poll_task(task.task_id)
    assert step.wait_seconds == settings.schedule.window_seconds
    clock.advance(step.wait_seconds)
    step = steps.poll_task(task.task_id)
    assert tasks.get("anna", task.task_id).late
    assert step.wait_seconds == 7200 - settings.schedule.window_seconds
    assert len(generator.requests) == 1, "it is left alone for as long as it asked"


def test_past_the_window_a_task_is_late_and_still_polled(
    tasks: VideoTasks, steps: WorkflowSteps, task: Task, generator: ScriptedGenerator, clock: Clock
) -> None:
    assert not tasks.get("anna", task.task_id).late
    clock.advance(620)
    step = steps.poll_task(task.task_id)
    task = tasks.get("anna", task.task_id)
    assert (task.late, task.status) == (True, TaskStatus.GENERATING)
    assert (step.phase, step.wait_seconds) == (Phase.WAITING, 60)
    generator.answers = [READY]
    clock.advance(60)
    assert steps.poll_task(task.task_id).phase is Phase.READY
