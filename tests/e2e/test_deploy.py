"""`i2v deploy --local`: a second stack on an emulator that runs, as on AWS, and a task in it."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from i2v import a2e_token, deployed
from i2v.deploy import local
from i2v.main import run_command
from tests.e2e.conftest import Running, logged
from tests.support.log_scan import leaks

STACK = "image-to-video-trial"

type Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(
    running: Running,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Command]:
    """Runs `i2v ...` beside `make up`, and deletes the second stack at the end."""
    stack_file = tmp_path / "stack.json"
    stack_file.write_text(json.dumps(asdict(running.stack)))
    for module in (deployed, a2e_token, local):
        monkeypatch.setattr(module, "STACK_FILE", stack_file)
    monkeypatch.setenv("COLUMNS", "500")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["i2v", *arguments, "--local"])
        with pytest.raises(SystemExit) as caught:
            run_command()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    yield run
    # What its functions logged goes with it.
    assert not list(leaks(logged(running.emulator)))
    cloudformation = running.emulator.client("cloudformation")
    cloudformation.update_termination_protection(StackName=STACK, EnableTerminationProtection=False)
    cloudformation.delete_stack(StackName=STACK)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK)


def test_a_stack_is_deployed_makes_a_video_and_is_deployed_again(
    running: Running, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running.api() as api:
        assert api.get("/tasks").status_code == 200
    code, _, said = command("deploy", "--yes")
    assert code == 0, said
    assert f"{STACK} is deployed" in said
    where = json.loads((tmp_path / "stacks" / f"{STACK}.json").read_text())

    code, token, said = command("token", "create", "--owner", "anna", "--stack-name", STACK)
    assert code == 0, said
    trial = Running(
        running.stack.__class__(**asdict(running.stack) | {"api_url": where["ApiUrl"]}),
        running.emulator,
    )
    with trial.api(token.strip()) as api:
        created = api.post("/tasks", json={"image_url": running.sample_url})
    assert created.status_code == 202, created.text
    task = trial.end_of(created.json()["task_id"], token=token.strip())
    assert task["status"] == "succeeded"

    code, _, said = command("deploy", "--yes")
    assert code == 0, said
    # The gateway is published anew each time, because its own answers are a part of that.
    listed = re.findall(r"^  (?:creates|removes) +(.*)", said, re.M)
    assert all(name.startswith("ApiDeployment") for names in listed for name in names.split(", "))

    # A new token is checked before it is put, and no deployment writes over it.
    name = ("--stack-name", STACK)
    assert "A2E accepts the token; the balance is" in command("a2e-token", "check", *name)[2]
    monkeypatch.setenv("A2E_TOKEN", "sk_wrong")
    assert "A2E refuses the token" in command("a2e-token", "set", *name)[2]
    kept = running.emulator.client("secretsmanager").get_secret_value(
        SecretId=where["A2ETokenSecretArn"]
    )
    assert kept["SecretString"] != "sk_wrong"
    code, _, said = command("deploy", "--yes", "--parameter", "EventsEmail=anna@example.com")
    assert code == 0, said
    assert "EventsEmailSubscription" in said
    assert "A2E accepts the token" in command("a2e-token", "check", *name)[2]
