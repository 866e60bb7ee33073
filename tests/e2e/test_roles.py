"""No permission is without use: each is taken away under an emulator that enforces roles.

That they suffice is shown by all the other files: their stack enforces them too.
"""

from collections.abc import Iterator

import pytest

from i2v.simulator.settings import SimulatorSettings
from i2v.stack import running_stack
from tests.e2e.role_scenarios import NEEDED
from tests.e2e.roles import QUIET, RESOURCES, TEST_CLIPS, Stage, label, template_statements

# What the emulator has no use for. Each has a reason.
UNPROVEN = {
    # The emulator says of a missing object that it is missing, allowed or not.
    "s3:ListBucket",
    # Log delivery is not emulated: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
    # The emulator keeps a function's log, reads its stream, puts its failed events into the queue
    # and invokes it for the workflow by itself, and it has no traces.
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
    "sqs:SendMessage",
    "lambda:InvokeFunction",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    simulator = SimulatorSettings(generation_seconds=0.3, coins=10**7)
    with running_stack(simulator=simulator, parameters=QUIET, enforce_authorization=True) as (
        stack,
        emulator,
    ):
        events = emulator.client("events")
        # Only the tests announce uploads.
        for rule in events.list_rules()["Rules"]:
            events.disable_rule(Name=rule["Name"])
        yield Stage(stack, emulator)


def test_every_permission_of_the_template_is_tried() -> None:
    written = {
        (name, action, label(statement["Resource"]))
        for name, resource in RESOURCES.items()
        if resource["Type"] == "AWS::Serverless::Function"
        for statement in template_statements(name)
        for action in statement["Action"]
    }
    written = {permission for permission in written if permission[2] != TEST_CLIPS}
    unproven = {permission for permission in written if permission[1] in UNPROVEN}
    assert written - unproven == set(NEEDED)
    asked = {action for s in template_statements("GenerateVideo") for action in s["Action"]}
    assert asked | {action for _, action, _ in unproven} == UNPROVEN


@pytest.mark.parametrize(("function", "action", "resource"), NEEDED)
def test_nothing_is_permitted_in_vain(
    stage: Stage, function: str, action: str, resource: str
) -> None:
    works = NEEDED[function, action, resource]
    assert works(stage)
    with stage.without(function, action, resource):
        if action == "secretsmanager:GetSecretValue":
            # A warm container remembers the secret for a minute.
            stage.cool_down(function)
        assert not works(stage)
