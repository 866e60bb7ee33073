"""Tasks without a workflow get one; by hand, an open task moves now and a lost video is fetched."""

from collections import Counter
from typing import Any
from unittest.mock import MagicMock

import httpx
import pytest
from botocore.exceptions import ClientError
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import (
    GeneratorUnavailableError,
    StartUnconfirmedError,
    TaskNotFoundError,
)
from image_to_video.domain.generator import Incomplete, Missing, PollAnswer, Ready, Running, Started
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import FailureCode, Task
from image_to_video.lifecycle import repair as module
from image_to_video.lifecycle.repair import Repair
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import Phase, WorkflowSteps
from image_to_video.wiring import Application as Services

from tests.conftest import Application, Clock, ResultHost, ScriptedGenerator
from tests.support.workflow import advance, executions, stop_execution, until_closed

REQUEST = TaskRequest(image_url="https://example.com/a.png")
URL = "https://results.example.com/video.mp4"


@pytest.fixture
def unavailable(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    generator: ScriptedGenerator,
    result_host: ResultHost,
    clock: Clock,
) -> Task:
    """A task that failed because its video could not be fetched until the deadline."""
    task = tasks.create("anna", REQUEST, None)
    generator.answers = [Ready("completed", URL)]
    clock.advance(20)
    steps.poll_task(task.task_id)
    good = result_host.answers
    result_host.answers = [httpx.Response(404)]
    clock.advance(300000)
    steps.store_video(task.task_id)
    result_host.answers = good
    task = tasks.get("anna", task.task_id)
    assert task.failure is not None
    assert task.failure.code is FailureCode.VIDEO_UNAVAILABLE
    return task


def test_a_task_without_its_video_is_opened_again_and_ends_well(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    repair: Repair,
    unavailable: Task,
    application: Application,
    generator: ScriptedGenerator,
    clock: Clock,
) -> None:
    clock.advance(3600)
    answer = repair.redrive_task(unavailable.task_id)
    assert (answer.moved, answer.status) == (True, TaskStatus.STORING)
    assert answer.message
    execution = tasks.get("anna", unavailable.task_id).execution
    assert set(executions(application)) == {unavailable.execution, execution}
    assert execution != unavailable.execution
    assert steps.poll_task(unavailable.task_id).phase is Phase.READY
    assert steps.store_video(unavailable.task_id).phase is Phase.CLOSED
    task = tasks.get("anna", unavailable.task_id)
    assert task.status is TaskStatus.SUCCEEDED
    assert task.failure is None
    assert len(generator.requests) == 1


def test_a_reopened_task_has_its_whole_time_again(
    steps: WorkflowSteps, repair: Repair, unavailable: Task, result_host: ResultHost
) -> None:
    repair.redrive_task(unavailable.task_id)
    result_host.answers = [httpx.Response(502)]
    assert steps.store_video(unavailable.task_id).phase is Phase.WAITING


def test_a_task_whose_video_the_generator_no_longer_has_stays_failed(
    tasks: VideoTasks,
    repair: Repair,
    unavailable: Task,
    application: Application,
    generator: ScriptedGenerator,
) -> None:
    generator.answers = [Missing()]
    answer = repair.redrive_task(unavailable.task_id)
    assert (answer.moved, answer.status) == (False, TaskStatus.FAILED)
    assert executions(application) == [unavailable.execution]
    assert tasks.get("anna", unavailable.task_id) == unavailable


def failed_as(services: Services, clock: Clock, task: Task, code: FailureCode) -> Task:
    """Play the workflow beyond every deadline: the task has failed in this way."""
    clock.advance(20)
    advance(services, task, clock)
    clock.advance(300_000)
    task = until_closed(services, task, clock)
    assert task.failure is not None
    assert task.failure.code is code
    return task


@pytest.mark.parametrize(
    ("answer", "code"),
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
    answer: PollAnswer,
    code: FailureCode,
) -> None:
    generator.answers = [answer]
    task = failed_as(services, clock, tasks.create("anna", REQUEST, None), code)
    generator.answers = [Ready("completed", URL)]
    assert repair.redrive_task(task.task_id).status is TaskStatus.STORING
    assert steps.store_video(task.task_id).phase is Phase.CLOSED
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
    assert not repair.redrive_task(task.task_id).moved
    generator.finds = [Started("gen-late00", 30)]
    answer = repair.redrive_task(task.task_id)
    assert (answer.moved, answer.status) == (True, TaskStatus.GENERATING)
    task = tasks.get("anna", task.task_id)
    assert (task.generator_task_id, task.coins) == ("gen-late00", 30)
    generator.answers = [Ready("completed", URL)]
    clock.advance(20)
    assert steps.poll_task(task.task_id).phase is Phase.READY
    assert len(generator.requests) == 1


