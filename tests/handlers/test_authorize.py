"""The authorizer: who is let in, and as whom."""

import json
from datetime import timedelta
from typing import Any

import pytest
from image_to_video.adapters.token_table import TokenTable
from image_to_video.domain.errors import UnauthorizedError

import functions.authorize.app as authorize
from tests.conftest import Application, Clock
from tests.handlers.conftest import invoke, sample


@pytest.fixture(autouse=True)
def _clock(deployed: Application, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorize, "now", clock)


def make_token(deployed: Application, clock: Clock, **arguments: Any) -> str:
    table = TokenTable(deployed.table("TOKENS_TABLE"))
    return table.create(owner="ada", name="laptop", now=clock(), **arguments)


def ask(authorization: str) -> Any:
    event = sample("authorize/bearer_token") | {"authorizationToken": authorization}
    return invoke(authorize.handler, event)


def effect(policy: Any) -> str:
    statements = policy["policyDocument"]["Statement"]
    assert len({statement["Effect"] for statement in statements}) == 1
    return str(statements[0]["Effect"])


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_good_token_becomes_its_owner(deployed: Application, clock: Clock, scheme: str) -> None:
    policy = ask(f"{scheme} {make_token(deployed, clock)}")

    assert policy["principalId"] == "ada"
    assert policy["context"] == {"owner": "ada", "owner_in_json": "ada"}
    assert effect(policy) == "Allow"


def test_an_owner_with_quotation_marks_stays_one_text_of_the_access_log(
    deployed: Application, clock: Clock
) -> None:
    owner = 'a"b\\c\N{SNOWMAN}'
    table = TokenTable(deployed.table("TOKENS_TABLE"))
    context = ask(f"Bearer {table.create(owner=owner, name='laptop', now=clock())}")["context"]

    assert context["owner"] == owner
    assert json.loads(f'"{context["owner_in_json"]}"') == owner
    assert context["owner_in_json"].isascii()


def test_a_test_token_is_told_by_another_name(deployed: Application, clock: Clock) -> None:
    """Where a release without test mode finds no owner, so that it starts and pays nothing."""
    token = make_token(deployed, clock, test=True)
    policy = ask(f"Bearer {token}")

    assert token.startswith("i2v_test_")
    assert policy["context"] == {"test_owner": "ada", "test_owner_in_json": "ada"}
    assert effect(policy) == "Allow"


def test_the_policy_fits_every_route_because_the_gateway_keeps_it(
    deployed: Application, clock: Clock
) -> None:
    policy = ask(f"Bearer {make_token(deployed, clock)}")

    (statement,) = policy["policyDocument"]["Statement"]
    assert statement["Action"] == "execute-api:Invoke"
    assert statement["Resource"] == ["arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/v1/*/*"]


@pytest.mark.parametrize(
    "authorization",
    [
        *("", "Bearer", "Bearer ", "Bearer i2v_", "Bearer i2v_unknown", "Basic i2v_unknown"),
        *("i2v_unknown", "Bearer sk_unknown", "Bearer i2v_ümlaut", "Bearer  i2v_unknown"),
        *("Bearer i2v_" + "x" * 43, "Bearer i2v_" + "x" * 9000, "Bearer i2v_\ud800", "\x00"),
    ],
)
def test_a_token_never_made_here_is_unauthorized(authorization: str) -> None:
    # API Gateway answers 401 to exactly this text.
    with pytest.raises(UnauthorizedError, match=r"^Unauthorized$"):
        ask(authorization)


def test_the_sample_opens_no_stack() -> None:
    with pytest.raises(UnauthorizedError):
        invoke(authorize.handler, sample("authorize/bearer_token"))


def test_a_token_with_a_tail_is_another_token(deployed: Application, clock: Clock) -> None:
    with pytest.raises(UnauthorizedError):
        ask(f"Bearer {make_token(deployed, clock)} ")


def test_a_token_is_denied_from_the_moment_it_expires(deployed: Application, clock: Clock) -> None:
    token = make_token(deployed, clock, expires_at=clock() + timedelta(seconds=60))

    clock.advance(59.9)
    assert effect(ask(f"Bearer {token}")) == "Allow"
    clock.advance(0.1)
    assert effect(ask(f"Bearer {token}")) == "Deny"


def test_a_revoked_token_is_denied_at_once(deployed: Application, clock: Clock) -> None:
    """What API Gateway keeps of an older answer ends after the template's ReauthorizeEvery."""
    tokens = TokenTable(deployed.table("TOKENS_TABLE"))
    token, other = make_token(deployed, clock), make_token(deployed, clock)
    assert effect(ask(f"Bearer {token}")) == "Allow"

    (record,) = tokens.find(token)
    tokens.revoke(record, clock())

    assert effect(ask(f"Bearer {token}")) == "Deny"
    assert effect(ask(f"Bearer {other}")) == "Allow"


@pytest.mark.parametrize("path", ["", "/", "/tasks/a:b", "/tasks/%3A%2F", "/tasks/ä/*", "/a/b/c/d"])
def test_whatever_path_was_asked_the_policy_is_the_same(
    deployed: Application, clock: Clock, path: str
) -> None:
    event = sample("authorize/bearer_token")
    stage, _, _ = event["methodArn"].partition("/GET/")
    event |= {
        "authorizationToken": f"Bearer {make_token(deployed, clock)}",
        "methodArn": f"{stage}/GET{path}",
    }

    (statement,) = invoke(authorize.handler, event)["policyDocument"]["Statement"]

    assert statement["Resource"] == [f"{stage}/*/*"]


def test_the_token_itself_is_kept_nowhere(
    deployed: Application, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    token = make_token(deployed, clock)
    policy = ask(f"Bearer {token}")

    stored = deployed.table("TOKENS_TABLE").scan()["Items"]
    assert token not in f"{stored} {policy} {capsys.readouterr()}"
