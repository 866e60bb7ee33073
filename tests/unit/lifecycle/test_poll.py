"""Polling: a poll that fails is never the task's failure, and only the deadline gives up."""

from datetime import timedelta

import pytest
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import GeneratorAccessError, GeneratorUnavailableError
from image_to_video.domain.generator import Failed, Incomplete, Missing, PollAnswer, Ready, Running
from image_to_video.domain.task import FailureCode, Task, TaskStatus, WaitingFor
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import Phase, WorkflowSteps

from tests.conftest import Clock, ScriptedGenerator

OWNER = "anna"
URL = "https://results.example.com/video.mp4?signature=secret"


@pytest.fixture
def task(tasks: VideoTasks, clock: Clock) -> Task:
    """A task that the generator has accepted, when its first poll is due."""
    task = tasks.create(OWNER, TaskRequest(image_url="https://example.com/a.png"), None)
    clock.advance(20)
    return task


def test_a_finished_video_is_ready_to_be_stored(
    tasks: VideoTasks, steps: WorkflowSteps, task: Task, generator: ScriptedGenerator
) -> None:
    generator.answers = [Ready("completed", URL)]
    assert steps.poll_task(task.task_id).phase is Phase.READY
    task = tasks.get(OWNER, task.task_id)
    assert (task.status, task.result_url) == (TaskStatus.STORING, URL)


@pytest.mark.parametrize(
    "answer",
    [
        Running("processing"),
        Running("a word never seen"),
        Missing(),
        Incomplete("completed"),
        Failed("error", FailureCode.GENERATION_FAILED, "perhaps", tentative=True),
        GeneratorUnavailableError("HTTP 502"),
        GeneratorAccessError("HTTP 401", waiting_for=WaitingFor.ACCESS),
    ],
    ids=str,
)
def test_every_other_answer_means_wait(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    task: Task,
    generator: ScriptedGenerator,
    answer: PollAnswer | Exception,
) -> None:
    generator.answers = [answer]
    step = steps.poll_task(task.task_id)
    assert (step.phase, step.wait_seconds) == (Phase.WAITING, 10)
    assert tasks.get(OWNER, task.task_id).status is TaskStatus.GENERATING


def test_a_failure_of_the_generator_closes_the_task(
    tasks: VideoTasks, steps: WorkflowSteps, task: Task, generator: ScriptedGenerator
) -> None:
    generator.answers = [Failed("failed", FailureCode.CONTENT_REFUSED, "not allowed")]
    assert steps.poll_task(task.task_id).phase is Phase.CLOSED
    failure = tasks.get(OWNER, task.task_id).failure
    assert failure is not None
    assert (failure.code, failure.message) == (FailureCode.CONTENT_REFUSED, "not allowed")


def test_a_doubtful_failure_counts_when_it_is_seen_twice_running(
    steps: WorkflowSteps, task: Task, generator: ScriptedGenerator, clock: Clock
) -> None:
    doubtful = Failed("error", FailureCode.GENERATION_FAILED, "odd", tentative=True)
    generator.answers = [doubtful, Running("processing"), doubtful, doubtful]
    phases = []
    for _ in range(4):
        phases.append(steps.poll_task(task.task_id).phase)
        clock.advance(20)
    assert phases == [Phase.WAITING] * 3 + [Phase.CLOSED]


def test_completed_without_a_video_is_given_time_and_then_its_own_code(
    tasks: VideoTasks, steps: WorkflowSteps, task: Task, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.answers = [Incomplete("completed")]
    assert steps.poll_task(task.task_id).phase is Phase.WAITING
    clock.advance(590)
    assert steps.poll_task(task.task_id).phase is Phase.WAITING
    clock.advance(60)
    assert steps.poll_task(task.task_id).phase is Phase.CLOSED
    failure = tasks.get(OWNER, task.task_id).failure
    assert failure is not None
    assert failure.code is FailureCode.COMPLETED_WITHOUT_VIDEO


@pytest.mark.parametrize(
    "answer", [Running("processing"), Missing(), GeneratorUnavailableError("x")]
)
def test_only_the_generation_deadline_gives_up(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    task: Task,
    generator: ScriptedGenerator,
    clock: Clock,
    answer: PollAnswer | Exception,
) -> None:
    generator.answers = [answer]
    clock.moment = task.created_at + timedelta(seconds=259200 - 1)
    assert steps.poll_task(task.task_id).phase is Phase.WAITING
    clock.advance(3600)
    assert steps.poll_task(task.task_id).phase is Phase.CLOSED
    failure = tasks.get(OWNER, task.task_id).failure
    assert failure is not None
    assert failure.code is FailureCode.GENERATION_DEADLINE_EXCEEDED


def test_a_video_that_is_ready_after_the_deadline_is_still_taken(
    steps: WorkflowSteps, task: Task, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.answers = [Ready("completed", URL)]
    clock.advance(300000)
    assert steps.poll_task(task.task_id).phase is Phase.READY
