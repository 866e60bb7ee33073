"""Webhooks: one notification at the end of a task, which nothing else depends on."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.support.patience import let_pass, until
from tests.support.simulation import Simulation


@dataclass
class Receiver:
    """A web server that keeps what it is sent, and answers 500."""

    url: str = ""
    received: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            receiver.received.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(500)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield receiver
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_end_of_a_task_is_notified_once_with_its_token(
    simulation: Simulation, receiver: Receiver
) -> None:
    task_id = simulation.start(webhook_url=receiver.url, webhook_token="shared")["_id"]
    assert receiver.received == []
    ended = simulation.ended(task_id)
    until(lambda: receiver.received)
    let_pass(0.3)
    [(headers, body)] = receiver.received
    assert headers["x-a2e-webhook-token"] == "shared"
    assert "authorization" not in headers
    assert body == {"event": "task.completed", "data": ended}


def test_a_failure_is_notified_too_and_without_a_token_there_is_no_header(
    simulation: Simulation, receiver: Receiver
) -> None:
    simulation.fault("start", "fails")
    simulation.ended(simulation.start(webhook_url=receiver.url)["_id"])
    until(lambda: receiver.received)
    [(headers, body)] = receiver.received
    assert "x-a2e-webhook-token" not in headers
    assert body["event"] == "task.failed"
    assert body["data"]["current_status"] == "failed"


@pytest.mark.parametrize(("kind", "times"), [("never_sent", 0), ("sent_twice", 2)])
def test_a_notification_can_be_missing_or_come_twice(
    simulation: Simulation, receiver: Receiver, kind: str, times: int
) -> None:
    simulation.fault("webhook", kind, match="odd")
    odd = simulation.start(name="odd", webhook_url=receiver.url)["_id"]
    usual = simulation.start(name="usual", webhook_url=receiver.url)["_id"]
    simulation.ended(usual)
    simulation.ended(odd)
    until(lambda: len(receiver.received) == times + 1)
    let_pass(0.3)
    ids = [body["data"]["_id"] for _, body in receiver.received]
    assert sorted(ids) == sorted([odd] * times + [usual])


def test_a_notification_can_come_before_the_end(simulation: Simulation, receiver: Receiver) -> None:
    simulation.fault("webhook", "sent_early")
    task_id = simulation.start(webhook_url=receiver.url)["_id"]
    until(lambda: receiver.received)
    assert receiver.received[0][1]["event"] == "task.completed"
    assert simulation.status(task_id) == "initialized"
    simulation.ended(task_id)
    let_pass(0.3)
    assert len(receiver.received) == 1


def test_a_deleted_task_is_not_notified(simulation: Simulation, receiver: Receiver) -> None:
    deleted = simulation.start(webhook_url=receiver.url)["_id"]
    simulation.delete(deleted)
    simulation.ended(simulation.start(name="last", webhook_url=receiver.url)["_id"])
    until(lambda: receiver.received)
    let_pass(0.3)
    assert [body["data"]["name"] for _, body in receiver.received] == ["last"]


def test_a_receiver_that_is_not_there_hinders_nothing(simulation: Simulation) -> None:
    # Port 1 of this machine listens to nobody.
    task = simulation.start(webhook_url="http://127.0.0.1:1/hook")
    assert simulation.ended(task["_id"])["current_status"] == "completed"
