"""`i2v deploy`: what it asks, what it does, and what it leaves alone."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import typer

from i2v.deploy.deployment import Deployment, Options
from i2v.deploy.parameters import defaults, project_template
from i2v.deploy.values import in_videos
from tests.deploy.conftest import ARN, MISSING, Balance, Deploy, change, described
from tests.support.fake_aws import FakeAws


def test_a_first_deployment_does_everything_unattended(
    aws: FakeAws, deploy: Deploy, ran: Callable[..., list[list[str]]]
) -> None:
    code, said = deploy("--yes", "--parameter", 'DefaultPrompt=She says "hi", slowly')
    assert code == 0, said
    build, made = ran()
    assert build[:1] == ["build"]
    assert {"--no-execute-changeset", "--no-fail-on-empty-changeset"} <= set(made)
    overrides = json.loads(made[made.index("--parameter-overrides") + 1])
    assert len(overrides.pop("Revision")) == 10
    assert overrides == {"DefaultPrompt": 'She says "hi", slowly'}
    assert aws.arguments("ExecuteChangeSet")["ChangeSetName"] == ARN
    put = aws.arguments("PutSecretValue")
    assert put == {"SecretId": "the-A2ETokenSecretArn", "SecretString": "sk_test"}
    assert aws.arguments("UpdateTerminationProtection")["EnableTerminationProtection"] is True
    assert aws.arguments("UpdateTable")["DeletionProtectionEnabled"] is True
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
    overrides = json.loads(ran()[1][ran()[1].index("--parameter-overrides") + 1])
    assert overrides.pop("Revision")
    assert overrides == {"OverdueSeconds": ""}
    assert "PutSecretValue" not in aws.operations


def test_the_same_code_and_values_are_the_same_revision(
    aws: FakeAws, deploy: Deploy, ran: Callable[..., list[list[str]]]
) -> None:
    code, said = deploy("--yes", "--parameter", "AlarmEmail=a@example.com")
    assert code == 0, said
    revision = json.loads(ran()[1][ran()[1].index("--parameter-overrides") + 1])["Revision"]
    everything = defaults(project_template()) | {"AlarmEmail": "a@example.com"}
    aws.answers["DescribeStacks"] = described(**everything | {"Revision": revision})
    aws.answers["GetSecretValue"] = {"SecretString": "sk_test"}
    code, said = deploy("--yes")
    assert code == 0, said
    assert "--parameter-overrides" not in ran()[-1]


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
    assert overrides.pop("Revision")
    assert overrides == {"AlarmEmail": "ops@example.com", "SetApiGatewayLogRole": "true"}
    assert aws.arguments("PutSecretValue")["SecretString"] == "sk_typed"


def test_a_limit_is_told_in_videos() -> None:
    assert in_videos("3000") == "100 videos of 5 seconds a day"
    assert in_videos("0") == "no limit"


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
