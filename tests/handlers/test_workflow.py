"""The state machine as it is written: no dead ends, and only error names known everywhere."""

import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import yaml
from image_to_video.domain.schedule import Schedule
from image_to_video.lifecycle.workflow_steps import Phase, Step
from moto import mock_aws

from tests.conftest import ACCOUNT, PROJECT, REGION
from tests.support.permissions import statements

TEXT = (PROJECT / "functions" / "generate_video.asl.yaml").read_text()
MACHINE: dict[str, Any] = yaml.safe_load(TEXT)
STATES: dict[str, Any] = MACHINE["States"]
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
CHOICES = {name: state for name, state in STATES.items() if state["Type"] == "Choice"}
# What AWS, moto and MiniStack agree on. Names of Python exceptions are not among them.
ERROR_NAMES = {
    "States.ALL",
    "States.TaskFailed",
    "States.Timeout",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
}


def leads_to(state: dict[str, Any]) -> Iterator[str]:
    """Every state that may come next."""
    for rule in [state, *state.get("Choices", []), *state.get("Catch", [])]:
        if "Next" in rule:
            yield rule["Next"]
    if "Default" in state:
        yield state["Default"]


def test_every_next_state_exists() -> None:
    named = {MACHINE["StartAt"], *(name for state in STATES.values() for name in leads_to(state))}
    assert named <= set(STATES)


def test_every_state_is_reached() -> None:
    reached: set[str] = set()
    ahead = [MACHINE["StartAt"]]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += leads_to(STATES[name])
    assert reached == set(STATES)


def test_every_state_leads_on_or_ends() -> None:
    for name, state in STATES.items():
        assert bool(list(leads_to(state))) is (state["Type"] != "Succeed"), name
        assert "End" not in state, name


def test_every_state_can_reach_the_end() -> None:
    ending = {name for name, state in STATES.items() if state["Type"] == "Succeed"}
    assert len(ending) == 1
    while more := {n for n, s in STATES.items() if ending & set(leads_to(s))} - ending:
        ending |= more
    assert ending == set(STATES)


def test_the_machine_cannot_fail_by_itself() -> None:
    assert "Fail" not in {state["Type"] for state in STATES.values()}


def test_the_machine_has_a_timeout_beyond_every_deadline(schedule: Schedule) -> None:
    deadlines = (
        schedule.start_deadline_seconds,
        schedule.generation_deadline_seconds,
        schedule.window_seconds,
    )
    assert MACHINE["TimeoutSeconds"] > sum(deadlines)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_state_has_an_end_and_survives_trouble(name: str) -> None:
    state = TASKS[name]
    assert state["TimeoutSeconds"] > 0
    assert [rule["ErrorEquals"] for rule in state["Retry"]][-1] == ["States.ALL"]
    assert [rule["ErrorEquals"] for rule in state["Catch"]][-1] == ["States.ALL"]
    for rule in state["Retry"]:
        assert rule["MaxAttempts"] >= 1
        assert rule["BackoffRate"] > 1
    for rule in state["Catch"]:
        # The task's id and waits must survive the trouble.
        assert rule["ResultPath"] not in ("$", "$.task_id", "$.trouble_wait_seconds")
        assert STATES[rule["Next"]]["Type"] == "Wait"


@pytest.mark.parametrize("name", TASKS)
def test_a_task_state_keeps_what_it_was_given_and_reads_a_whole_step(name: str) -> None:
    state = TASKS[name]
    assert state["Resource"] == "arn:${Partition}:states:::lambda:invoke"
    # The name comes from the machine itself: inputs of earlier releases did not hold it.
    payload = {"task_id.$": "$.task_id", "execution.$": "$$.Execution.Name"}
    assert state["Parameters"]["Payload"] == payload
    assert state["ResultPath"] == "$.step"
    assert state["ResultSelector"] == {f"{f}.$": f"$.Payload.{f}" for f in Step.model_fields}


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_knows_every_phase_and_has_a_default(name: str) -> None:
    choices = CHOICES[name]["Choices"]
    assert {choice["Variable"] for choice in choices} == {"$.step.phase"}
    assert [choice["StringEquals"] for choice in choices] == list(Phase)
    assert STATES[CHOICES[name]["Default"]]["Type"] == "Wait"


def test_there_is_a_choice_after_each_task() -> None:
    assert CHOICES
    assert {state["Next"] for state in TASKS.values()} == set(CHOICES)


def test_only_error_names_that_every_implementation_knows() -> None:
    rules = [rule for state in TASKS.values() for rule in state["Retry"] + state["Catch"]]
    assert {name for rule in rules for name in rule["ErrorEquals"]} <= ERROR_NAMES


def test_every_wait_comes_from_data() -> None:
    waits = {name: state for name, state in STATES.items() if state["Type"] == "Wait"}
    order = {"$.first_poll_seconds", "$.trouble_wait_seconds", "$.step.wait_seconds"}
    assert {state["SecondsPath"] for state in waits.values()} == order


def test_only_jsonpath_is_used() -> None:
    assert MACHINE["QueryLanguage"] == "JSONPath"
    assert not any("QueryLanguage" in state for state in STATES.values())


def test_placeholders_are_those_the_template_fills(template: dict[str, Any]) -> None:
    filled = template["Resources"]["GenerateVideo"]["Properties"]["DefinitionSubstitutions"]
    assert set(re.findall(r"\$\{(\w+)\}", TEXT)) == set(filled)
    # A placeholder is for an ARN or a part of it only; numbers come as data.
    assert all(name.endswith("Arn") for name in filled.keys() - {"Partition"})


def test_the_machine_may_invoke_exactly_the_functions_it_names(template: dict[str, Any]) -> None:
    filled = template["Resources"]["GenerateVideo"]["Properties"]["DefinitionSubstitutions"]
    named = {value["Ref"] for name, value in filled.items() if name.endswith("FunctionArn")}
    [invoked] = (
        statement["Resource"]
        for statement in statements(template["Resources"]["GenerateVideoRole"])
        if "lambda:InvokeFunction" in statement["Action"]
    )
    assert (
        named
        == {arn["Ref"] for arn in invoked}
        == {
            "PollTaskFunction.Alias",
            "StoreVideoFunction.Alias",
        }
    )


@mock_aws(config={"stepfunctions": {"execute_state_machine": True}})
def test_an_interpreter_accepts_the_machine() -> None:
    definition = json.dumps(MACHINE).replace("${Partition}", "aws")
    made = boto3.client("stepfunctions", region_name=REGION).create_state_machine(
        name="generate-video",
        definition=definition.replace("${", "arn:aws:lambda:::").replace('}"', '"'),
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/workflow",
    )
    assert made["stateMachineArn"].endswith(":generate-video")
