"""Findings about what is deployed."""

import json
from typing import Any

import httpx
import pytest

from i2v.doctor import deployment
from i2v.doctor.examined import Examined
from tests.doctor.conftest import API, Aws, Refused, Web, described, found, resources, says

TABLE = ("TasksTable", "AWS::DynamoDB::Table", "prod-tasks")
ROLE = ("PollRole", "AWS::IAM::Role", "prod-poll")
POLL, API_FUNCTION = ((name, "AWS::Lambda::Function", f"prod-{name}") for name in ("poll", "api"))
LAYER = "arn:aws:lambda:eu-central-1:123456789012:layer:prod-core:"


@pytest.mark.parametrize(
    ("status", "level", "words"),
    [
        ("CREATE_COMPLETE", "ok", "CREATE_COMPLETE"),
        ("UPDATE_COMPLETE", "ok", "UPDATE_COMPLETE"),
        ("UPDATE_ROLLBACK_COMPLETE", "warning", "rolled back: the release before it runs"),
        ("UPDATE_IN_PROGRESS", "warning", "under way"),
        ("UPDATE_ROLLBACK_FAILED", "problem", "a reason"),
        ("ROLLBACK_COMPLETE", "problem", "ROLLBACK_COMPLETE"),
    ],
)
def test_the_status_of_the_stack(
    aws: Aws, stack: Examined, status: str, level: str, words: str
) -> None:
    aws.answers["DescribeStacks"] = described(status, StackStatusReason="a reason")
    assert says(deployment.stack_status(stack), level, words)


def test_a_failed_resource_is_named(aws: Aws, stack: Examined) -> None:
    aws.answers["ListStackResources"] = resources(TABLE, status="UPDATE_FAILED")
    assert says(deployment.stack_status(stack), "problem", "TasksTable")


def detection(status: str, drifted: str = "IN_SYNC") -> dict[str, Any]:
    return {
        "StackId": "prod",
        "StackDriftDetectionId": "d",
        "DetectionStatus": status,
        "StackDriftStatus": drifted,
    }


def test_what_was_changed_by_hand_is_named(aws: Aws, stack: Examined) -> None:
    aws.answers["DetectStackDrift"] = {"StackDriftDetectionId": "d"}
    aws.answers["DescribeStackDriftDetectionStatus"] = detection("DETECTION_COMPLETE", "DRIFTED")
    changed = {"PropertyPath": "/Timeout", "DifferenceType": "NOT_EQUAL"}
    aws.answers["DescribeStackResourceDrifts"] = {
        "StackResourceDrifts": [
            {
                "LogicalResourceId": "PollTaskFunction",
                "StackResourceDriftStatus": "MODIFIED",
                "PropertyDifferences": [changed],
            },
            {"LogicalResourceId": "Rule", "StackResourceDriftStatus": "DELETED"},
        ]
    }
    words = "PollTaskFunction (/Timeout), Rule (deleted)"
    assert says(deployment.drift(stack), "warning", words)


def test_nothing_changed(aws: Aws, stack: Examined) -> None:
    aws.answers["DetectStackDrift"] = {"StackDriftDetectionId": "d"}
    aws.answers["DescribeStackDriftDetectionStatus"] = detection("DETECTION_COMPLETE")
    assert found(deployment.drift(stack)) == [("ok", "nothing differs from the template")]


def test_a_comparison_that_lasts_or_fails_is_skipped(aws: Aws, stack: Examined) -> None:
    stack.patience = 0
    aws.answers["DetectStackDrift"] = {"StackDriftDetectionId": "d"}
    aws.answers["DescribeStackDriftDetectionStatus"] = detection("DETECTION_IN_PROGRESS")
    assert says(deployment.drift(stack), "skipped", "still comparing")
    aws.answers["DescribeStackDriftDetectionStatus"] = detection("DETECTION_FAILED", "UNKNOWN")
    assert [level for level, _ in found(deployment.drift(stack))] == ["skipped"]