def test_an_open_task_gets_a_new_execution_that_does_not_wait(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    repair: Repair,
    application: Application,
    generator: ScriptedGenerator,
) -> None:
    task = tasks.create("anna", REQUEST, None)
    assert repair.redrive_task(task.task_id).moved
    moved = tasks.get("anna", task.task_id)
    assert moved.execution != task.execution
    assert set(executions(application)) == {task.execution, moved.execution}
    steps.poll_task(task.task_id)
    assert generator.checked == ["gen-000001"]


@pytest.mark.parametrize("status", [TaskStatus.SUCCEEDED, TaskStatus.CANCELED])
def test_a_task_that_succeeded_or_was_canceled_is_left_alone(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    repair: Repair,
    application: Application,
    generator: ScriptedGenerator,
    clock: Clock,
    status: TaskStatus,
) -> None:
    task = tasks.create("anna", REQUEST, None)
    if status is TaskStatus.CANCELED:
        tasks.cancel("anna", task.task_id)
    else:
        generator.answers = [Ready("completed", URL)]
        clock.advance(20)
        steps.poll_task(task.task_id)
        steps.store_video(task.task_id)
    before, checked = tasks.get("anna", task.task_id), list(generator.checked)
    assert before.status is status
    answer = repair.redrive_task(task.task_id)
    assert (answer.moved, answer.status) == (False, status)
    assert tasks.get("anna", task.task_id) == before
    assert generator.checked == checked
    assert executions(application) == [task.execution]


def test_an_unknown_task_cannot_be_redriven(repair: Repair) -> None:
    with pytest.raises(TaskNotFoundError):
        repair.redrive_task("0" * 32)


