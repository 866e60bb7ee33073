"""What handlers need as well as a deployed stack: sample events, a context, an outside world."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import httpx
import pytest
from botocore.client import BaseClient
from image_to_video import wiring
from image_to_video.adapters import safe_download
from image_to_video.adapters.safe_download import GuardedTransport

import functions.reconcile_coins.app as reconcile_coins
from tests.conftest import (
    ACCOUNT,
    PROJECT,
    REGION,
    Application,
    Clock,
    ResultHost,
    ScriptedGenerator,
)


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
def configured(
    environment: dict[str, str],
    clock: Clock,
    generator: ScriptedGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Functions with their settings; they tell the time by `clock` and start at `generator`."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(wiring, "now", clock)
    monkeypatch.setattr(reconcile_coins, "now", clock)
    monkeypatch.setattr(wiring, "generator", lambda config: generator)


@pytest.fixture
def without_aws(configured: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions with nothing behind them: any call of AWS fails the test."""

    def call(client: BaseClient, operation: str, parameters: dict[str, Any]) -> None:
        raise AssertionError(f"{operation} was called")

    monkeypatch.setattr(BaseClient, "_make_api_call", call)


@pytest.fixture
def deployed(configured: None, application: Application) -> Application:
    """The stack in moto, and functions that use it."""
    return application


@pytest.fixture
def guarded_result_host(
    deployed: Application, result_host: ResultHost, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ResultHost]:
    """The host of the finished videos, as functions reach it: behind the real guard."""
    clients = []

    def guarded_client(*, permit_loopback: bool) -> httpx.Client:
        transport = GuardedTransport(
            httpx.MockTransport(result_host),
            permit_loopback=permit_loopback,
            resolve=lambda name, port: [ip_address("93.184.216.34")],
        )
        clients.append(httpx.Client(transport=transport))
        return clients[-1]

    monkeypatch.setattr(safe_download, "guarded_client", guarded_client)
    yield result_host
    for client in clients:
        client.close()


TASK_ID: str = sample("poll_task/step")["task_id"]


def stored_task(application: Application) -> dict[str, Any]:
    """The record of the sample task."""
    reply = application.table("TASKS_TABLE").get_item(Key={"task_id": TASK_ID})
    record: dict[str, Any] = reply["Item"]
    return record


def put_task(application: Application, case: str) -> None:
    """Store the sample task as it is after the change that the stream's sample tells of."""
    image = sample(f"publish_events/{case}")["Records"][0]["dynamodb"]["NewImage"]
    table = application.environment["TASKS_TABLE"]
    application.client("dynamodb").put_item(TableName=table, Item=image)
