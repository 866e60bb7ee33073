"""Both entry points, from the picture to the stored video and its events, over real HTTP."""

import hashlib
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from image_to_video.lifecycle.identities import task_id_for

from i2v.demo import Demo, Report
from i2v.simulator.sample import SAMPLE_PATH
from i2v.simulator.settings import SimulatorSettings
from tests.e2e.conftest import Running
from tests.support.patience import PATIENCE, get, post, until


@pytest.fixture(scope="module")
def report(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """What one run of the demo reports."""
    demo = Demo(running.stack, running.emulator, on_status=lambda _entry_point, _status: None)
    return demo.run(SAMPLE_PATH, "She smiles.", tmp_path_factory.mktemp("out"))


def test_the_roles_suffice(running: Running, report: Report) -> None:
    """Both entry points, to their videos and their events, with nothing allowed but by roles."""
    assert psutil.Process(running.emulator.process.pid).environ()["AUTH"] == "true"
    assert len(report.events) == 6
    assert [(task.entry_point, task.status) for task in report.tasks] == [
        ("rest", "succeeded"),
        ("upload", "succeeded"),
    ]


def test_the_video_is_the_recorded_one_and_plays(running: Running, report: Report) -> None:
    for outcome in report.tasks:
        assert outcome.video_file is not None
        content = Path(outcome.video_file).read_bytes()
        task = running.end_of(outcome.task_id)
        assert task["video"]["sha256"] == hashlib.sha256(content).hexdigest() == outcome.sha256
        assert task["video"]["bytes"] == len(content)
        assert (task["video"]["width"], task["video"]["height"]) == (1280, 720)
        assert task["video"]["duration_seconds"] == pytest.approx(5, abs=0.1)


def test_each_task_is_charged_exactly_once(running: Running, report: Report) -> None:
    names = [charge["name"] for charge in running.ledger()]
    for outcome in report.tasks:
        assert names.count(f"{outcome.task_id}-1") == 1
        assert sum(name.startswith(outcome.task_id) for name in names) == 1


def test_a_subscriber_hears_every_change_once(report: Report) -> None:
    for outcome in report.tasks:
        heard = [event for event in report.events if event.subject == outcome.task_id]
        kinds = [event.type.rpartition(".")[2] for event in heard]
        assert sorted(kinds) == ["created", "generating", "succeeded"]
        assert all(event.id.startswith(f"{outcome.task_id}.") for event in heard)


def test_a_repeated_request_is_one_task_and_one_charge(running: Running) -> None:
    body = {"image_url": running.sample_url, "video_time": 5}
    with running.api() as api:
        answers = [
            api.post("/tasks", json=body, headers={"Idempotency-Key": "once"}) for _ in range(3)
        ]
    assert {answer.status_code for answer in answers} == {202}
    [task_id] = {answer.json()["task_id"] for answer in answers}
    assert answers[0].headers["Location"] == f"tasks/{task_id}"
    running.end_of(task_id)
    assert sum(charge["name"].startswith(task_id) for charge in running.ledger()) == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/image_url"),
        ({"image_url": "ftp://example.com/a.png"}, "/image_url"),
        ({"image_url": "http://10.0.0.1/a.png"}, "/image_url"),
        ({"image_url": "https://example.com/a.png", "video_time": 7}, "/video_time"),
        ({"image_url": "https://example.com/a.png", "colour": "red"}, "/colour"),
    ],
)
def test_a_bad_field_is_named_and_costs_nothing(
    running: Running, body: dict[str, Any], pointer: str
) -> None:
    before = running.ledger()
    with running.api() as api:
        answer = api.post("/tasks", json=body)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert running.ledger() == before


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer i2v_wrong"}])
def test_without_a_good_token_nothing_is_shown(running: Running, header: dict[str, str]) -> None:
    with running.api() as api:
        api.headers.pop("Authorization")
        assert api.get("/tasks", headers=header).status_code == 401
        assert api.get("/health").status_code == 200


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer i2v_wrong"}])
def test_a_refusal_is_a_problem_document(running: Running, header: dict[str, str]) -> None:
    answer = get(f"{running.stack.api_url}/tasks", headers=header)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (401, "unauthorized")
    assert problem["request_id"] == answer.headers["x-amzn-requestid"]


