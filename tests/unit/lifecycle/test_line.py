"""The line of tasks that wait for our own limits: in order, woken, and without a deadline."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import GeneratorUnavailableError, InvalidTaskError
from image_to_video.domain.generator import Ready, Started
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import FailureCode, Task, WaitingFor
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import WorkflowSteps
from image_to_video.wiring import Application as Services

from tests.conftest import Application, Clock, ScriptedGenerator
from tests.support.workflow import advance, executions

REQUEST = TaskRequest(image_url="https://example.com/a.png")
READY = Ready("completed", "https://results.example.com/v.mp4")


@pytest.fixture
def environment(variables: dict[str, str]) -> dict[str, str]:
    # Slots last, so that a task which is not polled meanwhile keeps its own.
    limits = {"MAX_GENERATING": "1", "DAILY_COIN_LIMIT": "1000", "SLOT_SECONDS": "1000000"}
    return variables | limits


def create(tasks: VideoTasks, key: str, owner: str = "anna", seconds: Any = 5) -> Task:
    return tasks.create(owner, REQUEST.model_copy(update={"video_time": seconds}), key)


def finish(steps: WorkflowSteps, generator: ScriptedGenerator, clock: Clock, task: Task) -> None:
    generator.answers = [READY]
    clock.advance(30)
    steps.poll_task(task.task_id)


def now_of(tasks: VideoTasks, task: Task) -> Task:
    return tasks.get(task.owner, task.task_id)


def test_a_freed_slot_wakes_the_first_and_nobody_overtakes_it(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    generator: ScriptedGenerator,
    application: Application,
    clock: Clock,
) -> None:
    first, second, third = (create(tasks, key) for key in "123")
    finish(steps, generator, clock, first)
    woken = now_of(tasks, second)
    assert woken.execution in executions(application)
    assert woken.execution != second.execution
    assert now_of(tasks, third) == third
    # Somebody comes between, while the slot is free.
    assert create(tasks, "4").waiting_for is WaitingFor.SLOT
    steps.poll_task(third.task_id)
    steps.poll_task(second.task_id)
    assert now_of(tasks, second).status is TaskStatus.GENERATING
    assert now_of(tasks, third).status is TaskStatus.QUEUED


def test_one_that_has_just_been_woken_is_left_alone_for_a_minute(
    tasks: VideoTasks, services: Services, steps: WorkflowSteps, generator: Any, clock: Clock
) -> None:
    first, second = (create(tasks, key) for key in "12")
    finish(steps, generator, clock, first)
    woken = now_of(tasks, second)
    services.repair.reconcile_tasks()
    assert now_of(tasks, second) == woken
    clock.advance(60)
    services.repair.reconcile_tasks()
    assert now_of(tasks, second).execution != woken.execution


def test_the_place_in_line_is_shown(
    tasks: VideoTasks, steps: WorkflowSteps, generator: ScriptedGenerator, clock: Clock
) -> None:
    all_of_them = [create(tasks, key) for key in "1234"]
    shown = [tasks.show(now_of(tasks, task)).place_in_line for task in all_of_them]
    assert shown == [None, 1, 2, 3]
    tasks.cancel("anna", all_of_them[1].task_id)
    shown = [tasks.show(now_of(tasks, task)).place_in_line for task in all_of_them]
    assert shown == [None, None, 1, 2]


def test_the_start_deadline_stands_still_in_line_and_only_there(
    tasks: VideoTasks,
    services: Services,
    steps: WorkflowSteps,
    generator: ScriptedGenerator,
    clock: Clock,
) -> None:
    deadline = services.config.schedule.start_deadline_seconds
    first, second = (create(tasks, key) for key in "12")
    clock.advance(3 * deadline)
    steps.poll_task(second.task_id)
    steps.poll_task(second.task_id)
    assert now_of(tasks, second).in_line
    finish(steps, generator, clock, first)
    generator.starts = [GeneratorUnavailableError("busy")]
    steps.poll_task(second.task_id)
    waiting = now_of(tasks, second)
    assert (waiting.status, waiting.waiting_for) == (TaskStatus.QUEUED, WaitingFor.GENERATOR)
    assert timedelta(0) <= timedelta(seconds=waiting.waited_seconds - 3 * deadline - 30)
    began = clock()
    while not now_of(tasks, second).status.is_final:
        advance(services, second, clock)
    failure = now_of(tasks, second).failure
    assert failure is not None
    assert failure.code is FailureCode.START_DEADLINE_EXCEEDED
    assert clock() - began >= timedelta(seconds=deadline - 60)


def test_a_task_in_line_polls_rarely(tasks: VideoTasks, services: Services, clock: Clock) -> None:
    create(tasks, "1")
    second = create(tasks, "2")
    polls = 0
    while clock() < second.created_at + timedelta(hours=7):
        advance(services, second, clock)
        polls += 1
    assert now_of(tasks, second).late
    assert polls <= 6


def test_who_was_refused_by_the_generator_keeps_its_turn(
    tasks: VideoTasks, steps: WorkflowSteps, generator: ScriptedGenerator, clock: Clock
) -> None:
    generator.starts = [GeneratorUnavailableError("busy"), Started("gen-000001", 30)]
    first = create(tasks, "1")
    second, third = create(tasks, "2"), create(tasks, "3")
    assert (second.status, third.waiting_for) == (TaskStatus.GENERATING, WaitingFor.SLOT)
    clock.advance(60)
    steps.poll_task(first.task_id)
    places = [tasks.show(now_of(tasks, task)).place_in_line for task in (first, second, third)]
    assert places == [1, None, 2]


def test_a_refusal_of_the_generator_wakes_nobody(
    tasks: VideoTasks, steps: WorkflowSteps, generator: ScriptedGenerator, clock: Clock
) -> None:
    """Or its outage would go through the whole line, task by task."""
    first, second, third = (create(tasks, key) for key in "123")
    finish(steps, generator, clock, first)
    generator.starts = [GeneratorUnavailableError("busy")]
    steps.poll_task(second.task_id)
    assert now_of(tasks, second).waiting_for is WaitingFor.GENERATOR
    assert now_of(tasks, third) == third


def test_the_schedule_wakes_whom_a_death_left_asleep(
    tasks: VideoTasks,
    services: Services,
    steps: WorkflowSteps,
    generator: ScriptedGenerator,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = (create(tasks, key) for key in "12")
    with monkeypatch.context() as patch:
        patch.setattr(services._line, "wake", lambda _: None)
        finish(steps, generator, clock, first)
    assert now_of(tasks, second) == second
    services.repair.reconcile_tasks()
    steps.poll_task(second.task_id)
    assert now_of(tasks, second).status is TaskStatus.GENERATING


def test_a_wake_that_fails_undoes_nothing(
    tasks: VideoTasks,
    services: Services,
    steps: WorkflowSteps,
    generator: ScriptedGenerator,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, _ = (create(tasks, key) for key in "12")

    def throttled(most: int) -> object:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "Query")

    monkeypatch.setattr(services._line._line, "first", throttled)
    finish(steps, generator, clock, first)
    assert now_of(tasks, first).status is TaskStatus.STORING


def test_an_entry_without_its_task_is_taken_out(
    tasks: VideoTasks,
    services: Services,
    steps: WorkflowSteps,
    generator: ScriptedGenerator,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, third = (create(tasks, key) for key in "123")
    with monkeypatch.context() as patch:
        patch.setattr(services._line, "leave", lambda _: None)
        tasks.cancel("anna", second.task_id)
    finish(steps, generator, clock, first)
    steps.poll_task(third.task_id)
    assert now_of(tasks, third).status is TaskStatus.GENERATING
    assert services._line._line.first(9) == []


def test_a_task_that_died_on_its_way_into_the_line_is_let_stand_there(
    tasks: VideoTasks, services: Services, steps: WorkflowSteps, generator: Any, clock: Clock
) -> None:
    """Its entry is written, its record is not."""
    first, second = (create(tasks, key) for key in "12")
    waiting = {"line_entry": None, "line_since": None, "waiting_for": WaitingFor.START}
    services._table.write(second.changed(clock(), **waiting))
    finish(steps, generator, clock, first)
    assert now_of(tasks, second).line_entry == second.line_entry
    steps.poll_task(second.task_id)
    assert now_of(tasks, second).status is TaskStatus.GENERATING


def test_an_entry_that_is_gone_is_put_back(
    tasks: VideoTasks, services: Services, steps: WorkflowSteps, clock: Clock
) -> None:
    _, second = (create(tasks, key) for key in "12")
    services._line.leave(second)
    clock.advance(3600)
    steps.poll_task(second.task_id)
    assert [entry.key for entry in services._line._line.first(9)] == [second.line_entry]


class TestCoins:
    @pytest.fixture
    def environment(self, variables: dict[str, str]) -> dict[str, str]:
        return variables | {"MAX_GENERATING": "0", "DAILY_COIN_LIMIT": "60"}

    def test_behind_a_dear_task_that_waits_the_cheap_ones_wait_too(
        self, tasks: VideoTasks, services: Services, steps: WorkflowSteps, clock: Clock
    ) -> None:
        create(tasks, "1")
        dear, cheap = create(tasks, "2", seconds=10), create(tasks, "3")
        assert [dear.waiting_for, cheap.waiting_for] == [WaitingFor.COINS] * 2
        tasks.cancel("anna", dear.task_id)
        steps.poll_task(cheap.task_id)
        assert now_of(tasks, cheap).status is TaskStatus.GENERATING

    def test_at_midnight_the_schedule_wakes_as_many_as_the_day_has_coins_for(
        self, tasks: VideoTasks, services: Services, steps: WorkflowSteps, clock: Clock
    ) -> None:
        waiting = [create(tasks, key) for key in "12345"][2:]
        clock.moment = clock.moment.replace(hour=0) + timedelta(days=1)
        services.repair.reconcile_tasks()
        for task in reversed(waiting):
            steps.poll_task(task.task_id)
        statuses = [now_of(tasks, task).status for task in waiting]
        assert statuses == [TaskStatus.GENERATING] * 2 + [TaskStatus.QUEUED]

    def test_a_task_that_no_day_has_the_coins_for_is_refused_in_words(
        self, tasks: VideoTasks
    ) -> None:
        with pytest.raises(InvalidTaskError, match=r"90 coins.*at most 60 a day"):
            create(tasks, "1", seconds=15)
        assert tasks.list("anna", limit=1).data == []

    def test_one_that_became_too_dear_is_closed_when_it_is_next(
        self, tasks: VideoTasks, services: Services, clock: Clock
    ) -> None:
        """The limit was lowered while it waited, or an upload ordered it."""
        task = services._table.create(
            create(tasks, "1").model_copy(
                update={
                    "task_id": "dear",
                    "status": TaskStatus.QUEUED,
                    "attempts": (),
                    "generator_task_id": None,
                    "video_time": 20,
                }
            )
        )
        advance(services, task, clock)
        advance(services, task, clock)
        failure = tasks.get("anna", "dear").failure
        assert failure is not None
        assert failure.code is FailureCode.INVALID_REQUEST
        assert "120 coins" in failure.message
