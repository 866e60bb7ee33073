"""What clients rely on beside the routes: negotiation, conditions, replays, filters and texts."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from i2v.simulator.sample import SAMPLE_PATH
from tests.e2e.conftest import Running
from tests.support.patience import get, until


@pytest.fixture(scope="module")
def done(running: Running) -> dict[str, Any]:
    """A task that has succeeded."""
    with running.api() as api:
        body = {"image_url": running.sample_url, "metadata": {"set": "http rules"}}
        created = api.post("/tasks", json=body).json()
    task = running.end_of(created["task_id"])
    assert task["status"] == "succeeded"
    return task


def test_a_video_is_had_as_a_redirect_or_as_a_link_in_json(
    running: Running, done: dict[str, Any]
) -> None:
    place, accept = f"/tasks/{done['task_id']}/video", {"Accept": "application/json"}
    with running.api() as api:
        usual, link = api.get(place), api.get(place, headers=accept)
        head = api.head(place, headers=accept)

    assert usual.status_code == 302
    assert (link.status_code, head.status_code, head.content) == (200, 200, b"")
    assert link.headers["Vary"] == usual.headers["Vary"] == "Accept"
    # As a player fetches it, which can send no token.
    video = get(link.json()["url"])
    assert len(video.content) == done["video"]["bytes"]
    left = datetime.fromisoformat(link.json()["expires_at"]) - datetime.now(UTC)
    assert timedelta(0) < left <= timedelta(minutes=15)


def test_what_has_not_changed_is_not_sent_again(running: Running, done: dict[str, Any]) -> None:
    with running.api() as api:
        for path in (f"/tasks/{done['task_id']}", "/openapi.json", "/asyncapi.json"):
            tag = api.get(path).headers["ETag"]
            for method in ("GET", "HEAD"):
                same = api.request(method, path, headers={"If-None-Match": f'"x", {tag}'})
                assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
            assert api.get(path, headers={"If-None-Match": '"x"'}).status_code == 200


def test_a_poll_by_tag_sees_every_change_of_status(running: Running) -> None:
    with running.api() as api:
        created = api.post("/tasks", json={"image_url": running.sample_url}).json()
        place, tag, seen = f"/tasks/{created['task_id']}", "", [str(created["status"])]
        unchanged: list[int] = []

        def ended() -> bool:
            nonlocal tag
            answer = api.get(place, headers={"If-None-Match": tag} if tag else {})
            tag = answer.headers["ETag"]
            if answer.status_code == 200:
                seen.append(answer.json()["status"])
            else:
                unchanged.append(answer.status_code)
            return seen[-1] == "succeeded"

        until(ended)
    assert seen[0] != seen[-1]
    assert {*unchanged} <= {304}


def test_a_replay_is_marked(running: Running) -> None:
    body, key = {"image_url": running.sample_url}, {"Idempotency-Key": "a replay"}
    with running.api() as api:
        first, second = (api.post("/tasks", json=body, headers=key) for _ in range(2))
    assert first.json()["task_id"] == second.json()["task_id"]
    marks = [answer.headers.get("Idempotent-Replayed") for answer in (first, second)]
    assert marks == [None, "true"]


def test_a_list_takes_several_statuses_and_pairs(running: Running, done: dict[str, Any]) -> None:
    with running.api() as api:

        def listed(query: str) -> list[str]:
            answer = api.get(f"/tasks?{query}")
            assert answer.status_code == 200, answer.text
            return [task["task_id"] for task in answer.json()["data"]]

        pair = "metadata.set=http+rules"
        assert listed(f"{pair}&status=succeeded&status=failed") == [done["task_id"]]
        assert listed(f"{pair}&status=queued&status=failed") == listed("metadata.set=http") == []
        for wrong in ("metadata.set=%00", "metadata.set=%FF", "metadata.a=1&metadata.a=2"):
            assert api.get(f"/tasks?{wrong}").status_code == 422, wrong


def send_raw(api: httpx.Client, content: bytes) -> httpx.Response:
    return api.post("/tasks", content=content, headers={"Content-Type": "application/json"})


def test_null_and_a_byte_order_mark_are_nothing(running: Running) -> None:
    body: dict[str, Any] = {"image_url": running.sample_url, "metadata": {"a": "b", "c": None}}
    nulls = ("prompt", "negative_prompt", "name", "video_time", "model_version")
    written = "\ufeff" + json.dumps(body | dict.fromkeys(nulls))
    with running.api() as api:
        answer = send_raw(api, written.encode())
    assert answer.status_code == 202, answer.text
    assert (answer.json()["metadata"], answer.json()["video_time"]) == ({"a": "b"}, 5)


def test_a_text_that_cannot_be_handed_on_is_never_paid(running: Running) -> None:
    image = running.sample_url.encode()
    paid = len(running.ledger())
    with running.api() as api:
        for text in (rb"\u0000", rb"\ufffe", rb"a\nb", b"\xff"):
            answer = send_raw(api, b'{"image_url": "%s", "prompt": "%s"}' % (image, text))
            # Whether bytes that are no UTF-8 reach the function at all is the gateway's affair.
            assert answer.status_code in ((400, 422) if text == b"\xff" else (422,)), text
    s3, bucket = running.emulator.client("s3"), running.stack.images_bucket
    key = "uploads/demo/forbidden.png"
    word = f"=?UTF-8?B?{base64.b64encode(b'a' + bytes(1)).decode()}?="
    content = SAMPLE_PATH.read_bytes()
    s3.put_object(Bucket=bucket, Key=key, Body=content, Metadata={"prompt": word})

    def failed() -> list[dict[str, Any]]:
        with running.api() as api:
            found = api.get("/tasks", params={"status": "failed"}).json()["data"]
        return [task for task in found if task["image_url"].endswith(key)]

    (task,) = until(failed)
    assert task["failure"]["code"] == "invalid_request"
    assert "U+0000" in task["failure"]["message"]
    assert not [c for c in running.ledger()[paid:] if task["task_id"] in c["name"]]
