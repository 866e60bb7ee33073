"""By hand: one task is made to move now."""

import pytest
from image_to_video.domain.errors import TaskNotFoundError
from pydantic import ValidationError

import functions.redrive_task.app as redrive_task
from tests.conftest import Application, ScriptedGenerator
from tests.handlers.conftest import TASK_ID, invoke, put_task, sample, stored_task
from tests.support.workflow import executions

EVENT = sample("redrive_task/by_hand") | {"task_id": TASK_ID}


def test_an_open_task_gets_a_new_workflow_and_no_second_start(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    put_task(deployed, "modify_generating")

    answer = invoke(redrive_task.handler, EVENT)

    assert answer.pop("message")
    assert answer == {"task_id": TASK_ID, "status": "generating", "moved": True}
    assert executions(deployed) == [stored_task(deployed)["execution"]]
    assert not generator.requests


def test_an_unknown_task_is_an_error_for_the_operator(deployed: Application) -> None:
    with pytest.raises(TaskNotFoundError):
        invoke(redrive_task.handler, EVENT)


def test_an_input_without_a_task_is_an_error(without_aws: None) -> None:
    with pytest.raises(ValidationError):
        invoke(redrive_task.handler, {})
