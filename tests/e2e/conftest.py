"""The whole application on this machine: the real template, handlers and workflow file."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

import i2v.stack
from i2v.emulator import Emulator, running_emulator
from i2v.simulator.settings import SimulatorSettings
from i2v.stack import LocalStack, running_stack
from tests.support.log_scan import leaks

FINAL = {"succeeded", "failed", "canceled"}


@dataclass
class Running:
    """A deployed stack and ways to talk to it."""

    stack: LocalStack
    emulator: Emulator

    def api(self, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token or self.stack.token}"}
        return httpx.Client(base_url=self.stack.api_url, headers=headers, timeout=60)

    @property
    def sample_url(self) -> str:
        return f"{self.stack.a2e_url}/_simulator/sample.png"

    def ledger(self) -> list[dict[str, Any]]:
        charges: list[dict[str, Any]] = httpx.get(f"{self.stack.a2e_url}/_simulator/ledger").json()
        return charges

    def end_of(
        self, task_id: str, patience: float = 60, *, token: str | None = None
    ) -> dict[str, Any]:
        """The task once it has ended."""
        deadline = time.monotonic() + patience
        with self.api(token) as api:
            while time.monotonic() < deadline:
                task: dict[str, Any] = api.get(f"/tasks/{task_id}").json()
                if task["status"] in FINAL:
                    return task
                time.sleep(0.2)
        raise AssertionError(f"still open after {patience} s: {task}")


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    simulator = SimulatorSettings(generation_seconds=1.5)
    with running_stack(simulator=simulator) as (stack, emulator):
        yield Running(stack, emulator)


@pytest.fixture(scope="session", autouse=True)
def _no_secrets_in_the_logs() -> Iterator[None]:
    """Whatever ran in an emulator, its functions' logs are read through before it ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(i2v.stack, "running_emulator", _watched_emulator)
        yield


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
