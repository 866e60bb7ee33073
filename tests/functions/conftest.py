"""What the handlers need beside a deployed stack: sample events, a context, the scripted A2E."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from image_to_video import wiring

from tests.conftest import ACCOUNT, PROJECT, REGION, Application, Clock, ScriptedGenerator


def sample(case: str) -> dict[str, Any]:
    """The sample event `<function>/<case>`, a fresh one for each call."""
    event: dict[str, Any] = json.loads((PROJECT / "events" / f"{case}.json").read_text("utf-8"))
    return event


@dataclass(frozen=True)
class Context:
    """As much of Lambda's context as handlers and Powertools read."""

    function_name: str = "function-under-test"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:function-under-test"
    aws_request_id: str = "8f507cfc-6c2e-4f6b-9b0e-2f3a4b5c6d7e"


def invoke(handler: Callable[[Any, Any], Any], event: dict[str, Any]) -> Any:
    """What Lambda makes of the handler's answer: JSON, or an error."""
    return json.loads(json.dumps(handler(event, Context())))


@pytest.fixture
def deployed(
    application: Application,
    clock: Clock,
    generator: ScriptedGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> Application:
    """The stack in moto; its functions tell the time by `clock` and start at `generator`."""
    monkeypatch.setattr(wiring, "now", clock)
    monkeypatch.setattr(wiring, "_generator", lambda config: generator)
    return application
