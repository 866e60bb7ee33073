"""`i2v deploy` with AWS and SAM at their boundaries."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.client import BaseClient

from i2v.deploy import sam
from i2v.main import run_command
from tests.support.fake_aws import FakeAws, refusal

ARN = "arn:aws:cloudformation:eu-central-1:123456789012:changeSet/samcli-deploy1/0a1b"
MISSING = refusal("ValidationError", "Stack with id image-to-video does not exist")
OUTPUTS = (
    *("ApiUrl", "ImagesBucketName", "VideosBucketName", "TaskEventsTopicArn"),
    *("A2ETokenSecretArn", "RedriveTaskFunctionName", "TasksTableName", "TokensTableName"),
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
            "UpdateTable": {},
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
