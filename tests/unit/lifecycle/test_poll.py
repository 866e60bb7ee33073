"""Polling: a poll that fails is never the task's failure, and only the deadline gives up."""

from dataclasses import replace
from datetime import timedelta

import pytest
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import GeneratorAccessError, GeneratorUnavailableError
from image_to_video.domain.generator import Failed, Incomplete, Missing, PollAnswer, Ready, Running
from image_to_video.domain.records import iso
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import FailureCode, Task, WaitingFor
from image_to_video.lifecycle.repair import Repair
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import Phase, WorkflowSteps
from image_to_video.settings import Settings
from image_to_video.wiring import Application as Services

from tests.conftest import Application, Clock, ScriptedGenerator

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


class TestRecord:
    """What a poll writes: nothing where nothing is new, and in time what others must know."""

    def test_polls_that_learn_nothing_write_nothing(
        self, tasks: VideoTasks, steps: WorkflowSteps, task: Task, clock: Clock
    ) -> None:
        recorded = tasks.get(OWNER, task.task_id)
        waited = []
        for _ in range(20):
            step = steps.poll_task(task.task_id)
            waited.append(step.wait_seconds)
            clock.advance(step.wait_seconds)
        assert waited == [10] * 16 + [20] * 4
        assert tasks.get(OWNER, task.task_id) == recorded

    def test_a_living_workflow_is_never_asked_about_and_a_dead_one_is_found(
        self,
        tasks: VideoTasks,
        steps: WorkflowSteps,
        repair: Repair,
        task: Task,
        clock: Clock,
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        asked: list[str] = []
        monkeypatch.setattr(repair._workflow, "is_running", asked.append)
        began, overdue = clock(), timedelta(seconds=settings.schedule.overdue_seconds)
        versions = set()
        while clock() < began + timedelta(hours=2):
            step = steps.poll_task(task.task_id)
            versions.add(tasks.get(OWNER, task.task_id).version)
            clock.advance(step.wait_seconds)
            repair.reconcile_tasks()
        assert asked == []
        assert len(versions) < 35, "rarely is one written"

        last_poll = clock() - timedelta(seconds=step.wait_seconds)
        due = clock()
        while not asked:
            repair.reconcile_tasks()
            clock.advance(1)
        assert last_poll < clock() <= due + overdue + timedelta(seconds=2)

    def test_a_doubtful_word_is_kept_and_taken_back(
        self, tasks: VideoTasks, steps: WorkflowSteps, task: Task, generator: ScriptedGenerator
    ) -> None:
        doubtful = Failed("error", FailureCode.GENERATION_FAILED, "odd", tentative=True)
        generator.answers = [Running("sent"), doubtful]
        words = []
        for _ in range(2):
            steps.poll_task(task.task_id)
            words.append(tasks.get(OWNER, task.task_id).generator_status)
        assert words == [None, "error"]


def test_a_slot_is_renewed_in_time_although_nothing_else_is_new(
    environment: dict[str, str], application: Application, services: Services, clock: Clock
) -> None:
    settings = Settings.read(environment | {"MAX_GENERATING": "1", "SLOT_SECONDS": "60"})
    services = replace(services, config=settings)
    task = services.video_tasks.create(
        OWNER, TaskRequest(image_url="https://example.com/a.png"), None
    )
    clock.advance(20)
    while clock() < task.created_at + timedelta(seconds=600):
        [slot] = application.table("LIMITS_TABLE").scan()["Items"]
        assert slot["holder"] == task.task_id
        assert slot["held_until"] > iso(clock())
        clock.advance(services.workflow_steps.poll_task(task.task_id).wait_seconds)