def test_a_head_tells_the_length_of_what_get_answers(running: Running) -> None:
    with running.api() as api:
        task_id = api.post("/tasks", json={"image_url": running.sample_url}).json()["task_id"]
        running.end_of(task_id)
        for path in (f"/tasks/{task_id}", "/openapi.json", "/asyncapi.json", "/health"):
            get, head = api.get(path), api.head(path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["Content-Length"] == get.headers["Content-Length"] != "0"


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data"])
def test_a_body_that_is_no_json_is_not_supported(running: Running, kind: str) -> None:
    with running.api() as api:
        for path in ("/tasks", "/uploads"):
            answer = api.post(path, content="{}", headers={"Content-Type": kind})
            assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_an_unknown_route_is_a_problem_document(running: Running) -> None:
    with running.api() as api:
        answer = api.get("/no%22thing%0a")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["status"]) == (404, 404)
    assert answer.json()["code"] == "route_not_found"


def test_a_form_becomes_the_task_it_promised_and_its_video_is_fetched(running: Running) -> None:
    picture = SAMPLE_PATH.read_bytes()
    options = {"prompt": "Grüße an alle \N{GRINNING FACE}", "metadata": {"order": "4711"}}
    body = {"filename": "Zoë ☺.png", "content_type": "image/png"} | options
    with running.api() as api:
        ticket = api.post("/uploads", json=body).json()
        for _ in range(2):
            files = {"file": ("anything", picture, "image/png")}
            assert post(ticket["url"], data=ticket["fields"], files=files).status_code == 204
        task = running.end_of(ticket["task_id"])
        assert (task["status"], task["name"]) == ("succeeded", "Zoë ☺.png")
        assert {name: task[name] for name in options} == options
        led = api.get(f"/tasks/{ticket['task_id']}/video")
        head = api.head(f"/tasks/{ticket['task_id']}/video")
        assert (led.status_code, head.status_code) == (302, 302)
        followed = api.get(f"/tasks/{ticket['task_id']}/video", follow_redirects=True)
    video = get(led.headers["Location"])
    assert hashlib.sha256(video.content).hexdigest() == task["video"]["sha256"]
    assert followed.content == video.content
    assert "filename*=UTF-8''Zo%C3%AB%20%E2%98%BA.png.mp4" in video.headers["Content-Disposition"]
    length = httpx.head(head.headers["Location"], timeout=PATIENCE).headers["Content-Length"]
    assert int(length) == task["video"]["bytes"]
    names = [charge["name"] for charge in running.ledger()]
    assert sum(name.startswith(ticket["task_id"]) for name in names) == 1


@pytest.mark.parametrize(
    ("change", "content"),
    [
        ({"Content-Type": "image/gif"}, b"x"),
        ({"key": "uploads/somebody/a.png"}, b"x"),
        ({"x-amz-meta-name": "another"}, b"x"),
        ({"x-amz-meta-video-time": "20"}, b"x"),
        ({"x-amz-meta-more": "x"}, b"x"),
        ({}, b""),
        ({}, b"x" * (10 * 1024 * 1024 + 1)),
    ],
)
def test_a_form_takes_nothing_but_what_it_was_made_for(
    running: Running, change: dict[str, str], content: bytes
) -> None:
    with running.api() as api:
        form = {"filename": "a.png", "content_type": "image/png"}
        ticket = api.post("/uploads", json=form).json()
        fields, files = ticket["fields"] | change, {"file": ("a.png", content, "image/png")}
        assert post(ticket["url"], data=fields, files=files).status_code in (400, 403)
        assert api.get(f"/tasks/{ticket['task_id']}").status_code == 404


