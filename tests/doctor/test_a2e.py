"""Findings about A2E: the secret, the way, the token, the coins."""

from typing import Any

import httpx
import pytest

from i2v.doctor import a2e
from i2v.doctor.examined import Examined
from tests.doctor.conftest import Aws, Refused, Web, found, resources, says

TOKEN = "sk_" + "CANARY"
BALANCE = ("GET", "/api/v1/user/remainingCoins")


@pytest.fixture(autouse=True)
def _secrets(aws: Aws) -> None:
    kind = "AWS::SecretsManager::Secret"
    aws.answers["ListStackResources"] = resources(
        ("A2ETokenSecret", kind, "token"),
        ("CursorKey", kind, "cursor"),
        ("Api", "AWS::Lambda::Function", "api"),
    )
    aws.answers["GetFunctionConfiguration"] = {
        "FunctionName": "api",
        "Environment": {
            "Variables": {"A2E_URL": "https://a2e.example", "A2E_TOKEN_SECRET": "token"}
        },
    }
    holds(aws, TOKEN)


def holds(aws: Aws, token: str, cursor: str = "k" * 64) -> None:
    aws.answers["GetSecretValue"] = lambda asked: {
        "SecretString": token if asked["SecretId"] == "token" else cursor
    }


def test_both_are_set(stack: Examined) -> None:
    assert [level for level, _ in found(a2e.secrets(stack))] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("token", "cursor", "words"),
    [
        (" ", "k", "the secret A2ETokenSecret is empty"),
        ("not set yet", "k", "holds no token of A2E's"),
        (TOKEN, "", "the secret CursorKey is empty"),
    ],
)
def test_a_secret_that_is_not_set(
    aws: Aws, stack: Examined, token: str, cursor: str, words: str
) -> None:
    holds(aws, token, cursor)
    assert says(a2e.secrets(stack), "problem", words)
    assert "CANARY" not in str(found(a2e.secrets(stack)))


def test_a_secret_without_a_value(aws: Aws, stack: Examined) -> None:
    aws.answers["GetSecretValue"] = Refused("ResourceNotFoundException")
    assert says(a2e.secrets(stack), "problem", "has no value")
    assert says(a2e.a2e_account(stack), "skipped", "was not asked")


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [
        ({"code": 0, "data": {"coins": 500}}, "ok", "500 coins are left"),
        ({"code": 0, "data": {"coins": 3}}, "problem", "3 coins left"),
        ({"code": 0, "data": {"balance": 3}}, "ok", "does not tell the coins"),
        ({"code": 401, "msg": "invalid token"}, "problem", "A2E refuses the token"),
        ({"code": 429}, "warning", "asked too often"),
        ({"hello": "world"}, "problem", "did not tell the balance"),
    ],
)
def test_what_a2e_answers(
    web: Web, stack: Examined, answer: dict[str, Any], level: str, words: str
) -> None:
    web.answers[BALANCE] = httpx.Response(200, json=answer)
    assert says(a2e.a2e_account(stack), level, words)
    assert str(web.asked[0].url) == "https://a2e.example/api/v1/user/remainingCoins"
    assert web.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_a2e_is_down(web: Web, stack: Examined) -> None:
    web.answers[BALANCE] = httpx.ConnectError("refused")
    assert says(a2e.a2e_account(stack), "problem", "cannot be reached from here at https://a2e")
    web.answers[BALANCE] = httpx.Response(503, text="<html>")
    assert says(a2e.a2e_account(stack), "problem", "did not tell the balance")


def test_what_cannot_be_sent_is_not_sent(aws: Aws, web: Web, stack: Examined) -> None:
    holds(aws, "two words")
    assert says(a2e.a2e_account(stack), "skipped", "there is no token to ask with")
    assert not web.asked
