"""Canceling: the request survives everything, and a refund is claimed only where there was one."""

from datetime import timedelta

import pytest
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import (
    GeneratorAccessError,
    GeneratorError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
    TaskNotFoundError,
)
from image_to_video.domain.generator import (
    Missing,
    PollAnswer,
    Ready,
    Running,
    Started,
)
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Cancellation, Task, WaitingFor
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import Phase, WorkflowSteps
from image_to_video.wiring import Application as Services

from tests.conftest import Clock, ScriptedGenerator
from tests.support.workflow import advance, until_closed

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


def now_of(tasks: VideoTasks, task: Task) -> Task:
    return tasks.get(OWNER, task.task_id)


class TestWithoutTrouble:
    def test_what_had_not_begun_is_refunded(
        self, tasks: VideoTasks, generator: ScriptedGenerator, task: Task
    ) -> None:
        generator.answers, generator.refunds = [REFUNDABLE], [True]
        closed, achieved = tasks.cancel(OWNER, task.task_id)
        assert (closed.status, achieved) == (TaskStatus.CANCELED, REFUNDED)
        assert closed.cancellation is achieved
        assert generator.canceled == ["gen-000001"]

    def test_what_has_begun_is_too_late_and_nothing_is_deleted(
        self, tasks: VideoTasks, generator: ScriptedGenerator, task: Task
    ) -> None:
        closed, achieved = tasks.cancel(OWNER, task.task_id)
        assert (closed.status, achieved) == (TaskStatus.CANCELED, TOO_LATE)
        assert generator.canceled == []

    def test_what_is_being_copied_is_too_late_and_its_record_stays(
        self,
        tasks: VideoTasks,
        steps: WorkflowSteps,
        generator: ScriptedGenerator,
        task: Task,
        clock: Clock,
    ) -> None:
        generator.answers = [READY]
        clock.advance(20)
        assert steps.poll_task(task.task_id).phase is Phase.READY
        assert tasks.cancel(OWNER, task.task_id)[1] is TOO_LATE
        assert generator.canceled == []

    def test_what_was_never_started_costs_nothing(
        self, tasks: VideoTasks, generator: ScriptedGenerator
    ) -> None:
        generator.starts = [DOWN]
        task = tasks.create(OWNER, REQUEST, None)
        closed, achieved = tasks.cancel(OWNER, task.task_id)
        assert (closed.status, achieved) == (TaskStatus.CANCELED, REFUNDED)
        assert (generator.checked, generator.canceled) == ([], [])

    def test_canceled_is_final(
        self,
        tasks: VideoTasks,
        steps: WorkflowSteps,
        generator: ScriptedGenerator,
        task: Task,
        clock: Clock,
    ) -> None:
        tasks.cancel(OWNER, task.task_id)
        generator.answers = [READY]
        clock.advance(60)
        assert steps.poll_task(task.task_id).phase is Phase.CLOSED
        assert steps.store_video(task.task_id).phase is Phase.CLOSED
        assert tasks.cancel(OWNER, task.task_id)[1] is Cancellation.ALREADY_FINAL
        assert now_of(tasks, task).cancellation is TOO_LATE

    def test_another_owner_cannot_cancel_it(self, tasks: VideoTasks, task: Task) -> None:
        with pytest.raises(TaskNotFoundError):
            tasks.cancel("ben", task.task_id)
        assert now_of(tasks, task) == task


