"""`i2v deploy` with AWS and SAM at their boundaries: what it asks, does, and says in trouble."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from botocore.client import BaseClient
from botocore.exceptions import NoCredentialsError, UnauthorizedSSOTokenError

from i2v.deploy import sam
from i2v.deploy.deployment import Deployment, Options
from i2v.deploy.values import in_videos
from i2v.main import run_command
from tests.support.fake_aws import FakeAws, refusal

ARN = "arn:aws:cloudformation:eu-central-1:123456789012:changeSet/samcli-deploy1/0a1b"
MISSING = refusal("ValidationError", "Stack with id image-to-video does not exist")
OUTPUTS = (
    *("ApiUrl", "ImagesBucketName", "VideosBucketName", "TaskEventsTopicArn"),
    *("A2ETokenSecretArn", "RedriveTaskFunctionName"),
)
NO_VALUE = refusal("ResourceNotFoundException", "can't find the specified secret value")


def described(
    status: str = "CREATE_COMPLETE",
    description: str = "image-to-video: turns a still image",
    **parameters: str,
) -> dict[str, Any]:
    stack = {
        "StackName": "image-to-video",
        "StackStatus": status,
        "Description": description,
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
        ],
        "Outputs": [{"OutputKey": name, "OutputValue": f"the-{name}"} for name in OUTPUTS],
    }
    return {"Stacks": [stack]}


def change(action: str, name: str, kind: str, replacement: str = "False") -> dict[str, Any]:
    resource = {"Action": action, "LogicalResourceId": name, "ResourceType": kind}
    return {"ResourceChange": resource | {"Replacement": replacement}}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """An account in which everything goes well, and in which no stack exists yet."""
    fake = FakeAws(
        {
            "GetCallerIdentity": {"Account": "123456789012", "Arn": "arn:aws:iam::1:user/ada"},
            "GetAccountSettings": {"AccountLimit": {"ConcurrentExecutions": 1000}},
            "GetAccount": {"cloudwatchRoleArn": "arn:aws:iam::1:role/logs"},
            "DescribeStacks": [MISSING, described()],
            "DescribeChangeSet": {
                "Status": "CREATE_COMPLETE",
                "Changes": [change("Add", "TasksTable", "AWS::DynamoDB::Table")],
            },
            "ExecuteChangeSet": {},
            "DeleteChangeSet": {},
            "DeleteStack": {},
            "DescribeStackEvents": {"StackEvents": []},
            "GetSecretValue": NO_VALUE,
            "PutSecretValue": {},
            "UpdateTerminationProtection": {},
        }
    )
    # A function, so that it is bound to the client.
    monkeypatch.setattr(BaseClient, "_make_api_call", lambda *given: fake(*given))  # noqa: PLW0108
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    return fake


type Balance = Callable[[dict[str, Any]], None]


@pytest.fixture(autouse=True)
def a2e(monkeypatch: pytest.MonkeyPatch) -> Balance:
    """Lets A2E answer otherwise than with a balance of 500."""

    def answers(body: dict[str, Any]) -> None:
        monkeypatch.setattr(httpx, "get", lambda *_, **__: httpx.Response(200, json=body))

    answers({"code": 0, "data": {"coins": 500}})
    return answers


@pytest.fixture(autouse=True)
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[list[str]]]:
    """A `sam` that says what a test wants; asked without arguments, how it was called."""
    program, calls, said = (tmp_path / name for name in ("sam", "calls", "said"))
    said.write_text(json.dumps({"build": [0, "Built"], "deploy": [0, f"Changeset: {ARN}"]}))
    program.write_text(
        f"#!{sys.executable}\n"
        "import json, sys, pathlib\n"
        "given = sys.argv[1:]\n"
        "for at, word in enumerate(given):\n"
        "    if word.startswith('file://'):\n"
        "        given[at] = pathlib.Path(word[7:]).read_text()\n"
        f"with open({str(calls)!r}, 'a') as calls: calls.write(json.dumps(given) + '\\n')\n"
        f"code, text = json.load(open({str(said)!r}))[given[0]]\n"
        "print(text)\n"
        "sys.exit(code)\n"
    )
    program.chmod(0o700)
    monkeypatch.setattr(sam, "SAM", program)

    def told(**answers: tuple[int, str]) -> list[list[str]]:
        if answers:
            said.write_text(json.dumps(json.loads(said.read_text()) | answers))
        lines = calls.read_text().splitlines() if calls.exists() else []
        return [json.loads(line) for line in lines]

    return told


type Deploy = Callable[..., tuple[int, str]]


@pytest.fixture
def deploy(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Deploy:
    """Runs `i2v deploy` without a terminal: exit code, and what was said on one line."""
    monkeypatch.setenv("A2E_TOKEN", "sk_test")
    monkeypatch.setenv("COLUMNS", "500")

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["i2v", "deploy", *arguments])
        with pytest.raises(SystemExit) as caught:
            run_command()
        return int(caught.value.code or 0), capsys.readouterr().err

    return run


def test_a_first_deployment_does_everything_unattended(
    aws: FakeAws, deploy: Deploy, ran: Callable[..., list[list[str]]]
) -> None:
    code, said = deploy("--yes", "--parameter", 'DefaultPrompt=She says "hi", slowly')
    assert code == 0, said
    build, made = ran()
    assert build[:1] == ["build"]
    assert {"--no-execute-changeset", "--no-fail-on-empty-changeset"} <= set(made)
    overrides = json.loads(made[made.index("--parameter-overrides") + 1])
    assert overrides == {"DefaultPrompt": 'She says "hi", slowly'}
    assert aws.arguments("ExecuteChangeSet")["ChangeSetName"] == ARN
    put = aws.arguments("PutSecretValue")
    assert put == {"SecretId": "the-A2ETokenSecretArn", "SecretString": "sk_test"}
    assert aws.arguments("UpdateTerminationProtection")["EnableTerminationProtection"] is True
    for told in ("123456789012", "eu-central-1", "500 coins", "the-ApiUrl", "i2v token create"):
        assert told in said
    assert "sk_test" not in said + str(ran())


def test_a_second_run_asks_nothing_that_it_knows_and_keeps_what_is_set(
    aws: FakeAws,
    deploy: Deploy,
    ran: Callable[..., list[list[str]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("A2E_TOKEN")
    aws.answers["DescribeStacks"] = described(AlarmEmail="a@example.com", OverdueSeconds="300")
    aws.answers["GetSecretValue"] = {"SecretString": "sk_rotated"}
    code, said = deploy("--yes")
    assert code == 0, said
    # Pinned to the very value of this release: it follows the releases from now on.
    overrides = ran()[1][ran()[1].index("--parameter-overrides") + 1]
    assert json.loads(overrides) == {"OverdueSeconds": ""}
    assert "PutSecretValue" not in aws.operations


def test_nothing_to_change_is_no_failure(
    aws: FakeAws, deploy: Deploy, ran: Callable[..., list[list[str]]]
) -> None:
    aws.answers["DescribeStacks"] = described()
    aws.answers["GetSecretValue"] = {"SecretString": "sk_x"}
    ran(deploy=(0, "No changes to deploy. Stack image-to-video is up to date"))
    code, said = deploy("--yes")
    assert (code, "ExecuteChangeSet" in aws.operations) == (0, False)
    assert "Nothing would change" in said


def test_without_a_yes_nothing_is_deployed(aws: FakeAws, deploy: Deploy) -> None:
    code, said = deploy("--no-input")
    assert code == 1
    assert "--yes" in said
    assert {"DeleteChangeSet", "DeleteStack"} <= set(aws.operations)
    assert "ExecuteChangeSet" not in aws.operations


def test_a_person_is_asked_what_nobody_else_can_know(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, ran: Callable[..., list[list[str]]]
) -> None:
    asked: list[str] = []

    def answer(question: str, default: str = "", **_: Any) -> str:
        asked.append(question)
        return "ops@example.com" if "mail" in question else default or "sk_typed"

    monkeypatch.setattr(typer, "prompt", answer)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: True)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    aws.answers["GetAccount"] = {}
    Deployment(Options(asks=True)).run()
    assert "alarms" in asked[0]
    assert all(" videos of 5 seconds" in one or "no limit" in one for one in asked[1:-1])
    assert asked[-1].startswith("A2E token")
    overrides = json.loads(ran()[1][ran()[1].index("--parameter-overrides") + 1])
    assert overrides == {"AlarmEmail": "ops@example.com", "SetApiGatewayLogRole": "true"}
    assert aws.arguments("PutSecretValue")["SecretString"] == "sk_typed"


def test_a_limit_is_told_in_videos() -> None:
    assert in_videos("3000") == "100 videos of 5 seconds a day"
    assert in_videos("0") == "no limit"


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


@pytest.mark.parametrize(
    ("command", "output", "sentence"),
    [
        ("build", "Error: Makefile not found", "sam build failed: Error: Makefile not found"),
        (
            "deploy",
            "Error: x is not authorized to perform: s3:CreateBucket on resource",
            "may not do s3:CreateBucket",
        ),
        ("deploy", "Error: The security token included in the request is expired", "sign in again"),
    ],
)
def test_what_sam_says_is_told_in_one_sentence(
    aws: FakeAws,
    deploy: Deploy,
    ran: Callable[..., list[list[str]]],
    command: str,
    output: str,
    sentence: str,
) -> None:
    ran(**{command: (1, f"\nBuilding\n{output}\n")})
    code, said = deploy("--yes")
    assert (code, sentence in said.splitlines()[-1]) == (1, True), said


def test_what_a_failed_first_deployment_left_is_deleted_and_made_anew(
    aws: FakeAws, deploy: Deploy
) -> None:
    failed = described("ROLLBACK_COMPLETE")
    aws.answers["DescribeStacks"] = [failed, MISSING, described()]
    code, said = deploy("--yes", "--delete-failed")
    assert code == 0, said
    assert aws.operations.index("DeleteStack") < aws.operations.index("ExecuteChangeSet")


def test_a_wrong_token_is_found_before_anything_is_created(
    aws: FakeAws, deploy: Deploy, a2e: Balance, ran: Callable[..., list[list[str]]]
) -> None:
    a2e({"code": 401})
    code, said = deploy("--yes")
    assert code == 1
    assert "A2E refuses the token" in said
    assert not ran()


def test_a_missing_token_is_named_and_may_come_later(
    aws: FakeAws, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("A2E_TOKEN")
    assert "A token for A2E is missing" in deploy("--yes", "--no-input")[1]
    aws.answers["DescribeStacks"] = [MISSING, described()]
    code, said = deploy("--yes", "--token-later")
    assert (code, "i2v a2e-token set" in said) == (0, True), said


def test_few_concurrent_executions_are_a_note(aws: FakeAws, deploy: Deploy) -> None:
    aws.answers["GetAccountSettings"] = {"AccountLimit": {"ConcurrentExecutions": 10}}
    code, said = deploy("--yes")
    assert code == 0
    assert "L-B99A9384" in said


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        ("GetCallerIdentity", "Nothing was changed"),
        ("DescribeChangeSet", "nothing was deployed"),
        ("ExecuteChangeSet", "CloudFormation goes on by itself"),
        ("PutSecretValue", "The stack is deployed"),
    ],
)
def test_an_interrupt_says_what_state_things_are_in(
    aws: FakeAws,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: Any,
    operation: str,
    sentence: str,
) -> None:
    monkeypatch.setenv("A2E_TOKEN", "sk_test")
    aws.answers[operation] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        Deployment(Options(yes=True)).run()
    assert sentence in capsys.readouterr().err.splitlines()[-1]


def test_a_replaced_table_is_pointed_out(
    aws: FakeAws, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced = change("Modify", "TasksTable", "AWS::DynamoDB::Table", "True")
    aws.answers["DescribeChangeSet"]["Changes"] = [replaced]
    assert "A table or bucket is replaced" in deploy("--yes")[1]
