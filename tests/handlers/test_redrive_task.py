"""By hand: an open task moves now; what has ended stays ended unless its video can be had."""

from typing import Any

import pytest
from image_to_video.domain.errors import TaskNotFoundError
from image_to_video.domain.generator import Missing, Ready
from pydantic import ValidationError

import functions.redrive_task.app as redrive_task
from tests.conftest import Application, ScriptedGenerator
from tests.handlers.conftest import TASK_ID, invoke, put_task, sample, stored_task

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def redrive() -> Any:
    answer = invoke(redrive_task.handler, sample("redrive_task/by_hand") | {"task_id": TASK_ID})
    assert answer.pop("task_id") == TASK_ID
    assert answer.pop("message")
    return answer


def executions(deployed: Application) -> list[str]:
    found = deployed.client("stepfunctions").list_executions(
        stateMachineArn=deployed.environment["STATE_MACHINE_ARN"]
    )
    return [execution["name"] for execution in found["executions"]]


def fail_for_want_of_the_video(deployed: Application) -> None:
    put_task(deployed, "modify_succeeded")
    record = stored_task(deployed)
    del record["video"]
    failure = {"code": "video_unavailable", "message": "The link was dead for days."}
    deployed.table("TASKS_TABLE").put_item(Item=record | {"status": "failed", "failure": failure})


def test_an_open_task_gets_a_new_workflow_and_no_second_start(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    put_task(deployed, "modify_generating")

    assert redrive() == {"status": "generating", "moved": True}
    assert executions(deployed) == [stored_task(deployed)["execution"]]
    assert not generator.requests


def test_a_task_without_its_video_is_opened_again_where_there_is_one(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    fail_for_want_of_the_video(deployed)
    generator.looks = [Ready("completed", "https://results.example.com/again.mp4")]

    assert redrive() == {"status": "storing", "moved": True}
    assert executions(deployed) == [stored_task(deployed)["execution"]]
    assert not generator.requests


def test_a_video_that_is_gone_leaves_the_task_failed(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    fail_for_want_of_the_video(deployed)
    generator.looks = [Missing()]

    assert redrive() == {"status": "failed", "moved": False}
    assert not executions(deployed)


def test_a_task_that_succeeded_is_left_alone(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    put_task(deployed, "modify_succeeded")

    assert redrive() == {"status": "succeeded", "moved": False}
    assert not executions(deployed)
    assert not generator.checked


def test_an_unknown_task_is_an_error_for_whoever_asked(deployed: Application) -> None:
    with pytest.raises(TaskNotFoundError):
        redrive()


def test_an_order_without_a_task_is_an_error() -> None:
    with pytest.raises(ValidationError):
        invoke(redrive_task.handler, {})
