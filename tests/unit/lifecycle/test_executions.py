"""A new execution is recorded first, then started; who finds the task moved gives it none."""

import pytest
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import TaskConflictError
from image_to_video.domain.executions import execution_name
from image_to_video.lifecycle.executions import Executions
from image_to_video.wiring import Application as Services

from tests.conftest import Application, Clock
from tests.support.workflow import executions

REQUEST = TaskRequest(image_url="https://example.com/a.png")


@pytest.fixture
def giver(services: Services) -> Executions:
    return services._executions


def test_a_new_execution_is_recorded_and_started(
    services: Services, giver: Executions, application: Application, clock: Clock
) -> None:
    task = services.video_tasks.create("anna", REQUEST, None)

    given = giver.give(task, at_once=True, next_poll_at=clock())

    assert given.execution == execution_name(task.task_id, task.created_at, task.version)
    assert given.next_poll_at == clock()
    assert services.video_tasks.get("anna", task.task_id) == given
    assert set(executions(application)) == {task.execution, given.execution}


def test_a_task_that_another_moved_gets_none(
    services: Services, giver: Executions, application: Application, clock: Clock
) -> None:
    task = services.video_tasks.create("anna", REQUEST, None)
    giver.give(task, next_poll_at=clock())
    clock.advance(1)

    with pytest.raises(TaskConflictError):
        giver.give(task, next_poll_at=clock())

    assert len(executions(application)) == 2


def test_a_key_used_again_after_its_task_was_forgotten_has_an_execution_of_its_own(
    services: Services, giver: Executions, application: Application, clock: Clock
) -> None:
    """Step Functions keeps a name for 90 days, and a record may be kept for less."""
    first = giver.give(services.video_tasks.create("anna", REQUEST, "key"), next_poll_at=clock())
    application.table("TASKS_TABLE").delete_item(Key={"task_id": first.task_id})
    clock.advance(1)

    again = services.video_tasks.create("anna", REQUEST, "key")
    given = giver.give(again, next_poll_at=clock())

    assert again.task_id == first.task_id
    assert {again.execution, given.execution} <= set(executions(application))
    assert len(executions(application)) == 4