def test_a_task_is_canceled_and_has_no_video(running: Running) -> None:
    task_id = task_id_for(running.stack.owner, "canceled")
    # However late the request to cancel comes, the generator still works on it.
    running.inject({"on": "start", "kind": "stuck", "match": f"{task_id}-1"})
    with running.api() as api:
        body, key = {"image_url": running.sample_url}, {"Idempotency-Key": "canceled"}
        assert api.post("/tasks", json=body, headers=key).json()["task_id"] == task_id
        canceled = api.post(f"/tasks/{task_id}/cancel")
        assert canceled.status_code == 200
        assert canceled.json()["cancellation"] in ("refunded", "too_late")
        assert running.end_of(task_id)["status"] == "canceled"
        refused = api.get(f"/tasks/{task_id}/video")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_video")


def test_every_method_of_a_path_is_answered(running: Running) -> None:
    with running.api() as api:
        api.headers.pop("Authorization")
        assert api.options("/tasks").status_code == 204
        assert api.head("/health").status_code == 200
        assert api.head("/tasks/unknown").status_code == 401
        refused = api.put("/tasks")
        assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, OPTIONS, POST")
        assert api.get("/openapi.json").json()["openapi"].startswith("3.1")


def test_a_bad_upload_is_heard_of(running: Running) -> None:
    s3, bucket = running.emulator.client("s3"), running.stack.images_bucket
    key = "uploads/demo/not a + picture.png"
    s3.put_object(Bucket=bucket, Key=key, Body=b"these are just words, no picture")
    with running.api() as api:

        def found() -> list[dict[str, Any]]:
            listed = api.get("/tasks", params={"status": "failed"}).json()["data"]
            return [task for task in listed if task["image_url"].endswith(key)]

        tasks = until(found)
    assert [task["failure"]["code"] for task in tasks] == ["invalid_image"]


def test_options_reach_a2e_through_each_entry_point(running: Running) -> None:
    last = {"end_image_url": running.sample_url}
    metadata = {"end-image-url": running.sample_url, "extend-prompt": "true", "meta-order": "4712"}
    form = {"filename": "a.png", "content_type": "image/png", "prompt": "wave", "lora": None} | last
    picture = SAMPLE_PATH.read_bytes()
    with running.api() as api:
        by_rest = api.post(
            "/tasks", json={"image_url": running.sample_url, "lora": "66b1f0", **last}
        ).json()["task_id"]
        ticket = api.post("/uploads", json=form).json()
        files = {"file": ("a.png", picture, "image/png")}
        assert post(ticket["url"], data=ticket["fields"], files=files).status_code == 204
        key = f"uploads/{running.stack.owner}/options.png"
        running.emulator.client("s3").put_object(
            Bucket=running.stack.images_bucket, Key=key, Body=picture, Metadata=metadata
        )

        def listed() -> str | None:
            found = [task for task in api.get("/tasks").json()["data"] if task["metadata"]]
            return next((t["task_id"] for t in found if t["metadata"].get("order") == "4712"), None)

        by_s3 = until(listed)
    assert by_s3 is not None
    shown = [running.end_of(task_id) for task_id in (by_rest, ticket["task_id"], by_s3)]
    assert [task["status"] for task in shown] == ["succeeded"] * 3
    assert {task["end_image_url"] for task in shown} == {running.sample_url}
    assert [task["extend_prompt"] for task in shown] == [False, False, True]
    records = get(
        f"{running.stack.a2e_url}/api/v1/userImage2Video/allRecords?pageSize=100",
        headers={"Authorization": f"Bearer {SimulatorSettings().token}"},
    ).json()["data"]["rows"]
    sent = {record["name"]: record for record in records}
    asked = [sent[f"{task['task_id']}-1"] for task in shown]
    assert {record["model_type"] for record in asked} == {"FLF2V"}
    assert [bool(record["prompt"]) for record in asked] == [False, True, True]
