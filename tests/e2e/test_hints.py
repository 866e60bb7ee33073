"""Hints on the deployed stack: the simulated A2E calls the API, long before any poll is due."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from image_to_video.lifecycle.hints import HintTokens
from image_to_video.lifecycle.identities import task_id_for

from i2v.simulator.sample import SAMPLE_PATH
from i2v.simulator.settings import SimulatorSettings
from i2v.stack import running_stack
from tests.e2e.conftest import FINAL, Running
from tests.support.patience import PATIENCE, until


@pytest.fixture(scope="module")
def hinted() -> Iterator[Running]:
    """A stack whose tasks are polled after an hour, unless there is a hint."""
    simulator = SimulatorSettings(generation_seconds=2)
    with running_stack(simulator=simulator, parameters={"FirstPollSeconds": "3600"}) as started:
        yield Running(*started)


def created(hinted: Running, key: str) -> str:
    with hinted.api() as api:
        answer = api.post(
            "/tasks", json={"image_url": hinted.sample_url}, headers={"Idempotency-Key": key}
        )
    assert answer.status_code == 202
    task_id: str = answer.json()["task_id"]
    return task_id


def record(hinted: Running, task_id: str) -> dict[str, Any]:
    table = hinted.emulator.table(hinted.stack.tasks_table)
    return dict(table.get_item(Key={"task_id": task_id})["Item"])


def webhook(hinted: Running, key: str, kind: str) -> None:
    task_id = task_id_for(hinted.stack.owner, key)
    hinted.inject({"on": "webhook", "kind": kind, "match": f"{task_id}-1"})


def test_a_finished_task_is_noticed_at_its_hint(hinted: Running) -> None:
    ended = hinted.end_of(created(hinted, "hint"))
    assert ended["status"] == "succeeded"
    assert record(hinted, ended["task_id"])["hints_taken"] == 1


def test_so_is_the_task_of_an_upload(hinted: Running) -> None:
    s3, table = hinted.emulator.client("s3"), hinted.emulator.table(hinted.stack.tasks_table)
    bucket, key = hinted.stack.images_bucket, "uploads/hinted/a.png"
    s3.put_object(Bucket=bucket, Key=key, Body=SAMPLE_PATH.read_bytes())

    def ended() -> dict[str, Any] | None:
        tasks = [task for task in table.scan()["Items"] if task["owner"] == "hinted"]
        return dict(tasks[0]) if tasks and tasks[0]["status"] in FINAL else None

    task = until(ended)
    assert task is not None
    assert (task["status"], task["hints_taken"]) == ("succeeded", 1)


@pytest.mark.parametrize("kind", ["sent_twice", "sent_early"])
def test_an_odd_hint_is_as_good(hinted: Running, kind: str) -> None:
    webhook(hinted, kind, kind)
    task_id = created(hinted, kind)
    assert hinted.end_of(task_id)["status"] == "succeeded"
    assert record(hinted, task_id)["hints_taken"] == 1


def test_a_hint_that_never_comes_costs_a_wait(hinted: Running) -> None:
    webhook(hinted, "never", "never_sent")
    before = hinted.change("ApiFunction", FIRST_POLL_SECONDS="1")
    try:
        task_id = created(hinted, "never")
    finally:
        hinted.change("ApiFunction", **before)
    assert hinted.end_of(task_id)["status"] == "succeeded"
    assert "hinted_at" not in record(hinted, task_id)


def test_who_has_no_token_moves_nothing_and_learns_nothing(hinted: Running) -> None:
    webhook(hinted, "forged", "never_sent")
    task_id = created(hinted, "forged")
    before = record(hinted, task_id)
    secrets = hinted.emulator.client("secretsmanager")
    [name] = (s["Name"] for s in secrets.list_secrets()["SecretList"] if "CursorKey" in s["Name"])
    key = str(secrets.get_secret_value(SecretId=name)["SecretString"])
    of_another = HintTokens(address="", key=lambda: key).request(f"{'0' * 32}-1")
    assert of_another is not None
    answers = []
    for asked in (task_id, "0" * 32):
        for token in ("", "1." + "A" * 43, of_another.token):
            headers = {"X-A2e-Webhook-Token": token} if token else {}
            said = json.dumps({"event": "task.completed", "data": {"current_status": "completed"}})
            url = f"{hinted.stack.api_url}/hints/{asked}"
            answers.append(httpx.post(url, headers=headers, content=said, timeout=PATIENCE))
    assert {(answer.status_code, answer.content) for answer in answers} == {(204, b"")}
    assert record(hinted, task_id) == before
