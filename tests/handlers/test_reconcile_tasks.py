"""The schedule that lets no open task be without a living workflow."""

import pytest

import functions.reconcile_tasks.app as reconcile_tasks
from tests.conftest import Application, Clock
from tests.handlers.conftest import TASK_ID, invoke, put_task, sample, stored_task

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def reconcile() -> int:
    answer = invoke(reconcile_tasks.handler, sample("reconcile_tasks/schedule"))
    assert set(answer) == {"revived"}
    return int(answer["revived"])


def executions(deployed: Application) -> list[str]:
    found = deployed.client("stepfunctions").list_executions(
        stateMachineArn=deployed.environment["STATE_MACHINE_ARN"]
    )
    return [execution["name"] for execution in found["executions"]]


def start_execution(deployed: Application, name: str) -> str:
    started = deployed.client("stepfunctions").start_execution(
        stateMachineArn=deployed.environment["STATE_MACHINE_ARN"], name=name, input="{}"
    )
    return str(started["executionArn"])


def test_an_empty_table_needs_nothing(deployed: Application) -> None:
    assert reconcile() == 0


def test_an_overdue_task_without_a_workflow_gets_one(deployed: Application, clock: Clock) -> None:
    put_task(deployed, "insert")
    clock.advance(20 + 301)

    assert reconcile() == 1
    assert executions(deployed) == [f"{TASK_ID}-1"] == [stored_task(deployed)["execution"]]


def test_a_revived_task_is_revived_once(deployed: Application, clock: Clock) -> None:
    put_task(deployed, "insert")
    clock.advance(20 + 301)
    reconcile()

    assert reconcile() == 0
    clock.advance(600)
    assert reconcile() == 0


def test_a_task_whose_workflow_was_aborted_gets_another(
    deployed: Application, clock: Clock
) -> None:
    put_task(deployed, "modify_generating")
    arn = start_execution(deployed, TASK_ID)
    deployed.client("stepfunctions").stop_execution(executionArn=arn)
    clock.advance(22 + 301)

    assert reconcile() == 1
    assert set(executions(deployed)) == {TASK_ID, f"{TASK_ID}-3"}


def test_a_task_with_a_living_workflow_is_left_alone(deployed: Application, clock: Clock) -> None:
    put_task(deployed, "modify_generating")
    start_execution(deployed, TASK_ID)
    clock.advance(3600)

    assert reconcile() == 0
    assert executions(deployed) == [TASK_ID]


def test_a_look_that_is_only_a_little_late_is_left_alone(
    deployed: Application, clock: Clock
) -> None:
    put_task(deployed, "insert")
    clock.advance(20 + 300)

    assert reconcile() == 0


def test_a_closed_task_is_left_alone(deployed: Application, clock: Clock) -> None:
    put_task(deployed, "modify_succeeded")
    clock.advance(30 * 24 * 3600)

    assert reconcile() == 0
