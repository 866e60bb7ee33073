"""The whole application on this machine: the real template, handlers and workflow file."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from i2v.emulator import Emulator
from i2v.simulator.settings import SimulatorSettings
from i2v.stack import LocalStack, running_stack

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

    def end_of(self, task_id: str, patience: float = 60) -> dict[str, Any]:
        """The task once it has ended."""
        deadline = time.monotonic() + patience
        with self.api() as api:
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
