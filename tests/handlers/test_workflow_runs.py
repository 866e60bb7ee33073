"""The state machine run by an interpreter, with the real handlers as its steps.

Waits pass at once and move the clock, so a day of polling takes a moment. The generator is
scripted; everything else is real, over moto.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import yaml
from image_to_video.domain.errors import GeneratorUnavailableError, StartUnconfirmedError
from image_to_video.domain.executions import execution_name
from image_to_video.domain.generator import Failed, Ready, Running, Started
from image_to_video.domain.task import FailureCode
from moto.core.config import default_user_config
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

import functions.api.app as api
import functions.poll_task.app as poll_task
import functions.store_video.app as store_video
from tests.conftest import (
    ACCOUNT,
    PROJECT,
    REGION,
    Application,
    Clock,
    ResultHost,
    ScriptedGenerator,
)
from tests.handlers.conftest import invoke, sample
from tests.support.patience import PATIENCE, until

RESULT = Ready("completed", "https://results.example.com/video.mp4")


@dataclass
class Interpreter:
    """The deployed machine; it holds still until a task's creation has been answered."""

    application: Application
    clock: Clock
    opened: Event = field(default_factory=Event)
    waits: list[int] = field(default_factory=list)
    retries: list[float] = field(default_factory=list)
    # What the next invocations of a function do instead of its handler.
    troubles: dict[str, list[Exception]] = field(default_factory=dict)
    invocations: Counter[str] = field(default_factory=Counter)

    def wait(self, seconds: int) -> None:
        assert self.opened.wait(PATIENCE)
        self.waits.append(seconds)
        self.clock.advance(seconds)

    def wait_before_retry(self, seconds: float) -> None:
        self.retries.append(seconds)
        self.clock.advance(seconds)

    def invoke_function(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Answer as the Lambda service would, also for a handler that raises."""
        name = parameters["FunctionName"].rpartition(":")[2]
        handler = {"PollTask": poll_task.handler, "StoreVideo": store_video.handler}[name]
        self.invocations[name] += 1
        if self.troubles.get(name):
            return _unhandled(self.troubles[name].pop(0))
        try:
            payload = invoke(handler, json.loads(parameters["Payload"]))
        except Exception as error:  # noqa: BLE001 - Lambda tells the caller of every error
            return _unhandled(error)
        return {"StatusCode": 200, "Payload": payload}

    def run(self) -> dict[str, Any]:
        """Create the sample task, let its workflow run to the end; the task as REST shows it."""
        created = json.loads(invoke(api.handler, sample("api/create_task"))["body"])
        self.opened.set()
        execution = execution_name(
            created["task_id"], datetime.fromisoformat(created["created_at"])
        )
        assert self._ended(execution) == "SUCCEEDED"
        event = sample("api/get_task") | {"path": f"/{created['links']['self']}"}
        shown: dict[str, Any] = json.loads(invoke(api.handler, event)["body"])
        return shown

    def _ended(self, execution: str) -> str:
        machine = self.application.environment["STATE_MACHINE_ARN"]
        arn = f"{machine.replace(':stateMachine:', ':execution:')}:{execution}"
        client = self.application.client("stepfunctions")

        def ended() -> str:
            status: str = client.describe_execution(executionArn=arn)["status"]
            return status if status != "RUNNING" else ""

        return until(ended, pause=0.01)


def _unhandled(error: Exception) -> dict[str, Any]:
    reported = {"errorType": type(error).__name__, "errorMessage": str(error)}
    return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": reported}


@pytest.fixture
def interpreter(
    deployed: Application,
    clock: Clock,
    guarded_result_host: ResultHost,
    monkeypatch: pytest.MonkeyPatch,
) -> Interpreter:
    text = (PROJECT / "functions" / "generate_video.asl.yaml").read_text()
    text = text.replace("${Partition}", "aws")
    for name in ("PollTask", "StoreVideo"):
        text = text.replace(
            f"${{{name}FunctionArn}}", f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
        )
    monkeypatch.setitem(default_user_config, "stepfunctions", {"execute_state_machine": True})
    # Moto's interpreter has machines of its own.
    stepfunctions_parser_backends[ACCOUNT][REGION].reset()
    made = deployed.client("stepfunctions").create_state_machine(
        name="image-to-video-generate-video",
        definition=json.dumps(yaml.safe_load(text)),
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/workflow",
    )
    assert made["stateMachineArn"] == deployed.environment["STATE_MACHINE_ARN"]
    interpreter = Interpreter(deployed, clock)

    def wait(self: WaitFunction, env: Any, wait_seconds: int) -> None:
        interpreter.wait(wait_seconds)

    def invoke_function(parameters: dict[str, Any], **_: Any) -> dict[str, Any]:
        return interpreter.invoke_function(parameters)

    monkeypatch.setattr(WaitFunction, "_wait_interval", wait)
    monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=interpreter.wait_before_retry))
    monkeypatch.setattr(lambda_eval_utils, "_invoke_lambda_function", invoke_function)
    return interpreter


def test_the_happy_route(
    interpreter: Interpreter,
    generator: ScriptedGenerator,
    guarded_result_host: ResultHost,
    clip: bytes,
) -> None:
    generator.answers = [Running("initialized"), Running("processing"), RESULT]

    task = interpreter.run()

    assert task["status"] == "succeeded"
    assert task["video"]["bytes"] == len(clip)
    assert not task["late"]
    assert len(generator.requests) == 1
    assert generator.checked == ["gen-000001"] * 3
    assert interpreter.waits == [20, 10, 10]
    assert interpreter.invocations == {"PollTask": 3, "StoreVideo": 1}
    assert interpreter.retries == []


def test_the_slow_route_is_late_and_polls_less_and_less_often(
    interpreter: Interpreter, generator: ScriptedGenerator
) -> None:
    generator.answers = [*([Running("processing")] * 60), RESULT]

    task = interpreter.run()

    assert (task["status"], task["late"]) == ("succeeded", True)
    assert len(generator.requests) == 1
    assert len(generator.checked) == 61
    # The template's 0=10,180=20,600=60 after a first poll at 20 s.
    assert interpreter.waits == [20] + [10] * 16 + [20] * 21 + [60] * 23


def test_the_refused_route(
    interpreter: Interpreter, generator: ScriptedGenerator, guarded_result_host: ResultHost
) -> None:
    generator.answers = [
        Running("processing"),
        Failed("failed", FailureCode.CONTENT_REFUSED, "not this picture"),
    ]

    task = interpreter.run()

    assert task["status"] == "failed"
    assert task["failure"] == {"code": "content_refused", "message": "not this picture"}
    assert len(generator.requests) == 1
    assert not guarded_result_host.fetched
    assert interpreter.invocations == {"PollTask": 2}


def test_the_route_through_trouble(
    interpreter: Interpreter,
    generator: ScriptedGenerator,
    guarded_result_host: ResultHost,
    clip: bytes,
) -> None:
    generator.answers = [GeneratorUnavailableError("no answer"), RESULT]
    interpreter.troubles = {
        # One more than is retried: the step is given up, and the task is not.
        "PollTask": [RuntimeError("throttled")] * 4,
        "StoreVideo": [RuntimeError("out of memory")],
    }
    guarded_result_host.answers = [httpx.Response(404), httpx.Response(200, content=clip)]

    task = interpreter.run()

    assert task["status"] == "succeeded"
    assert len(generator.requests) == 1
    # Three polls: without an answer, ready, and once more because the first link was dead.
    assert len(generator.checked) == 3
    assert interpreter.invocations == {"PollTask": 4 + 3, "StoreVideo": 1 + 2}
    assert interpreter.retries == [2, 4, 8, 5]
    assert 60 in interpreter.waits
    assert len(guarded_result_host.fetched) == 2


def test_the_route_of_a_start_whose_answer_was_lost(
    interpreter: Interpreter, generator: ScriptedGenerator
) -> None:
    generator.starts = [StartUnconfirmedError("read timeout")]
    generator.finds = [None, None, Started("gen-lost01", 30)]
    generator.answers = [RESULT]

    task = interpreter.run()

    assert (task["status"], task["coins"]) == ("succeeded", 30)
    assert len(generator.requests) == 1
    assert generator.found == [f"{task['task_id']}-1"] * 3
    assert generator.checked == ["gen-lost01"]


def test_a_step_that_answers_an_unknown_phase_is_asked_again_later(
    interpreter: Interpreter, generator: ScriptedGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator.answers = [RESULT]
    real: Callable[..., Any] = interpreter.invoke_function
    odd = [{"StatusCode": 200, "Payload": {"phase": "sideways", "wait_seconds": 0}}]
    monkeypatch.setattr(
        interpreter,
        "invoke_function",
        lambda parameters: odd.pop() if odd else real(parameters),
    )

    assert interpreter.run()["status"] == "succeeded"
    assert interpreter.waits[:2] == [20, 60]
