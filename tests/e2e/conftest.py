"""The whole application on this machine: the real template, handlers and workflow file."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

import i2v.stack
from i2v.emulator import Emulator, running_emulator
from i2v.simulator.renderer import Render
from i2v.simulator.server import running_simulator
from i2v.simulator.settings import SimulatorSettings
from i2v.simulator.video import render_video
from i2v.stack import LocalStack, running_stack
from tests.support.log_scan import leaks
from tests.support.patience import PATIENCE, get, post, until

FINAL = {"succeeded", "failed", "canceled"}
# Nobody polls, and nobody says that there is something to poll for.
REST = {"FirstPollSeconds": "3600", "HintsUrl": ""}


@dataclass
class Running:
    """A deployed stack and ways to talk to it."""

    stack: LocalStack
    emulator: Emulator

    def api(self, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token or self.stack.token}"}
        return httpx.Client(base_url=self.stack.api_url, headers=headers, timeout=PATIENCE)

    @property
    def sample_url(self) -> str:
        return f"{self.stack.a2e_url}/_simulator/sample.png"

    def ledger(self) -> list[dict[str, Any]]:
        charges: list[dict[str, Any]] = get(f"{self.stack.a2e_url}/_simulator/ledger").json()
        return charges

    def inject(self, *faults: dict[str, Any]) -> None:
        """Order faults from the simulated A2E."""
        answer = post(f"{self.stack.a2e_url}/_simulator/faults", json=faults)
        assert answer.status_code == 200, answer.text

    def end_of(self, task_id: str, *, token: str | None = None) -> dict[str, Any]:
        """The task once it has ended."""
        with self.api(token) as api:

            def ended() -> dict[str, Any] | None:
                task: dict[str, Any] = api.get(f"/tasks/{task_id}").json()
                return task if task["status"] in FINAL else None

            task = until(ended)
        assert task is not None
        return task

    @cached_property
    def functions(self) -> dict[str, str]:
        """The deployed name of each function by its logical id."""
        found = self.emulator.client("lambda").list_functions()["Functions"]
        names = [function["FunctionName"] for function in found]
        return {name.split("-")[-2]: name for name in names if name.count("-") > 1}

    def change(self, function: str, **variables: str) -> dict[str, str]:
        """Change variables of a function, whose containers are new then; what they all were."""
        client, name = self.emulator.client("lambda"), self.functions[function]
        before: dict[str, str] = client.get_function_configuration(FunctionName=name)[
            "Environment"
        ]["Variables"]
        client.update_function_configuration(
            FunctionName=name, Environment={"Variables": before | variables}
        )
        # Callers name the alias: what it has is a version of its own.
        version = client.publish_version(FunctionName=name)["Version"]
        client.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
        return before

    @contextmanager
    def unpolled(self) -> Iterator[None]:
        """Tasks that are created by REST meanwhile rest as they are for an hour."""
        before = self.change("ApiFunction", FIRST_POLL_SECONDS="3600", HINTS_URL="")
        try:
            yield
        finally:
            self.change("ApiFunction", **before)

    def received(self, queue_url: str) -> list[dict[str, Any]]:
        """The next events of a subscriber's queue, which are taken from it."""
        sqs = self.emulator.client("sqs")
        reply = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        messages = reply.get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    """One stack for all files that need nothing special; roles are enforced in it.

    Files that use it stand in tests/support/lanes.py, so that it is started once.
    """
    simulator = SimulatorSettings(generation_seconds=1.5)
    with running_stack(simulator=simulator, enforce_authorization=True) as started:
        yield Running(*started)


@pytest.fixture(scope="session")
def resting() -> Iterator[Running]:
    """A stack in which hundreds of tasks can be created that nobody polls or copies."""
    simulator = SimulatorSettings(generation_seconds=1)
    with running_stack(simulator=simulator, parameters=REST) as started:
        yield Running(*started)


@pytest.fixture(scope="session", autouse=True)
def _watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Functions' logs are read through before an emulator ends; a picture is rendered once."""
    render = _rendered_once(tmp_path_factory.mktemp("videos"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(i2v.stack, "running_emulator", _watched_emulator)
        patch.setattr(i2v.stack, "running_simulator", partial(running_simulator, render=render))
        yield


def _rendered_once(folder: Path) -> Render:
    """Renders as the simulator does, which makes the same video of the same picture each time."""

    async def render(picture: bytes, seconds: int, target: Path) -> None:
        kept = folder / f"{hashlib.sha256(picture).hexdigest()}-{seconds}.mp4"
        if kept.exists():
            shutil.copyfile(kept, target)
        else:
            await render_video(picture, seconds, target)
            shutil.copyfile(target, folder / target.name)
            (folder / target.name).rename(kept)

    return render


@contextmanager
def _watched_emulator(port: int = 0, *, enforce_authorization: bool = False) -> Iterator[Emulator]:
    with running_emulator(port, enforce_authorization=enforce_authorization) as emulator:
        yield emulator
        log = logged(emulator)
        assert "START RequestId" in log, "no function has logged anything: nothing was scanned"
        found = list(leaks(log))
        assert not found, "\n".join(["The log holds secrets:", *dict.fromkeys(found)])


def logged(emulator: Emulator) -> str:
    """All that the functions of this emulator, and the emulator itself, have written."""
    logs, lines = emulator.client("logs"), []
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            for found in logs.get_paginator("filter_log_events").paginate(
                logGroupName=group["logGroupName"]
            ):
                lines += [event["message"] for event in found["events"]]
    folder = Path(psutil.Process(emulator.process.pid).environ()["TMPDIR"])
    return "\n".join([*lines, (folder / "emulator.log").read_text(errors="replace")])
