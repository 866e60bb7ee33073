"""The line when a table fails, a record cannot be read, and prices or limits have changed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from image_to_video.domain.errors import WorkflowBusyError
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import WaitingFor
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import WorkflowSteps
from image_to_video.wiring import Application as Services

from tests.conftest import Application, Clock, ScriptedGenerator
from tests.support.workflow import executions, stop_execution
from tests.unit.lifecycle.test_line import create, finish, now_of

THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow"}}, "Query")


@pytest.fixture
def environment(variables: dict[str, str]) -> dict[str, str]:
    limits = {"MAX_GENERATING": "1", "DAILY_COIN_LIMIT": "70", "SLOT_SECONDS": "1000000"}
    return variables | limits


def fails(*_: object, **__: object) -> Any:
    raise THROTTLED


def with_settings(services: Services, **changes: object) -> Services:
    """The same stack after another deployment."""
    return replace(services, config=services.config.model_copy(update=changes))


def test_a_start_goes_on_although_its_entry_stays_in_line(
    tasks: VideoTasks,
    services: Services,
    steps: WorkflowSteps,
    generator: ScriptedGenerator,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = (create(tasks, key) for key in "12")
    finish(steps, generator, clock, first)
    with monkeypatch.context() as patch:
        patch.setattr(services._line._line, "leave", fails)
        steps.poll_task(second.task_id)
    started = now_of(tasks, second)
    assert (started.status, len(started.attempts)) == (TaskStatus.GENERATING, 1)
    assert services._line._line.first(9), "the entry that could not leave"
    clock.advance(60)
    services.repair.reconcile_tasks()
    assert services._line._line.first(9) == []


@pytest.mark.parametrize("trouble", ["throttled", "unreadable"])
def test_a_bad_line_keeps_no_other_task_from_a_new_workflow(
    tasks: VideoTasks,
    services: Services,
    application: Application,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
) -> None:
    working, waiting = (create(tasks, key) for key in "12")
    stop_execution(application, working.execution)
    if trouble == "throttled":
        monkeypatch.setattr(services._line._line, "first", fails)
    else:
        application.table("TASKS_TABLE").update_item(
            Key={"task_id": waiting.task_id},
            UpdateExpression="SET attempts = :one",
            ExpressionAttributeValues={":one": 1},
        )
    clock.advance(4000)
    services.repair.reconcile_tasks()
    assert now_of(tasks, working).execution in executions(application)
    assert now_of(tasks, working).execution != working.execution


def test_a_missing_permission_is_no_passing_trouble(
    services: Services, tasks: VideoTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Query")

    def refuse(*_: object, **__: object) -> Any:
        raise denied

    monkeypatch.setattr(services._line._line, "first", refuse)
    with pytest.raises(ClientError):
        services.repair.reconcile_tasks()
    with pytest.raises(ClientError):
        create(tasks, "1")


def test_a_head_that_cannot_be_read_and_waits_for_coins_keeps_no_other_task_from_a_workflow(
    tasks: VideoTasks, services: Services, application: Application, clock: Clock
) -> None:
    working, waiting = (create(tasks, key, seconds=10) for key in "12")
    stop_execution(application, working.execution)
    application.table("TASKS_TABLE").update_item(
        Key={"task_id": waiting.task_id},
        UpdateExpression="SET attempts = :one",
        ExpressionAttributeValues={":one": 1},
    )
    after = with_settings(services, max_generating=2)
    clock.advance(4000)
    after.repair.reconcile_tasks()
    assert now_of(tasks, working).execution != working.execution


def test_step_functions_that_is_busy_is_not_asked_for_the_others(
    tasks: VideoTasks,
    services: Services,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = [create(tasks, key) for key in "1234"][1:]
    asked: list[str] = []

    def busy(task_id: str, *_: object, **__: object) -> None:
        asked.append(task_id)
        raise WorkflowBusyError("throttled")

    after = with_settings(services, max_generating=0)
    monkeypatch.setattr(after._workflow, "start", busy)
    monkeypatch.setattr(after._workflow, "is_running", lambda _: True)
    after.repair.reconcile_tasks()
    assert asked == [waiting[0].task_id]


def test_a_price_that_changed_counts_for_who_waits_already(
    tasks: VideoTasks, services: Services, steps: WorkflowSteps, generator: Any, clock: Clock
) -> None:
    first = create(tasks, "1", seconds=10)
    second = create(tasks, "2", seconds=10)
    finish(steps, generator, clock, first)
    clock.advance(60)
    services.repair.reconcile_tasks()
    steps.poll_task(second.task_id)
    assert now_of(tasks, second).waiting_for is WaitingFor.COINS
    cheaper = dict.fromkeys(services.config.coins_per_second, 1)
    after = with_settings(services, coins_per_second=cheaper)
    clock.advance(120)
    after.repair.reconcile_tasks()
    after.workflow_steps.poll_task(second.task_id)
    assert now_of(tasks, second).status is TaskStatus.GENERATING


def test_a_lower_limit_counts_what_is_at_work_beyond_it(
    services: Services, tasks: VideoTasks, clock: Clock
) -> None:
    more = with_settings(services, max_generating=3, daily_coin_limit=0)
    for key in "123":
        assert create(more.video_tasks, key).status is TaskStatus.GENERATING
    fewer = with_settings(services, max_generating=2, daily_coin_limit=0)
    # The slots of the two lowest names come free; one is still at work beyond the limit.
    limits = services._limits
    for holder in ("00000", "00001"):
        limits._table.delete_item(Key={"limit": "slots", "member": holder})
    fourth, fifth = (create(fewer.video_tasks, key) for key in "45")
    assert (fourth.status, fifth.waiting_for) == (TaskStatus.GENERATING, WaitingFor.SLOT)


def test_a_slot_is_released_although_the_limit_was_turned_off(
    services: Services, tasks: VideoTasks, generator: ScriptedGenerator, clock: Clock
) -> None:
    task = create(tasks, "1")
    off = with_settings(services, max_generating=0, daily_coin_limit=0)
    finish(off.workflow_steps, generator, clock, task)
    assert services._limits.holders(clock()) == []


def test_time_in_line_is_counted_once(
    tasks: VideoTasks,
    services: Services,
    steps: WorkflowSteps,
    generator: ScriptedGenerator,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = (create(tasks, key) for key in "12")
    clock.advance(3600)
    finish(steps, generator, clock, first)
    with monkeypatch.context() as patch:
        patch.setattr(services._line._line, "leave", fails)
        steps.poll_task(second.task_id)
    waited = now_of(tasks, second).waited(clock())
    assert timedelta(seconds=3600) < waited < timedelta(seconds=3700)
