"""`i2v token` against the running stack: made, listed, revoked, and what the API says to each."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from image_to_video.adapters.token_table import TokenTable

from i2v import deployed
from i2v.main import run_command
from tests.e2e.conftest import Running
from tests.support.patience import let_pass

type Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module", autouse=True)
def _short_memory(running: Running) -> Iterator[None]:
    """API Gateway remembers the authorizer's answers for a second instead of the stated minute."""
    gateway = running.emulator.client("apigateway")
    api_id = running.stack.api_url.split("/")[-2]
    [authorizer] = gateway.get_authorizers(restApiId=api_id)["items"]
    assert authorizer["authorizerResultTtlInSeconds"] == 60

    def remember(seconds: str) -> None:
        change = {"op": "replace", "path": "/authorizerResultTtlInSeconds", "value": seconds}
        gateway.update_authorizer(
            restApiId=api_id, authorizerId=authorizer["id"], patchOperations=[change]
        )

    remember("1")
    yield
    remember("60")


@pytest.fixture
def token(
    running: Running,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """Runs `i2v token ...` against this stack: exit code, output, and what was said besides."""
    stack_file = tmp_path / "stack.json"
    stack_file.write_text(json.dumps(asdict(running.stack)))
    monkeypatch.setattr(deployed, "STACK_FILE", stack_file)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["i2v", "token", *arguments, "--local"])
        with pytest.raises(SystemExit) as caught:
            run_command()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return run


def test_a_token_s_life(running: Running, token: Command) -> None:
    code, out, _ = token("create", "--owner", "grace", "--name", "lap[top]", "--days", "30")
    assert code == 0
    secret = out.strip()
    with running.api(secret) as api:
        assert api.get("/tasks").status_code == 200

    code, out, _ = token("list", "--owner", "grace", "--json")
    [shown] = json.loads(out)
    assert (code, shown["owner"], shown["name"], shown["revoked_at"]) == (
        0,
        "grace",
        "lap[top]",
        None,
    )
    lives = datetime.fromisoformat(shown["expires_at"]) - datetime.fromisoformat(
        shown["created_at"]
    )
    assert lives == timedelta(days=30)
    assert secret[4:] not in out

    code, out, _ = token("list")
    assert code == 0
    for word in (shown["id"], "grace", "lap[top]", shown["created_at"], running.stack.owner):
        assert word in out

    code, first, _ = token("revoke", shown["id"])
    assert (code, shown["id"] in first) == (0, True)
    # Whatever API Gateway still remembers, it asks again after the stated time.
    let_pass(1.1)
    with running.api(secret) as api:
        assert api.get("/tasks").status_code == 403
    with running.api() as api:
        assert api.get("/tasks").status_code == 200
    # Once more, by the token itself: nothing changes.
    assert token("revoke", secret) == (0, first, "")


def test_a_test_token_is_made_and_told_from_others(running: Running, token: Command) -> None:
    code, out, _ = token("create", "--owner", "hilda", "--test")
    assert (code, out.startswith("i2v_test_")) == (0, True)
    with running.api(out.strip()) as api:
        assert api.get("/tasks").json()["data"] == []
    assert token("create", "--owner", "hilda")[0] == 0
    _, out, _ = token("list", "--owner", "hilda", "--json")
    assert [shown["test"] for shown in json.loads(out)] == [True, False]


def test_expired_is_forbidden_and_unknown_is_unauthorized(running: Running) -> None:
    tokens = TokenTable(running.emulator.table(running.stack.tokens_table))
    before = datetime.now(UTC) - timedelta(seconds=1)
    expired = tokens.create(owner="grace", name="old", now=before, expires_at=before)
    for secret, status in ((expired, 403), ("i2v_" + "x" * 43, 401), ("x" * 9000, 401)):
        with running.api(secret) as api:
            assert api.get("/tasks").status_code == status


@pytest.mark.parametrize("header", ["Bearer", "Basic x", "Bearer   x", "Bearer i2v_ü", "x" * 9000])
def test_no_header_is_an_error_of_the_server(running: Running, header: str) -> None:
    with running.api() as api:
        answer = api.get("/tasks", headers={b"Authorization": header.encode()})
    assert answer.status_code == 401


def test_what_cannot_be_is_said_in_one_sentence(running: Running, token: Command) -> None:
    table = running.emulator.table(running.stack.tokens_table)
    for last in "01":
        sha256 = "ab" * 31 + "0" + last
        table.put_item(
            Item={
                "token_sha256": sha256,
                "owner": "b",
                "name": "t",
                "created_at": "2026-11-22T12:00:00Z",
            }
        )
    for arguments, sentence in (
        (("revoke", "0123456789abcdef"), "There is no such token"),
        (("revoke", "x"), "There is no such token"),
        (("revoke", "abababab"), "Several tokens begin with that"),
        (("create", "--owner", "a/b"), "An owner is one segment"),
        (("create", "--owner", "an\nna"), "An owner is one segment"),
        (("create", "--owner", "anna", "--name", ""), "A token's name"),
    ):
        code, out, err = token(*arguments)
        assert (code, out) == (1, "")
        assert sentence in err
        assert err.startswith("error:")
        assert "Traceback" not in err
