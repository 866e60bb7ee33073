"""`i2v deploy` in trouble: one sentence that says what to do, before anything is created."""

from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError, UnauthorizedSSOTokenError

from tests.deploy.conftest import MISSING, Deploy, described
from tests.support.fake_aws import FakeAws, refusal

FAILED = {
    "StackEvents": [
        {"ResourceStatus": "ROLLBACK_COMPLETE", "LogicalResourceId": "image-to-video"},
        {
            "ResourceStatus": "CREATE_FAILED",
            "LogicalResourceId": "Api",
            "ResourceStatusReason": "Resource creation cancelled",
        },
        {
            "ResourceStatus": "CREATE_FAILED",
            "LogicalResourceId": "TasksTable",
            "ResourceStatusReason": "Table quota exceeded",
        },
    ]
}
DENIED = refusal(
    "AccessDenied",
    "User: arn:aws:iam::1:user/ada is not authorized to perform: cloudformation:DescribeStacks on",
)
# What goes wrong, how it is called, and what is said about it.
TROUBLES: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "no credentials": ({"GetCallerIdentity": NoCredentialsError()}, [], "aws configure"),
    "expired": ({"GetCallerIdentity": refusal("ExpiredToken", "is expired")}, [], "sign in again"),
    "expired sso": ({"GetCallerIdentity": UnauthorizedSSOTokenError()}, [], "sign in again"),
    "unknown key": (
        {"GetCallerIdentity": refusal("InvalidClientTokenId", "invalid")},
        [],
        "does not accept these credentials",
    ),
    "denied": ({"DescribeStacks": DENIED}, [], "may not do cloudformation:DescribeStacks"),
    "denied, unnamed": (
        {"GetAccountSettings": refusal("AccessDeniedException", "no")},
        [],
        "may not do lambda:GetAccountSettings",
    ),
    "region unknown": (
        {"ListStacks": refusal("InvalidClientTokenId", "no")},
        ["--region", "mars-north-1"],
        "region mars-north-1 is not known",
    ),
    "name too long": ({}, ["--stack-name", "x" * 66], "has 66 characters; it may have 65"),
    "name": ({}, ["--stack-name", "a_b"], "letters, digits and hyphens"),
    "environment": ({}, ["--config-env", "moon"], "no environment moon; it has default, dev"),
    "parameter": ({}, ["--parameter", "PollPace=5"], "PollPace cannot be '5'"),
    "unknown parameter": ({}, ["--parameter", "Speed=5"], "no parameter Speed"),
    "form": ({}, ["--parameter", "Speed"], "NAME=VALUE"),
    "another application": (
        {"DescribeStacks": described(description="A blog") | {}},
        [],
        "belongs to another application",
    ),
    "half made": (
        {"DescribeStacks": described("ROLLBACK_COMPLETE"), "DescribeStackEvents": FAILED},
        [],
        "TasksTable: Table quota exceeded); such a stack can only be deleted: run this again with"
        " --delete-failed",
    ),
    "in progress": ({"DescribeStacks": described("UPDATE_IN_PROGRESS")}, [], "wait until"),
    "stuck": (
        {"DescribeStacks": described("UPDATE_ROLLBACK_FAILED")},
        [],
        "continue-update-rollback --stack-name image-to-video",
    ),
    "deployment failed": (
        {
            "DescribeStacks": [MISSING, described("ROLLBACK_COMPLETE")],
            "DescribeStackEvents": FAILED,
        },
        [],
        "A quota of this account is reached (TasksTable: Table quota exceeded)",
    ),
    "change set": (
        {"DescribeChangeSet": {"Status": "FAILED", "StatusReason": "Template error: x"}},
        [],
        "refused the template: Template error: x",
    ),
}
TROUBLES["another application"][0]["DescribeStacks"]["Stacks"][0]["Outputs"] = []


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_ends_in_one_sentence_that_says_what_to_do(
    aws: FakeAws, deploy: Deploy, name: str
) -> None:
    answers, arguments, sentence = TROUBLES[name]
    aws.answers |= answers
    code, said = deploy("--yes", *arguments)
    assert code == 1
    last = said.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert sentence in last
    if name != "deployment failed":
        assert "ExecuteChangeSet" not in aws.operations


def test_a_region_without_a_service_is_refused(
    aws: FakeAws, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "boto3.session.Session.get_available_regions",
        lambda _self, service, *_: [] if service == "stepfunctions" else ["eu-central-1"],
    )
    assert "The region eu-central-1 has no Step Functions; choose another" in deploy("--yes")[1]
