"""Findings about functions and the workflow."""

from typing import Any

import pytest

from i2v.doctor import functions
from i2v.doctor.examined import Examined
from tests.doctor.conftest import Aws, Refused, described, found, resources, says

NAMES = ("Api", "Poll", "Store")
FUNCTIONS = [(name, "AWS::Lambda::Function", f"prod-{name}") for name in NAMES]
ROLE = ("WorkflowRole", "AWS::IAM::Role", "prod-workflow")
ALIAS_ARN = "arn:aws:lambda:eu-central-1:123456789012:function:prod-Api:live"
ALIAS = ("ApiAliaslive", "AWS::Lambda::Alias", ALIAS_ARN)


def configured(aws: Aws, **changed: dict[str, Any]) -> None:
    """Each function has the same configuration, but for what is changed of one."""
    aws.answers["ListStackResources"] = resources(*FUNCTIONS, ROLE)
    aws.answers["GetFunctionConcurrency"] = {}
    usual = {"Environment": {"Variables": {"TASKS_TABLE": "tasks", "STACK_NAME": "prod"}}}

    def configuration(asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["FunctionName"]
        return {"FunctionName": name} | usual | changed.get(name.partition("-")[2], {})

    aws.answers["GetFunctionConfiguration"] = configuration


def test_all_are_there(aws: Aws, stack: Examined) -> None:
    configured(aws)
    assert found(functions.function_state(stack)) == [
        ("ok", "all 3 functions are there and may run")
    ]


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({"State": "Failed", "StateReason": "no layer"}, "problem", "Poll is Failed, Success"),
        ({"LastUpdateStatus": "Failed"}, "problem", "Poll is Active, Failed"),
        ({"LastUpdateStatus": "InProgress", "State": "Pending"}, "warning", "being updated"),
    ],
)
def test_one_that_cannot_run(
    aws: Aws, stack: Examined, change: dict[str, Any], level: str, words: str
) -> None:
    configured(aws, Poll=change)
    assert says(functions.function_state(stack), level, words)


def test_one_that_is_switched_off(aws: Aws, stack: Examined) -> None:
    configured(aws)
    aws.answers["GetFunctionConcurrency"] = {"ReservedConcurrentExecutions": 0}
    assert says(functions.function_state(stack), "problem", "Store is switched off")


def test_one_that_is_gone(aws: Aws, stack: Examined) -> None:
    configured(aws)
    usual: Any = aws.answers["GetFunctionConfiguration"]

    def gone(asked: dict[str, Any]) -> dict[str, Any]:
        if asked["FunctionName"] == "prod-Store":
            raise Refused("ResourceNotFoundException")
        answer: dict[str, Any] = usual(asked)
        return answer

    aws.answers["GetFunctionConfiguration"] = gone
    assert says(functions.function_state(stack), "problem", "Store does not exist any more")


def test_variables_that_differ_in_one_function(aws: Aws, stack: Examined) -> None:
    aws.answers["DescribeStacks"] = described(outputs={"Version": "9.9.9"})
    other = {"Environment": {"Variables": {"TASKS_TABLE": "nowhere", "OWN": "1"}}}
    configured(aws, Store=other)
    assert found(functions.environment(stack)) == [
        ("problem", "Store has other or invalid variables: TASKS_TABLE")
    ]


def test_variables_that_this_release_would_die_of(
    aws: Aws, stack: Examined, variables: dict[str, str]
) -> None:
    right = {"Environment": {"Variables": variables}}
    configured(aws, Api=right, Poll=right, Store=right)
    assert says(functions.environment(stack), "ok", "the same in all functions")
    wrong = {"Environment": {"Variables": variables | {"MAX_ATTEMPTS": "many"}}}
    configured(aws, Api=wrong, Poll=wrong, Store=wrong)
    del stack.functions
    assert says(functions.environment(stack), "problem", "Api has other or invalid variables: MAX")


def aliased(aws: Aws, *, live: str, newest: str, **alias: Any) -> None:
    aws.answers["ListStackResources"] = resources(FUNCTIONS[0], ALIAS)
    aws.answers["GetAlias"] = {"FunctionVersion": "7"} | alias
    aws.answers["GetFunctionConfiguration"] = lambda asked: {
        "FunctionName": "prod-Api",
        "CodeSha256": live if asked.get("Qualifier") == "live" else newest,
    }


def test_an_alias_leads_to_the_newest_code(aws: Aws, stack: Examined) -> None:
    aliased(aws, live="b", newest="b")
    assert says(functions.aliases(stack), "ok", "1 aliases lead to the code")
    # What is examined is what the alias leads to.
    assert stack.functions["Api"]["CodeSha256"] == "b"


def test_an_alias_that_stayed_behind(aws: Aws, stack: Examined) -> None:
    aliased(aws, live="a", newest="b")
    assert says(functions.aliases(stack), "problem", "ApiAliaslive leads to version 7")
    assert stack.functions["Api"]["CodeSha256"] == "a"


def test_an_alias_that_is_being_shifted(aws: Aws, stack: Examined) -> None:
    weights = {"AdditionalVersionWeights": {"8": 0.1}}
    aliased(aws, live="a", newest="b", RoutingConfig=weights)
    assert says(functions.aliases(stack), "warning", "10% to version 8")


def machine(**changed: Any) -> dict[str, Any]:
    arn = "arn:aws:lambda:eu-central-1:123456789012:function:prod-Poll"
    return {
        "stateMachineArn": "arn",
        "name": "prod-generate-video",
        "status": "ACTIVE",
        "roleArn": "arn:aws:iam::123456789012:role/prod-workflow",
        "definition": f'{{"FunctionName": "{arn}"}}',
    } | changed


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [
        (machine(), "ok", "prod-generate-video is active"),
        (Refused("StateMachineDoesNotExist"), "problem", "does not exist"),
        (machine(status="DELETING"), "problem", "is DELETING"),
        (machine(roleArn="arn:aws:iam::1:role/other"), "problem", "runs as other"),
        (machine(definition="{}"), "problem", "calls no function"),
        (machine(definition=":function:old-Poll:live"), "problem", "calls old-Poll"),
    ],
)
def test_the_workflow(
    aws: Aws, stack: Examined, answer: dict[str, Any] | Refused, level: str, words: str
) -> None:
    configured(aws)
    aws.answers["DescribeStateMachine"] = answer
    assert says(functions.workflow(stack), level, words)
