"""Canceling: the wish survives everything, and a refund is claimed only where there was one."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import (
    GeneratorAccessError,
    GeneratorError,
    GeneratorRejectedError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
    TaskNotFoundError,
)
from image_to_video.domain.generator import Look, Missing, Ready, Running, Started, StartRequest
from image_to_video.domain.task import (
    Cancellation,
    FailureCode,
    Phase,
    Task,
    TaskStatus,
    WaitingFor,
)
from image_to_video.lifecycle.service import VideoTasks
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


def now_of(tasks: VideoTasks, task: Task) -> Task:
    return tasks.get(OWNER, task.task_id)


def until_closed(tasks: VideoTasks, task: Task, clock: Clock) -> Task:
    """Play the workflow until the task has ended."""
    for _ in range(1000):
        step = tasks.advance(task.task_id)
        if step.phase is Phase.CLOSED:
            return now_of(tasks, task)
        clock.advance(step.wait_seconds)
    raise AssertionError("it never ended")


class TestWithoutTrouble:
    def test_what_had_not_begun_is_refunded(
        self, tasks: VideoTasks, generator: ScriptedGenerator, task: Task
    ) -> None:
        generator.looks, generator.refunds = [REFUNDABLE], [True]
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
        self, tasks: VideoTasks, generator: ScriptedGenerator, task: Task, clock: Clock
    ) -> None:
        generator.looks = [READY]
        clock.advance(20)
        assert tasks.advance(task.task_id).phase is Phase.READY
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
        self, tasks: VideoTasks, generator: ScriptedGenerator, task: Task, clock: Clock
    ) -> None:
        tasks.cancel(OWNER, task.task_id)
        generator.looks = [READY]
        clock.advance(60)
        assert tasks.advance(task.task_id).phase is Phase.CLOSED
        assert tasks.store(task.task_id).phase is Phase.CLOSED
        assert tasks.cancel(OWNER, task.task_id)[1] is Cancellation.ALREADY_FINAL
        assert now_of(tasks, task).cancellation is TOO_LATE

    def test_nobody_cancels_for_another(self, tasks: VideoTasks, task: Task) -> None:
        with pytest.raises(TaskNotFoundError):
            tasks.cancel("ben", task.task_id)
        assert now_of(tasks, task) == task


class TestGeneratorInTrouble:
    @pytest.mark.parametrize(
        "trouble", [DOWN, GeneratorAccessError("no", waiting_for=WaitingFor.ACCESS)]
    )
    def test_the_wish_stays_open_until_the_generator_answers(
        self,
        tasks: VideoTasks,
        generator: ScriptedGenerator,
        task: Task,
        clock: Clock,
        trouble: GeneratorError,
    ) -> None:
        generator.looks, generator.refunds = [trouble, trouble, REFUNDABLE], [True]
        still_open, achieved = tasks.cancel(OWNER, task.task_id)
        assert (still_open.status, achieved) == (TaskStatus.GENERATING, None)
        assert until_closed(tasks, task, clock).cancellation is REFUNDED

    def test_a_deletion_whose_answer_was_lost_is_a_refund_once_the_task_is_gone(
        self, tasks: VideoTasks, generator: ScriptedGenerator, task: Task, clock: Clock
    ) -> None:
        generator.looks, generator.refunds = [REFUNDABLE, Missing()], [DOWN]
        assert tasks.cancel(OWNER, task.task_id)[1] is None
        closed = until_closed(tasks, task, clock)
        assert closed.cancellation is REFUNDED
        assert closed.ended_at is not None
        quiet = closed.ended_at - task.created_at
        assert quiet.total_seconds() >= 300, "not shown for a moment is not gone"

    def test_not_shown_for_a_moment_is_no_refund(
        self, tasks: VideoTasks, generator: ScriptedGenerator, task: Task, clock: Clock
    ) -> None:
        generator.looks, generator.refunds = [REFUNDABLE, Missing(), Missing(), BEGUN], [DOWN]
        assert tasks.cancel(OWNER, task.task_id)[1] is None
        assert until_closed(tasks, task, clock).cancellation is TOO_LATE

    def test_a_record_that_is_old_enough_to_go_by_itself_is_no_refund(
        self, tasks: VideoTasks, generator: ScriptedGenerator, task: Task, clock: Clock
    ) -> None:
        generator.looks, generator.refunds = [REFUNDABLE, DOWN], [DOWN]
        assert tasks.cancel(OWNER, task.task_id)[1] is None
        clock.advance(86400)
        generator.looks = [Missing()]
        assert until_closed(tasks, task, clock).cancellation is TOO_LATE

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

        generator.looks = [REFUNDABLE]
        monkeypatch.setattr(generator, "cancel", slowly)
        assert tasks.cancel(OWNER, task.task_id)[1] is TOO_LATE

    def test_a_task_that_is_only_not_shown_is_no_refund(
        self, tasks: VideoTasks, generator: ScriptedGenerator, task: Task, clock: Clock
    ) -> None:
        generator.looks = [Missing(), Missing(), BEGUN]
        assert tasks.cancel(OWNER, task.task_id)[1] is None
        assert until_closed(tasks, task, clock).cancellation is TOO_LATE
        assert generator.canceled == []

    @pytest.mark.parametrize("next_poll", [BEGUN, Missing()])
    def test_a_refused_deletion_is_no_refund_whatever_is_shown_then(
        self,
        tasks: VideoTasks,
        generator: ScriptedGenerator,
        task: Task,
        clock: Clock,
        next_poll: Look,
    ) -> None:
        generator.looks, generator.refunds = [REFUNDABLE, next_poll], [False]
        tasks.cancel(OWNER, task.task_id)
        assert until_closed(tasks, task, clock).cancellation is TOO_LATE

    def test_contradictions_end_one_call_and_not_the_wish(
        self, tasks: VideoTasks, generator: ScriptedGenerator, task: Task, clock: Clock
    ) -> None:
        generator.looks, generator.refunds = [REFUNDABLE], [False]
        assert tasks.cancel(OWNER, task.task_id)[1] is None
        assert len(generator.canceled) <= 3
        generator.looks = [BEGUN]
        assert until_closed(tasks, task, clock).cancellation is TOO_LATE

    def test_the_deadline_ends_it_without_a_claim(
        self, tasks: VideoTasks, generator: ScriptedGenerator, task: Task, clock: Clock
    ) -> None:
        generator.looks = [DOWN]
        tasks.cancel(OWNER, task.task_id)
        closed = until_closed(tasks, task, clock)
        assert (closed.status, closed.cancellation) == (TaskStatus.CANCELED, TOO_LATE)

    def test_asked_again_it_goes_on(
        self, tasks: VideoTasks, generator: ScriptedGenerator, task: Task
    ) -> None:
        generator.looks, generator.refunds = [DOWN, REFUNDABLE], [True]
        assert [tasks.cancel(OWNER, task.task_id)[1] for _ in range(2)] == [None, REFUNDED]


class TestUnconfirmedStart:
    @pytest.fixture
    def task(self, tasks: VideoTasks, generator: ScriptedGenerator) -> Task:
        generator.starts = [StartUnconfirmedError("timeout")]
        task = tasks.create(OWNER, REQUEST, "key")
        still_open, achieved = tasks.cancel(OWNER, task.task_id)
        assert (still_open.status, achieved) == (TaskStatus.QUEUED, None)
        return still_open

    def test_it_is_given_back_once_it_is_found(
        self, tasks: VideoTasks, generator: ScriptedGenerator, task: Task, clock: Clock
    ) -> None:
        generator.finds, generator.refunds = [None, Started("gen-late00", 30)], [True]
        generator.looks = [REFUNDABLE]
        assert until_closed(tasks, task, clock).cancellation is REFUNDED
        assert generator.canceled == ["gen-late00"]

    def test_found_at_work_it_is_too_late(
        self, tasks: VideoTasks, generator: ScriptedGenerator, task: Task, clock: Clock
    ) -> None:
        generator.finds = [Started("gen-late00", 30)]
        closed = until_closed(tasks, task, clock)
        assert (closed.cancellation, closed.coins) == (TOO_LATE, 30)

    def test_absent_it_is_not_sent_again_and_no_refund_is_claimed(
        self, tasks: VideoTasks, generator: ScriptedGenerator, task: Task, clock: Clock
    ) -> None:
        assert until_closed(tasks, task, clock).cancellation is TOO_LATE
        assert len(generator.requests) == 1

    def test_what_cannot_be_found_out_is_no_refund(
        self, tasks: VideoTasks, generator: ScriptedGenerator, task: Task, clock: Clock
    ) -> None:
        generator.finds = [DOWN]
        closed = until_closed(tasks, task, clock)
        assert (closed.status, closed.cancellation) == (TaskStatus.CANCELED, TOO_LATE)
        assert len(generator.requests) == 1


type While = Callable[[Started | Exception], Task]


class TestMeanwhile:
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
        ("look", "refund", "expected"),
        [(REFUNDABLE, True, REFUNDED), (BEGUN, False, TOO_LATE)],
    )
    def test_what_was_accepted_is_written_down_and_given_back(
        self,
        canceled_during: While,
        generator: ScriptedGenerator,
        look: Look,
        refund: bool,
        expected: Cancellation,
    ) -> None:
        generator.looks, generator.refunds = [look], [refund]
        task = canceled_during(Started("gen-000007", 30))
        assert (task.status, task.cancellation) == (TaskStatus.CANCELED, expected)
        assert (task.generator_task_id, task.coins) == ("gen-000007", 30)

    def test_what_was_surely_not_accepted_costs_nothing(self, canceled_during: While) -> None:
        task = canceled_during(DOWN)
        assert (task.status, task.cancellation) == (TaskStatus.CANCELED, REFUNDED)

    def test_what_was_refused_has_failed(self, canceled_during: While) -> None:
        refusal = GeneratorRejectedError("no", code=FailureCode.CONTENT_REFUSED)
        task = canceled_during(refusal)
        assert task.failure is not None
        assert task.failure.code is FailureCode.CONTENT_REFUSED


class TestLimits:
    @pytest.fixture
    def environment(self, variables: dict[str, str]) -> dict[str, str]:
        return variables | {"MAX_GENERATING": "1", "DAILY_COIN_LIMIT": "60"}

    def test_a_wish_keeps_the_place_until_it_is_carried_out(
        self, tasks: VideoTasks, generator: ScriptedGenerator, clock: Clock
    ) -> None:
        generator.starts = [StartUnconfirmedError("timeout"), Started("gen-000002", 30)]
        first = tasks.create(OWNER, REQUEST, "1")
        tasks.cancel(OWNER, first.task_id)
        assert tasks.create(OWNER, REQUEST, "2").waiting_for is WaitingFor.GENERATOR
        assert until_closed(tasks, first, clock).cancellation is TOO_LATE
        clock.advance(1800)
        assert tasks.create(OWNER, REQUEST, "3").status is TaskStatus.GENERATING

    def test_a_wish_that_waits_for_long_keeps_its_place_too(
        self, tasks: VideoTasks, generator: ScriptedGenerator, clock: Clock
    ) -> None:
        first = tasks.create(OWNER, REQUEST, "1")
        generator.looks = [DOWN]
        tasks.cancel(OWNER, first.task_id)
        for _ in range(60):
            clock.advance(tasks.advance(first.task_id).wait_seconds)
        assert clock() - first.created_at > timedelta(seconds=1800)
        assert tasks.create(OWNER, REQUEST, "2").waiting_for is WaitingFor.GENERATOR


def test_what_a_copy_left_is_removed_by_the_look_that_follows_its_death(
    tasks: VideoTasks,
    generator: ScriptedGenerator,
    task: Task,
    clock: Clock,
    application: Application,
    settings: Settings,
) -> None:
    generator.looks = [READY]
    clock.advance(20)
    tasks.advance(task.task_id)
    tasks.cancel(OWNER, task.task_id)
    s3, key = application.client("s3"), f"{OWNER}/{task.task_id}.mp4"
    s3.put_object(Bucket=settings.videos_bucket, Key=key, Body=b"left behind")
    assert tasks.advance(task.task_id).phase is Phase.CLOSED
    assert s3.list_objects_v2(Bucket=settings.videos_bucket)["KeyCount"] == 0


def test_a_cancel_that_loses_to_the_copy_is_told_so(
    tasks: VideoTasks,
    generator: ScriptedGenerator,
    task: Task,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator.looks = [READY]
    clock.advance(20)
    tasks.advance(task.task_id)
    table = tasks._table
    replace = table.replace

    def after_the_copy(new: Task) -> Task:
        monkeypatch.setattr(table, "replace", replace)
        assert tasks.store(task.task_id).phase is Phase.CLOSED
        return replace(new)

    monkeypatch.setattr(table, "replace", after_the_copy)
    ended, achieved = tasks.cancel(OWNER, task.task_id)
    assert (ended.status, achieved) == (TaskStatus.SUCCEEDED, Cancellation.ALREADY_FINAL)
