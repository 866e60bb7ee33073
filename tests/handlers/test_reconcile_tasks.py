"""The schedule that gives every open task a running workflow."""

import functions.reconcile_tasks.app as reconcile_tasks
from tests.conftest import Application, Clock
from tests.handlers.conftest import TASK_ID, invoke, put_task, sample, stored_task
from tests.support.workflow import executions


def test_an_overdue_task_without_a_workflow_gets_one(deployed: Application, clock: Clock) -> None:
    put_task(deployed, "insert")
    clock.advance(20 + 301)

    answer = invoke(reconcile_tasks.handler, sample("reconcile_tasks/schedule"))

    assert answer == {"revived": 1}
    [execution] = executions(deployed)
    assert execution.startswith(f"{TASK_ID}-")
    assert execution.endswith("-1")
    assert stored_task(deployed)["execution"] == execution
