"""The workflow: one execution for each name, and its failures as errors of our own."""

import json
from typing import Any
from unittest.mock import MagicMock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from image_to_video.adapters.workflow import Workflow
from image_to_video.domain.errors import WorkflowBusyError, WorkflowUnavailableError
from image_to_video.domain.schedule import Schedule

from tests.conftest import ACCOUNT, REGION, Application

TASK = "0123456789abcdef0123456789abcdef"


def a_workflow(client: Any, arn: str, schedule: Schedule) -> Workflow:
    return Workflow(client, state_machine_arn=arn, schedule=schedule)


@pytest.fixture
def workflow(application: Application, schedule: Schedule) -> Workflow:
    arn = application.environment["STATE_MACHINE_ARN"]
    return a_workflow(application.client("stepfunctions"), arn, schedule)


def executions(application: Application) -> dict[str, Any]:
    """The executions there are: their inputs, by name."""
    client = application.client("stepfunctions")
    arn = application.environment["STATE_MACHINE_ARN"]
    listed = client.list_executions(stateMachineArn=arn)["executions"]
    return {
        one["name"]: json.loads(
            client.describe_execution(executionArn=one["executionArn"])["input"]
        )
        for one in listed
    }


def test_an_execution_is_started_under_its_name_with_its_waits(
    application: Application, workflow: Workflow
) -> None:
    workflow.start(TASK, TASK)
    order = {"task_id": TASK, "first_poll_seconds": 20, "trouble_wait_seconds": 60}
    assert executions(application) == {TASK: order}


def test_an_execution_may_skip_its_first_wait(application: Application, workflow: Workflow) -> None:
    workflow.start(TASK, f"{TASK}-7", at_once=True)
    assert executions(application)[f"{TASK}-7"]["first_poll_seconds"] == 0


def test_starting_again_changes_nothing(application: Application, workflow: Workflow) -> None:
    for _ in range(3):
        workflow.start(TASK, TASK)
    assert list(executions(application)) == [TASK]


def test_an_execution_that_exists_with_another_input_is_good_enough(
    application: Application, workflow: Workflow
) -> None:
    """Whatever its input is: the execution of this name is there, and that was the order."""
    workflow.start(TASK, TASK)
    workflow.start("another", TASK, at_once=True)
    assert executions(application)[TASK]["task_id"] == TASK


def test_a_new_execution_of_the_same_task_has_another_name(
    application: Application, workflow: Workflow
) -> None:
    workflow.start(TASK, TASK)
    workflow.start(TASK, f"{TASK}-4")
    assert set(executions(application)) == {TASK, f"{TASK}-4"}


def test_a_machine_that_is_not_there_is_unavailable(
    application: Application, schedule: Schedule
) -> None:
    arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:unknown"
    with pytest.raises(WorkflowUnavailableError):
        a_workflow(application.client("stepfunctions"), arn, schedule).start(TASK, TASK)


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ThrottlingException"}}, "StartExecution"),
        ClientError({"Error": {"Code": "ExecutionLimitExceeded"}}, "StartExecution"),
        EndpointConnectionError(endpoint_url="https://states.example"),
    ],
)
def test_every_trouble_with_starting_is_unavailability(
    error: Exception, schedule: Schedule
) -> None:
    client = MagicMock()
    client.exceptions.ExecutionAlreadyExists = KeyError
    client.start_execution.side_effect = error
    with pytest.raises(WorkflowUnavailableError):
        a_workflow(client, "arn", schedule).start(TASK, TASK)


def test_an_execution_runs_until_it_has_ended(application: Application, workflow: Workflow) -> None:
    assert not workflow.is_running(TASK)
    workflow.start(TASK, TASK)
    assert workflow.is_running(TASK)
    client = application.client("stepfunctions")
    arn = application.environment["STATE_MACHINE_ARN"].replace("stateMachine", "execution")
    client.stop_execution(executionArn=f"{arn}:{TASK}")
    assert not workflow.is_running(TASK)


def test_being_asked_too_often_is_told_from_other_troubles(schedule: Schedule) -> None:
    client = MagicMock()
    client.exceptions.ExecutionAlreadyExists = client.exceptions.ExecutionDoesNotExist = KeyError
    workflow = a_workflow(client, "arn:aws:states:r:a:stateMachine:m", schedule)
    throttle = ClientError({"Error": {"Code": "ThrottlingException"}}, "any")
    client.start_execution.side_effect = client.describe_execution.side_effect = throttle
    with pytest.raises(WorkflowBusyError):
        workflow.start(TASK, TASK)
    with pytest.raises(WorkflowBusyError):
        workflow.is_running(TASK)
    refused = ClientError({"Error": {"Code": "AccessDeniedException"}}, "any")
    client.describe_execution.side_effect = refused
    with pytest.raises(ClientError):
        workflow.is_running(TASK)


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"])
def test_however_it_ended_it_runs_no_more(status: str, schedule: Schedule) -> None:
    client = MagicMock()
    client.describe_execution.return_value = {"status": status}
    assert not a_workflow(client, "arn:aws:states:r:a:stateMachine:m", schedule).is_running(TASK)
    asked = client.describe_execution.call_args.kwargs["executionArn"]
    assert asked == f"arn:aws:states:r:a:execution:m:{TASK}"
