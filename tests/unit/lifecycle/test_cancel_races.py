"""A cancel request that meets another actor: a start under way, a copy, a function that died."""

from collections.abc import Callable

import pytest
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import GeneratorRejectedError, GeneratorUnavailableError
from image_to_video.domain.generator import PollAnswer, Ready, Running, Started, StartRequest
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Cancellation, FailureCode, Task
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import Phase, WorkflowSteps
from image_to_video.settings import Settings

from tests.conftest import Application, Clock, ScriptedGenerator

OWNER = "anna"
REQUEST = TaskRequest(image_url="https://example.com/a.png")
REFUNDABLE = Running("initialized", refundable=True)
BEGUN = Running("processing")
READY = Ready("completed", "https://results.example.com/v.mp4")
DOWN = GeneratorUnavailableError("down")

REFUNDED, TOO_LATE = Cancellation.REFUNDED, Cancellation.TOO_LATE


@pytest.fixture
def task(tasks: VideoTasks) -> Task:
    """A task that the generator has accepted."""
    return tasks.create(OWNER, REQUEST, "key")


type While = Callable[[Started | Exception], Task]


class TestStartUnderWay:
    """The cancel comes in while the start is under way."""

    @pytest.fixture
    def canceled_during(
        self, tasks: VideoTasks, generator: ScriptedGenerator, monkeypatch: pytest.MonkeyPatch
    ) -> While:
        def play(outcome: Started | Exception) -> Task:
            def start(request: StartRequest) -> Started:
                [task] = tasks.list(OWNER, limit=1).data
                assert tasks.cancel(OWNER, task.task_id)[1] is None
                if isinstance(outcome, Exception):
                    raise outcome
                return outcome

            monkeypatch.setattr(generator, "start", start)
            return tasks.create(OWNER, REQUEST, "key")

        return play

    @pytest.mark.parametrize(
        ("answer", "refund", "expected"),
        [(REFUNDABLE, True, REFUNDED), (BEGUN, False, TOO_LATE)],
    )
    def test_an_accepted_start_is_recorded_and_refunded(
        self,
        canceled_during: While,
        generator: ScriptedGenerator,
        answer: PollAnswer,
        refund: bool,
        expected: Cancellation,
    ) -> None:
        generator.answers, generator.refunds = [answer], [refund]
        task = canceled_during(Started("gen-000007", 30))
        assert (task.status, task.cancellation) == (TaskStatus.CANCELED, expected)
        assert (task.generator_task_id, task.coins) == ("gen-000007", 30)

    def test_a_start_surely_not_accepted_costs_nothing(self, canceled_during: While) -> None:
        task = canceled_during(DOWN)
        assert (task.status, task.cancellation) == (TaskStatus.CANCELED, REFUNDED)

    def test_a_refused_start_has_failed(self, canceled_during: While) -> None:
        refusal = GeneratorRejectedError("no", code=FailureCode.CONTENT_REFUSED)
        task = canceled_during(refusal)
        assert task.failure is not None
        assert task.failure.code is FailureCode.CONTENT_REFUSED


def test_the_next_poll_removes_what_an_interrupted_copy_left(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    generator: ScriptedGenerator,
    task: Task,
    clock: Clock,
    application: Application,
    settings: Settings,
) -> None:
    generator.answers = [READY]
    clock.advance(20)
    steps.poll_task(task.task_id)
    tasks.cancel(OWNER, task.task_id)
    s3, key = application.client("s3"), f"{OWNER}/{task.task_id}.mp4"
    s3.put_object(Bucket=settings.videos_bucket, Key=key, Body=b"left behind")
    assert steps.poll_task(task.task_id).phase is Phase.CLOSED
    assert s3.list_objects_v2(Bucket=settings.videos_bucket)["KeyCount"] == 0


def test_a_cancel_after_the_copy_was_recorded_is_answered_already_final(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    generator: ScriptedGenerator,
    task: Task,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator.answers = [READY]
    clock.advance(20)
    steps.poll_task(task.task_id)
    table = tasks._table
    write = table.write

    def after_the_copy(new: Task, *, before: Task | None) -> Task:
        monkeypatch.setattr(table, "write", write)
        assert steps.store_video(task.task_id).phase is Phase.CLOSED
        return write(new, before=before)

    monkeypatch.setattr(table, "write", after_the_copy)
    ended, achieved = tasks.cancel(OWNER, task.task_id)
    assert (ended.status, achieved) == (TaskStatus.SUCCEEDED, Cancellation.ALREADY_FINAL)