class TestGeneratorInTrouble:
    @pytest.mark.parametrize(
        "trouble", [DOWN, GeneratorAccessError("no", waiting_for=WaitingFor.ACCESS)]
    )
    def test_the_request_stays_open_until_the_generator_answers(
        self,
        tasks: VideoTasks,
        services: Services,
        generator: ScriptedGenerator,
        task: Task,
        clock: Clock,
        trouble: GeneratorError,
    ) -> None:
        generator.answers, generator.refunds = [trouble, trouble, REFUNDABLE], [True]
        still_open, achieved = tasks.cancel(OWNER, task.task_id)
        assert (still_open.status, achieved) == (TaskStatus.GENERATING, None)
        assert until_closed(services, task, clock).cancellation is REFUNDED

    def test_a_deletion_whose_answer_was_lost_is_a_refund_once_the_task_is_gone(
        self,
        tasks: VideoTasks,
        services: Services,
        generator: ScriptedGenerator,
        task: Task,
        clock: Clock,
    ) -> None:
        generator.answers, generator.refunds = [REFUNDABLE, Missing()], [DOWN]
        assert tasks.cancel(OWNER, task.task_id)[1] is None
        closed = until_closed(services, task, clock)
        assert closed.cancellation is REFUNDED
        assert closed.ended_at is not None
        quiet = closed.ended_at - task.created_at
        assert quiet.total_seconds() >= 300, "not shown for a moment is not gone"

    def test_not_shown_for_a_moment_is_no_refund(
        self,
        tasks: VideoTasks,
        services: Services,
        generator: ScriptedGenerator,
        task: Task,
        clock: Clock,
    ) -> None:
        generator.answers, generator.refunds = [REFUNDABLE, Missing(), Missing(), BEGUN], [DOWN]
        assert tasks.cancel(OWNER, task.task_id)[1] is None
        assert until_closed(services, task, clock).cancellation is TOO_LATE

    def test_a_record_that_is_old_enough_to_go_by_itself_is_no_refund(
        self,
        tasks: VideoTasks,
        services: Services,
        generator: ScriptedGenerator,
        task: Task,
        clock: Clock,
    ) -> None:
        generator.answers, generator.refunds = [REFUNDABLE, DOWN], [DOWN]
        assert tasks.cancel(OWNER, task.task_id)[1] is None
        clock.advance(86400)
        generator.answers = [Missing()]
        assert until_closed(services, task, clock).cancellation is TOO_LATE

    def test_a_deletion_that_took_long_may_have_met_an_ended_task(
        self,
        tasks: VideoTasks,
        generator: ScriptedGenerator,
        task: Task,
        clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def slowly(_: str) -> bool:
            clock.advance(11)
            return True

        generator.answers = [REFUNDABLE]
        monkeypatch.setattr(generator, "cancel", slowly)
        assert tasks.cancel(OWNER, task.task_id)[1] is TOO_LATE

    def test_a_task_that_is_only_not_shown_is_no_refund(
        self,
        tasks: VideoTasks,
        services: Services,
        generator: ScriptedGenerator,
        task: Task,
        clock: Clock,
    ) -> None:
        generator.answers = [Missing(), Missing(), BEGUN]
        assert tasks.cancel(OWNER, task.task_id)[1] is None
        assert until_closed(services, task, clock).cancellation is TOO_LATE
        assert generator.canceled == []

    @pytest.mark.parametrize("next_poll", [BEGUN, Missing()])
    def test_a_refused_deletion_is_no_refund_whatever_is_shown_then(
        self,
        tasks: VideoTasks,
        services: Services,
        generator: ScriptedGenerator,
        task: Task,
        clock: Clock,
        next_poll: PollAnswer,
    ) -> None:
        generator.answers, generator.refunds = [REFUNDABLE, next_poll], [False]
        tasks.cancel(OWNER, task.task_id)
        assert until_closed(services, task, clock).cancellation is TOO_LATE

    def test_contradictory_answers_end_one_call_and_not_the_request(
        self,
        tasks: VideoTasks,
        services: Services,
        generator: ScriptedGenerator,
        task: Task,
        clock: Clock,
    ) -> None:
        generator.answers, generator.refunds = [REFUNDABLE], [False]
        assert tasks.cancel(OWNER, task.task_id)[1] is None
        assert len(generator.canceled) <= 3
        generator.answers = [BEGUN]
        assert until_closed(services, task, clock).cancellation is TOO_LATE

    def test_the_deadline_ends_it_without_a_claim(
        self,
        tasks: VideoTasks,
        services: Services,
        generator: ScriptedGenerator,
        task: Task,
        clock: Clock,
    ) -> None:
        generator.answers = [DOWN]
        tasks.cancel(OWNER, task.task_id)
        clock.moment = task.created_at + timedelta(seconds=259200 - 1)
        assert advance(services, task, clock).status is TaskStatus.GENERATING
        closed = advance(services, task, clock)
        assert (closed.status, closed.cancellation) == (TaskStatus.CANCELED, TOO_LATE)

    def test_a_second_request_tries_again(
        self, tasks: VideoTasks, generator: ScriptedGenerator, task: Task
    ) -> None:
        generator.answers, generator.refunds = [DOWN, REFUNDABLE], [True]
        assert [tasks.cancel(OWNER, task.task_id)[1] for _ in range(2)] == [None, REFUNDED]


class TestUnconfirmedStart:
    @pytest.fixture
    def task(self, tasks: VideoTasks, generator: ScriptedGenerator) -> Task:
        generator.starts = [StartUnconfirmedError("timeout")]
        task = tasks.create(OWNER, REQUEST, "key")
        still_open, achieved = tasks.cancel(OWNER, task.task_id)
        assert (still_open.status, achieved) == (TaskStatus.QUEUED, None)
        return still_open

    def test_it_is_refunded_once_it_is_found(
        self, services: Services, generator: ScriptedGenerator, task: Task, clock: Clock
    ) -> None:
        generator.finds, generator.refunds = [None, Started("gen-late00", 30)], [True]
        generator.answers = [REFUNDABLE]
        assert until_closed(services, task, clock).cancellation is REFUNDED
        assert generator.canceled == ["gen-late00"]

    def test_found_at_work_it_is_too_late(
        self, services: Services, generator: ScriptedGenerator, task: Task, clock: Clock
    ) -> None:
        generator.finds = [Started("gen-late00", 30)]
        closed = until_closed(services, task, clock)
        assert (closed.cancellation, closed.coins) == (TOO_LATE, 30)

    def test_absent_it_is_not_sent_again_and_no_refund_is_claimed(
        self, services: Services, generator: ScriptedGenerator, task: Task, clock: Clock
    ) -> None:
        assert until_closed(services, task, clock).cancellation is TOO_LATE
        assert len(generator.requests) == 1

    def test_what_cannot_be_found_out_is_no_refund(
        self, services: Services, generator: ScriptedGenerator, task: Task, clock: Clock
    ) -> None:
        generator.finds = [DOWN]
        closed = until_closed(services, task, clock)
        assert (closed.status, closed.cancellation) == (TaskStatus.CANCELED, TOO_LATE)
        assert len(generator.requests) == 1


class TestLimits:
    @pytest.fixture
    def environment(self, variables: dict[str, str]) -> dict[str, str]:
        return variables | {"MAX_GENERATING": "1", "DAILY_COIN_LIMIT": "60"}

    def test_a_cancel_request_keeps_the_slot_until_the_task_is_closed(
        self, tasks: VideoTasks, services: Services, generator: ScriptedGenerator, clock: Clock
    ) -> None:
        generator.starts = [StartUnconfirmedError("timeout"), Started("gen-000002", 30)]
        first = tasks.create(OWNER, REQUEST, "1")
        tasks.cancel(OWNER, first.task_id)
        second = tasks.create(OWNER, REQUEST, "2")
        assert second.waiting_for is WaitingFor.SLOT
        assert until_closed(services, first, clock).cancellation is TOO_LATE
        clock.advance(1800)
        services.repair.reconcile_tasks()
        services.workflow_steps.poll_task(second.task_id)
        assert tasks.get(OWNER, second.task_id).status is TaskStatus.GENERATING

    def test_a_cancel_request_that_waits_long_keeps_its_slot_too(
        self, tasks: VideoTasks, steps: WorkflowSteps, generator: ScriptedGenerator, clock: Clock
    ) -> None:
        first = tasks.create(OWNER, REQUEST, "1")
        generator.answers = [DOWN]
        tasks.cancel(OWNER, first.task_id)
        for _ in range(60):
            clock.advance(steps.poll_task(first.task_id).wait_seconds)
        assert clock() - first.created_at > timedelta(seconds=1800)
        assert tasks.create(OWNER, REQUEST, "2").waiting_for is WaitingFor.SLOT
