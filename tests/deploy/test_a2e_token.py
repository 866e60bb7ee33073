"""`i2v a2e-token`: where a token may come from, and that a wrong one is not put."""

import io
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from botocore.client import BaseClient

from i2v.main import run_command
from tests.support.fake_aws import FakeAws, refusal

NO_VALUE = refusal("ResourceNotFoundException", "can't find the specified secret value")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    stack: dict[str, Any] = {
        "StackStatus": "CREATE_COMPLETE",
        "Description": "image-to-video: a stack",
        "Parameters": [{"ParameterKey": "A2EUrl", "ParameterValue": "https://a2e.example"}],
        "Outputs": [{"OutputKey": "A2ETokenSecretArn", "OutputValue": "the-secret"}],
    }
    fake = FakeAws(
        {
            "DescribeStacks": {"Stacks": [stack]},
            "PutSecretValue": {},
            "GetSecretValue": {"SecretString": "sk_kept"},
        }
    )
    # A function, so that it is bound to the client.
    monkeypatch.setattr(BaseClient, "_make_api_call", lambda *given: fake(*given))  # noqa: PLW0108
    return fake


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[int, str]]:
    """Runs a command; A2E accepts every token but sk_wrong."""

    def get(url: str, headers: dict[str, str], **_: Any) -> httpx.Response:
        assert url.startswith("https://a2e.example/")
        is_wrong = headers["Authorization"].endswith("sk_wrong")
        body = {"code": 401} if is_wrong else {"code": 0, "data": {"coins": 1500}}
        return httpx.Response(200, json=body)

    monkeypatch.setattr(httpx, "get", get)

    def command(name: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["i2v", "a2e-token", name])
        with pytest.raises(SystemExit) as caught:
            run_command()
        return int(caught.value.code or 0), capsys.readouterr().err

    return command


type Run = Callable[[str], tuple[int, str]]


def test_a_token_comes_from_a_variable(
    aws: FakeAws, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A2E_TOKEN", "sk_new")
    code, said = run("set")
    assert code == 0, said
    assert "1,500 coins" in said
    assert "sk_new" not in said
    put = aws.arguments("PutSecretValue")
    assert put == {"SecretId": "the-secret", "SecretString": "sk_new"}


@pytest.mark.parametrize(
    ("piped", "code", "sentence"),
    [
        ("sk_piped\n", 0, "The token is set"),
        ("\n", 1, "No token was given"),
        ("sk_wrong\n", 1, "A2E refuses the token"),
        ("two words\n", 1, "is not a token"),
    ],
)
def test_a_token_comes_from_a_pipe_and_is_put_only_where_a2e_accepts_it(
    aws: FakeAws,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    piped: str,
    code: int,
    sentence: str,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(piped))
    ended, said = run("set")
    assert (ended, sentence in said) == (code, True), said
    assert ("PutSecretValue" in aws.operations) is (code == 0)


def test_the_token_that_is_there_is_checked(aws: FakeAws, run: Run) -> None:
    assert run("check") == (0, "A2E accepts the token; the balance is 1,500 coins.\n")
    aws.answers["GetSecretValue"] = NO_VALUE
    code, said = run("check")
    assert (code, "i2v a2e-token set" in said) == (1, True)


def test_a_stack_that_is_not_there_is_named(aws: FakeAws, run: Run) -> None:
    aws.answers["DescribeStacks"] = refusal("ValidationError", "Stack does not exist")
    assert "There is no deployed stack image-to-video here" in run("check")[1].replace("\n", " ")