class TestOverdue:
    @pytest.fixture
    def overdue(self, tasks: VideoTasks, clock: Clock) -> Task:
        """A task that should have been polled an hour ago."""
        task = tasks.create("anna", REQUEST, None)
        clock.advance(3600)
        return task

    def test_an_empty_table_needs_nothing(self, repair: Repair) -> None:
        assert repair.reconcile_tasks() == 0

    def test_a_task_whose_workflow_has_ended_gets_another_once(
        self,
        tasks: VideoTasks,
        repair: Repair,
        overdue: Task,
        application: Application,
        clock: Clock,
    ) -> None:
        stop_execution(application, overdue.execution)
        assert repair.reconcile_tasks() == 1
        revived = tasks.get("anna", overdue.task_id)
        assert revived.execution != overdue.execution
        assert set(executions(application)) == {overdue.execution, revived.execution}
        assert repair.reconcile_tasks() == 0
        clock.advance(600)
        assert repair.reconcile_tasks() == 0, "its workflow runs"

    @pytest.mark.parametrize(("seconds", "revived"), [(20 + 300, 0), (20 + 301, 1)])
    def test_a_poll_may_be_five_minutes_late(
        self,
        tasks: VideoTasks,
        repair: Repair,
        application: Application,
        clock: Clock,
        seconds: int,
        revived: int,
    ) -> None:
        stop_execution(application, tasks.create("anna", REQUEST, None).execution)
        clock.advance(seconds)
        assert repair.reconcile_tasks() == revived

    def test_a_task_whose_workflow_runs_is_left_alone(
        self, repair: Repair, overdue: Task, application: Application
    ) -> None:
        assert repair.reconcile_tasks() == 0
        assert executions(application) == [overdue.execution]

    def test_a_closed_task_is_left_alone(
        self, tasks: VideoTasks, repair: Repair, overdue: Task, application: Application
    ) -> None:
        tasks.cancel("anna", overdue.task_id)
        stop_execution(application, overdue.execution)
        assert repair.reconcile_tasks() == 0

    @pytest.mark.parametrize("called", ["describe_execution", "start_execution"])
    def test_a_throttle_ends_the_run_and_the_next_one_goes_on(
        self,
        tasks: VideoTasks,
        repair: Repair,
        application: Application,
        clock: Clock,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
        called: str,
    ) -> None:
        """Behind many whose workflows live stand some whose workflows do not."""
        made = [tasks.create("anna", REQUEST, str(number)) for number in range(12)]
        for task in made[8:]:
            stop_execution(application, task.execution)
        clock.advance(3600)
        client = repair._workflow._client
        real, answers = getattr(client, called), 0
        error = ClientError({"Error": {"Code": "ThrottlingException"}}, called)

        def busy(**arguments: Any) -> Any:
            nonlocal answers
            answers += 1
            if answers % 6 == 0:
                raise error
            return real(**arguments)

        def overdue() -> int:
            return sum(
                one.execution == task.execution
                for task in made[8:]
                for one in [tasks.get("anna", task.task_id)]
            )

        monkeypatch.setattr(client, called, busy)
        runs = 0
        while overdue():
            repair.reconcile_tasks()
            runs += 1
            # A start that was throttled leaves its task overdue again.
            clock.advance(400)
        assert runs <= 4
        repair.reconcile_tasks()
        living = set(executions(application))
        assert all(tasks.get("anna", task.task_id).execution in living for task in made)

    def test_what_a_run_leaves_is_counted(
        self,
        tasks: VideoTasks,
        repair: Repair,
        clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for number in range(3):
            tasks.create("anna", REQUEST, str(number))
        clock.advance(3600)
        counted = Counter[str]()
        monkeypatch.setattr(module, "count", lambda name, by: counted.update({name: by}))
        error = ClientError({"Error": {"Code": "ThrottlingException"}}, "DescribeExecution")
        busy = MagicMock(side_effect=error)
        monkeypatch.setattr(repair._workflow._client, "describe_execution", busy)
        assert repair.reconcile_tasks() == 0
        assert counted == {"TasksLeftOverdue": 3}


@pytest.fixture
def succeeded(
    tasks: VideoTasks, steps: WorkflowSteps, generator: ScriptedGenerator, clock: Clock
) -> Task:
    """A task with its video."""
    task = tasks.create("anna", REQUEST, None)
    generator.answers = [Ready("completed", URL)]
    clock.advance(20)
    steps.poll_task(task.task_id)
    assert steps.store_video(task.task_id).phase is Phase.CLOSED
    return tasks.get("anna", task.task_id)


def put(application: Application, task: Task, content: bytes) -> None:
    assert task.video is not None
    application.client("s3").put_object(Bucket=task.video.bucket, Key=task.video.key, Body=content)


def test_a_task_with_its_whole_video_has_nothing_to_move(
    tasks: VideoTasks, repair: Repair, succeeded: Task
) -> None:
    assert not repair.redrive_task(succeeded.task_id).moved
    assert tasks.get("anna", succeeded.task_id) == succeeded


@pytest.mark.parametrize("left", [0.5, 0.0, None])
def test_a_task_whose_stored_video_is_not_whole_is_opened_again(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    repair: Repair,
    succeeded: Task,
    application: Application,
    clip: bytes,
    clock: Clock,
    left: float | None,
) -> None:
    assert succeeded.video is not None
    if left is None:
        s3 = application.client("s3")
        s3.delete_object(Bucket=succeeded.video.bucket, Key=succeeded.video.key)
    else:
        put(application, succeeded, clip[: int(left * len(clip))])
    answer = repair.redrive_task(succeeded.task_id)
    assert (answer.moved, answer.status) == (True, TaskStatus.STORING)
    assert tasks.get("anna", succeeded.task_id).video is None
    for _ in range(2):
        clock.advance(5)
        steps.poll_task(succeeded.task_id)
        steps.store_video(succeeded.task_id)
    task = tasks.get("anna", succeeded.task_id)
    assert (task.status, task.video) == (TaskStatus.SUCCEEDED, succeeded.video)
    assert task.coins == succeeded.coins


@pytest.mark.parametrize("answer", [Missing(), Incomplete("completed")])
def test_a_cut_video_that_the_generator_does_not_have_any_more_stays(
    tasks: VideoTasks,
    repair: Repair,
    succeeded: Task,
    application: Application,
    generator: ScriptedGenerator,
    clip: bytes,
    answer: PollAnswer,
) -> None:
    """Half of a video is more than none, and the task still names it."""
    put(application, succeeded, clip[: len(clip) // 2])
    generator.answers = [answer]
    assert not repair.redrive_task(succeeded.task_id).moved
    assert tasks.get("anna", succeeded.task_id) == succeeded