@pytest.mark.parametrize(("state", "level"), [("ENABLED", "ok"), ("DISABLED", "problem")])
def test_backups_and_protection(aws: Aws, stack: Examined, state: str, level: str) -> None:
    aws.answers["ListStackResources"] = resources(TABLE)
    aws.answers["DescribeStacks"] = described(EnableTerminationProtection=state == "ENABLED")
    recovery = {"PointInTimeRecoveryStatus": state}
    aws.answers["DescribeContinuousBackups"] = {
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": recovery,
        }
    }
    found_level = "ok" if state == "ENABLED" else "warning"
    assert says(deployment.protection(stack), level, "TasksTable can")
    assert says(deployment.protection(stack), found_level, "the stack")


def statement(*actions: str) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}


def template_with_role(*actions: str) -> dict[str, Any]:
    policies = [{"PolicyName": "P", "PolicyDocument": statement(*actions)}]
    role = {"Type": "AWS::IAM::Role", "Properties": {"Policies": policies}}
    return {"TemplateBody": json.dumps({"Resources": {"PollRole": role}})}


def test_lost_permissions_are_named(aws: Aws, stack: Examined) -> None:
    aws.answers["ListStackResources"] = resources(ROLE)
    aws.answers["GetTemplate"] = template_with_role("s3:GetObject", "s3:PutObject")
    given: dict[str, Any] = {"RoleName": "prod-poll", "PolicyName": "P"}
    aws.answers["GetRolePolicy"] = given | {"PolicyDocument": json.dumps(statement("s3:GetObject"))}
    assert says(deployment.permissions(stack), "problem", "PollRole lacks s3:PutObject")
    aws.answers["GetRolePolicy"] = Refused("NoSuchEntity")
    assert says(deployment.permissions(stack), "problem", "lacks s3:GetObject, s3:PutObject")
    everything = statement("s3:PutObject", "s3:GetObject", "s3:DeleteObject")
    aws.answers["GetRolePolicy"] = given | {"PolicyDocument": json.dumps(everything)}
    assert found(deployment.permissions(stack)) == [
        ("ok", "1 roles have all that the template gives them")
    ]


def layered(aws: Aws, **layers: int) -> None:
    aws.answers["ListStackResources"] = resources(POLL, API_FUNCTION)
    aws.answers["GetFunctionConfiguration"] = lambda asked: {
        "FunctionName": asked["FunctionName"],
        "Layers": [{"Arn": f"{LAYER}{layers[asked['FunctionName'].partition('-')[2]]}"}],
    }
    aws.answers["GetLayerVersionByArn"] = {"Description": "image-to-video 0.1.0"}


def running(web: Web, version: str) -> None:
    web.answers["GET", "/v1/health"] = httpx.Response(200, json={"version": version})


def test_one_release(aws: Aws, web: Web, stack: Examined) -> None:
    layered(aws, poll=3, api=3)
    running(web, "0.1.0")
    assert found(deployment.versions(stack)) == [("ok", "template and code are 0.1.0")]
    assert str(web.asked[0].url) == f"{API}/health"


def test_functions_of_two_releases(aws: Aws, web: Web, stack: Examined) -> None:
    layered(aws, poll=3, api=4)
    running(web, "0.1.0")
    assert says(deployment.versions(stack), "problem", "different versions of the layer")


def test_a_layer_of_another_release(aws: Aws, web: Web, stack: Examined) -> None:
    layered(aws, poll=3, api=3)
    aws.answers["GetLayerVersionByArn"] = {"Description": "image-to-video 0.0.9"}
    running(web, "0.1.0")
    words = "the template is 0.1.0, the layer image-to-video 0.0.9"
    assert says(deployment.versions(stack), "problem", words)


def test_code_of_another_release(aws: Aws, web: Web, stack: Examined) -> None:
    layered(aws, poll=3, api=3)
    running(web, "0.0.9")
    words = "the template is 0.1.0, the code that answers is 0.0.9"
    assert says(deployment.versions(stack), "problem", words)
    assert says(deployment.versions(stack), "warning", "this command is of")


def test_a_stack_of_before_there_was_a_version(aws: Aws, web: Web, stack: Examined) -> None:
    aws.answers["DescribeStacks"] = described(outputs={"Version": None})
    layered(aws, poll=3, api=3)
    running(web, "0.1.0")
    assert says(deployment.versions(stack), "warning", "does not say its version")
