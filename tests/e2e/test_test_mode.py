"""Test mode on the stack: both entry points, over real HTTP, with its roles, and without A2E."""

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from image_to_video.adapters.sample_clips import sample

from i2v.simulator.sample import SAMPLE_PATH
from i2v.stack import subscribed_queue
from tests.e2e.conftest import Running
from tests.support.patience import post, until

ADDRESS = "https://images.example.com/a.png"
# Those that take a minute are played in tests/unit/lifecycle/test_kinds.py alone.
ENDS = {
    "succeeded": None,
    "dead_link": None,
    "cut_file": None,
    "waiting_for_coins": None,
    "waiting_for_confirmation": None,
    "generation_failed": "generation_failed",
    "completed_without_video": "completed_without_video",
    "start_refused": "start_refused",
}


@pytest.fixture(scope="module")
def queues(running: Running) -> dict[str, str]:
    """One subscriber for test events, and one that leaves them out."""
    policies = {"tests": '{"test": ["true"]}', "lives": '{"test": [{"exists": false}]}'}
    topic = running.stack.topic_arn
    return {
        name: subscribed_queue(running.emulator, topic, f"test-mode-{name}", policy)
        for name, policy in policies.items()
    }


@pytest.fixture(scope="module")
def tester(running: Running) -> Iterator[httpx.Client]:
    with running.api(running.stack.test_token) as api:
        yield api


@pytest.fixture(scope="module")
def ended(
    running: Running, tester: httpx.Client, queues: dict[str, str]
) -> dict[str, dict[str, Any]]:
    """The tasks of all outcomes at their ends, and that of an upload."""
    started = {}
    for outcome in ENDS:
        body = {"image_url": ADDRESS, "prompt": f"test:{outcome}"}
        started[outcome] = tester.post("/tasks", json=body).json()["task_id"]
    form = tester.post("/uploads", json={"filename": "a.png", "content_type": "image/png"}).json()
    image = {"file": SAMPLE_PATH.read_bytes()}
    sent = post(form["url"], data=form["fields"], files=image)
    assert sent.status_code == 204, sent.text
    until(lambda: tester.get(f"/tasks/{form['task_id']}").status_code == 200)
    started["upload"] = form["task_id"]
    token = running.stack.test_token
    return {name: running.end_of(task_id, token=token) for name, task_id in started.items()}


def test_every_outcome_comes_and_nothing_is_charged(
    running: Running, ended: dict[str, dict[str, Any]]
) -> None:
    codes = {name: task["failure"] and task["failure"]["code"] for name, task in ended.items()}
    assert codes == ENDS | {"upload": None}
    assert all(task["test"] and not task["coins"] for task in ended.values())
    ids = {task["task_id"] for task in ended.values()}
    assert not [charge for charge in running.ledger() if charge["name"][:32] in ids]


def test_the_video_is_fetched_as_any_other(
    tester: httpx.Client, ended: dict[str, dict[str, Any]]
) -> None:
    for name in ("succeeded", "upload"):
        video = tester.get(f"/tasks/{ended[name]['task_id']}/video", follow_redirects=True)
        assert video.content == sample()
        assert ended[name]["video"]["sha256"] == hashlib.sha256(sample()).hexdigest()


def test_a_live_token_sees_none_of_it(running: Running, ended: dict[str, dict[str, Any]]) -> None:
    ids = {task["task_id"] for task in ended.values()}
    with running.api() as api:
        assert {api.get(f"/tasks/{one}").status_code for one in ids} == {404}
        listed = {task["task_id"] for task in api.get("/tasks?limit=100").json()["data"]}
    assert not listed & ids


def test_refusals_and_cancel_requests_are_answered_like_live_ones(tester: httpx.Client) -> None:
    for code in ("invalid_image", "content_refused"):
        answer = tester.post("/tasks", json={"image_url": ADDRESS, "prompt": f"test:{code}"})
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    for achieved in ("refunded", "too_late"):
        body = {"image_url": ADDRESS, "prompt": f"test:cancel_{achieved}"}
        task_id = tester.post("/tasks", json=body).json()["task_id"]
        assert tester.post(f"/tasks/{task_id}/cancel").json()["cancellation"] == achieved


def test_filters_tell_test_events_from_live_ones(
    running: Running, queues: dict[str, str], ended: dict[str, dict[str, Any]]
) -> None:
    task_id = ended["succeeded"]["task_id"]
    heard: list[dict[str, Any]] = []

    def all_heard() -> bool:
        heard.extend(running.received(queues["tests"]))
        kinds = {event["type"] for event in heard if event["subject"] == task_id}
        return len(kinds) == 3

    until(all_heard)
    assert all(event["data"]["test"] for event in heard)
    with running.api() as api:
        live = api.post("/tasks", json={"image_url": running.sample_url}).json()["task_id"]
    lives: list[dict[str, Any]] = []

    def live_is_heard() -> bool:
        lives.extend(running.received(queues["lives"]))
        return any(event["subject"] == live for event in lives)

    until(live_is_heard)
    assert not any(event["data"]["test"] for event in lives)
