"""The workflow's step that starts a task, confirms its start or polls."""

from typing import Any

import pytest
from image_to_video.domain.errors import TaskNotFoundError
from pydantic import ValidationError

import functions.poll_task.app as poll_task
from tests.conftest import Application, Clock, ScriptedGenerator
from tests.handlers.conftest import TASK_ID, invoke, put_task, sample, stored_task


def poll() -> Any:
    return invoke(poll_task.handler, sample("poll_task/step"))


def test_the_task_is_advanced_and_its_next_step_answered(
    deployed: Application, generator: ScriptedGenerator, clock: Clock
) -> None:
    put_task(deployed, "insert")
    clock.advance(20)

    assert poll() == {"phase": "waiting", "wait_seconds": 20}
    assert [request.name for request in generator.requests] == [f"{TASK_ID}-1"]
    assert stored_task(deployed)["status"] == "generating"


def test_an_unknown_task_is_an_error_that_the_workflow_sees(deployed: Application) -> None:
    with pytest.raises(TaskNotFoundError):
        poll()


def test_an_input_without_a_task_is_an_error(without_aws: None) -> None:
    with pytest.raises(ValidationError):
        invoke(poll_task.handler, {})
