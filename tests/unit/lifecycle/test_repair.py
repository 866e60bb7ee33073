"""By hand: an open task moves now; one that only lacks its video is opened again, unpaid."""

import httpx
import pytest
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import GeneratorUnavailableError, StartUnconfirmedError
from image_to_video.domain.generator import Incomplete, Missing, PollAnswer, Ready, Running, Started
from image_to_video.domain.task import FailureCode, Task, TaskStatus
from image_to_video.lifecycle.repair import Repair
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import Phase, WorkflowSteps
from image_to_video.wiring import Application as Services

from tests.conftest import Application, Clock, Results, ScriptedGenerator

REQUEST = TaskRequest(image_url="https://example.com/a.png")
URL = "https://results.example.com/video.mp4"


@pytest.fixture
def unavailable(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    generator: ScriptedGenerator,
    results: Results,
    clock: Clock,
) -> Task:
    """A task that failed because its video could not be fetched until the deadline."""
    task = tasks.create("anna", REQUEST, None)
    generator.looks = [Ready("completed", URL)]
    clock.advance(20)
    steps.advance(task.task_id)
    good = results.answers
    results.answers = [httpx.Response(404)]
    clock.advance(300000)
    steps.store(task.task_id)
    results.answers = good
    task = tasks.get("anna", task.task_id)
    assert task.failure is not None
    assert task.failure.code is FailureCode.VIDEO_UNAVAILABLE
    return task


def test_a_task_without_its_video_is_opened_again_and_ends_well(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    repair: Repair,
    unavailable: Task,
    generator: ScriptedGenerator,
    clock: Clock,
) -> None:
    clock.advance(3600)
    answer = repair.redrive(unavailable.task_id)
    assert (answer.moved, answer.status) == (True, TaskStatus.STORING)
    assert steps.advance(unavailable.task_id).phase is Phase.READY
    assert steps.store(unavailable.task_id).phase is Phase.CLOSED
    task = tasks.get("anna", unavailable.task_id)
    assert task.status is TaskStatus.SUCCEEDED
    assert task.failure is None
    assert len(generator.requests) == 1


def test_opened_again_it_has_its_time_again(
    steps: WorkflowSteps, repair: Repair, unavailable: Task, results: Results
) -> None:
    repair.redrive(unavailable.task_id)
    results.answers = [httpx.Response(502)]
    assert steps.store(unavailable.task_id).phase is Phase.WAITING


def test_what_the_generator_no_longer_has_stays_closed(
    tasks: VideoTasks, repair: Repair, unavailable: Task, generator: ScriptedGenerator
) -> None:
    generator.looks = [Missing()]
    answer = repair.redrive(unavailable.task_id)
    assert (answer.moved, answer.status) == (False, TaskStatus.FAILED)
    assert tasks.get("anna", unavailable.task_id) == unavailable


def failed_as(services: Services, clock: Clock, task: Task, code: FailureCode) -> Task:
    """Play the workflow until the task has failed in this way."""
    for _ in range(1000):
        step = services.workflow_steps.advance(task.task_id)
        if step.phase is Phase.CLOSED:
            break
        clock.advance(step.wait_seconds)
    task = services.video_tasks.get("anna", task.task_id)
    assert task.failure is not None
    assert task.failure.code is code
    return task


@pytest.mark.parametrize(
    ("look", "code"),
    [
        (Incomplete("completed"), FailureCode.COMPLETED_WITHOUT_VIDEO),
        (Running("processing"), FailureCode.GENERATION_DEADLINE_EXCEEDED),
    ],
)
def test_a_video_that_came_after_all_is_fetched(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    repair: Repair,
    services: Services,
    generator: ScriptedGenerator,
    clock: Clock,
    look: PollAnswer,
    code: FailureCode,
) -> None:
    generator.looks = [look]
    task = failed_as(services, clock, tasks.create("anna", REQUEST, None), code)
    generator.looks = [Ready("completed", URL)]
    assert repair.redrive(task.task_id).status is TaskStatus.STORING
    assert steps.store(task.task_id).phase is Phase.CLOSED
    assert tasks.get("anna", task.task_id).status is TaskStatus.SUCCEEDED
    assert len(generator.requests) == 1


def test_a_start_that_shows_up_after_all_is_followed(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    repair: Repair,
    services: Services,
    generator: ScriptedGenerator,
    clock: Clock,
) -> None:
    generator.starts = [StartUnconfirmedError("timeout")]
    generator.finds = [GeneratorUnavailableError("down")]
    task = tasks.create("anna", REQUEST, None)
    task = failed_as(services, clock, task, FailureCode.START_UNCONFIRMED)
    generator.finds = [None]
    assert not repair.redrive(task.task_id).moved
    generator.finds = [Started("gen-late00", 30)]
    answer = repair.redrive(task.task_id)
    assert (answer.moved, answer.status) == (True, TaskStatus.GENERATING)
    task = tasks.get("anna", task.task_id)
    assert (task.generator_task_id, task.coins) == ("gen-late00", 30)
    generator.looks = [Ready("completed", URL)]
    clock.advance(20)
    assert steps.advance(task.task_id).phase is Phase.READY
    assert len(generator.requests) == 1


def test_an_open_task_gets_a_new_execution_that_does_not_wait(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    repair: Repair,
    application: Application,
    generator: ScriptedGenerator,
) -> None:
    task = tasks.create("anna", REQUEST, None)
    assert repair.redrive(task.task_id).moved
    moved = tasks.get("anna", task.task_id)
    assert moved.execution != task.execution
    found = application.client("stepfunctions").list_executions(
        stateMachineArn=application.environment["STATE_MACHINE_ARN"]
    )["executions"]
    assert {execution["name"] for execution in found} == {task.execution, moved.execution}
    steps.advance(task.task_id)
    assert generator.checked == ["gen-000001"]


@pytest.mark.parametrize("status", [TaskStatus.SUCCEEDED, TaskStatus.CANCELED])
def test_what_has_ended_otherwise_is_left_alone(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    repair: Repair,
    generator: ScriptedGenerator,
    clock: Clock,
    status: TaskStatus,
) -> None:
    task = tasks.create("anna", REQUEST, None)
    if status is TaskStatus.CANCELED:
        tasks.cancel("anna", task.task_id)
    else:
        generator.looks = [Ready("completed", URL)]
        clock.advance(20)
        steps.advance(task.task_id)
        steps.store(task.task_id)
    before = tasks.get("anna", task.task_id)
    assert before.status is status
    assert not repair.redrive(task.task_id).moved
    assert tasks.get("anna", task.task_id) == before
