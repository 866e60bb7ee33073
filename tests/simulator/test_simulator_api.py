"""The calls: who may make them, what they accept, what they charge and what they show."""

import re
from typing import Any

import httpx
import pytest

from tests.support.patience import PATIENCE
from tests.support.simulation import FAMILY, Simulate, Simulation


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer sk_other"}])
@pytest.mark.parametrize("path", ["start", "allRecords", "0123456789abcdef01234567", "nowhere"])
def test_without_the_token_every_call_is_401(
    simulation: Simulation, header: dict[str, str], path: str
) -> None:
    with httpx.Client(
        base_url=simulation.client.base_url, timeout=PATIENCE, trust_env=False
    ) as stranger:
        method = "POST" if path == "start" else "GET"
        answer = stranger.request(method, f"{FAMILY}/{path}", headers=header, json={})
    assert answer.status_code == 401
    assert answer.json()["code"] == 401
    assert simulation.ledger() == []


def test_an_unknown_address_answers_with_a_page(simulation: Simulation) -> None:
    answer = simulation.client.get("/api/v1/video/awsList")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "wrong",
    [
        {"image_url": "data:image/png;base64,AAAA"},
        {"image_url": "ftp://example.com/a.png"},
        {"image_url": "portrait.png"},
        {"image_url": None},
        {"prompt": ""},
        {"negative_prompt": " "},
        {"video_time": 7},
        {"video_time": "5"},
        {"video_time": True},
        {"model_version": "a2e-v3"},
        {"model_type": "I2V"},
        {"model_type": "FLF2V"},
        {"number_of_images": 9},
        {"number_of_images": 0},
        {"video_length": 5000},
        {"webhook_url": "http://example.com/hook"},
        {"webhook_url": "http://127.0.0.1.example.com/hook"},
        {"webhook_url": "ftp://127.0.0.1/hook"},
        {"webhook_url": "https:hook"},
        {"webhook_token": "x" * 257},
        {"name": 7},
    ],
)
def test_a_bad_start_is_400_and_free(simulation: Simulation, wrong: dict[str, Any]) -> None:
    answer = simulation.post_start(**wrong)
    assert answer.status_code == 400
    assert answer.json()["code"] != 0
    assert answer.json()["msg"]
    assert simulation.ledger() == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"\xff"])
def test_a_start_that_is_no_json_object_is_400(simulation: Simulation, content: bytes) -> None:
    answer = simulation.client.post(f"{FAMILY}/start", content=content)
    assert answer.status_code == 400
    assert answer.json()["msg"]


@pytest.mark.parametrize("missing", ["image_url", "prompt", "negative_prompt"])
def test_a_start_needs_the_picture_and_both_prompts(simulation: Simulation, missing: str) -> None:
    body = simulation.body()
    del body[missing]
    answer = simulation.client.post(f"{FAMILY}/start", json=body)
    assert answer.status_code == 400
    assert missing in answer.json()["msg"]


def test_a_lora_stands_in_for_the_prompts(simulation: Simulation) -> None:
    body = {"image_url": simulation.picture_url, "lora": "lora-1", "surprise": [1]}
    answer = simulation.client.post(f"{FAMILY}/start", json=body)
    assert answer.json()["code"] == 0


def test_a_start_answers_with_the_task_record(simulation: Simulation) -> None:
    answer = simulation.post_start()
    assert answer.status_code == 200
    assert answer.json()["code"] == 0
    assert answer.json()["trace_id"]
    record = answer.json()["data"]
    assert re.fullmatch("[0-9a-f]{24}", record.pop("_id"))
    assert record == {
        "name": "job-1",
        "image_url": simulation.picture_url,
        "prompt": "smile",
        "negative_prompt": "blur",
        "model_type": "GENERAL",
        "model_version": "a2e",
        "video_time": 5,
        "current_status": "initialized",
        "coins": 30,
        "createdAt": "2027-01-15T08:00:00.000Z",
        "failed_message": "",
        "failed_code": "",
        "result_url": "",
    }


@pytest.mark.parametrize(
    ("model_version", "video_time", "coins"),
    [("a2e", 5, 30), ("a2e", 20, 120), ("a2e-v2-flash", 10, 60), ("a2e-v2", 15, 180)],
)
def test_the_price_follows_model_and_length(
    simulation: Simulation, model_version: str, video_time: int, coins: int
) -> None:
    record = simulation.start(model_version=model_version, video_time=video_time)
    assert record["coins"] == coins
    assert simulation.coins() == 100_000 - coins


def test_asking_for_a_number_of_videos_makes_a_list_and_charges_each(
    simulation: Simulation,
) -> None:
    data = simulation.post_start(number_of_images=2).json()["data"]
    assert [charge["id"] for charge in simulation.ledger()] == [record["_id"] for record in data]
    assert isinstance(simulation.post_start(number_of_images=1).json()["data"], list)


def test_every_charge_is_in_the_ledger(simulation: Simulation) -> None:
    record = simulation.start()
    assert simulation.ledger() == [
        {"name": "job-1", "id": record["_id"], "coins": 30, "time": "2027-01-15T08:00:00.000Z"}
    ]


def test_the_same_start_twice_is_two_tasks_and_two_charges(simulation: Simulation) -> None:
    first, second = simulation.start(), simulation.start()
    assert first["_id"] != second["_id"]
    assert len(simulation.ledger()) == 2
    assert [row["name"] for row in simulation.rows()] == ["job-1", "job-1"]


def test_an_empty_account_is_refused_with_http_200(simulate: Simulate) -> None:
    simulation = simulate(coins=59)
    assert simulation.post_start(number_of_images=2).json()["code"] != 0
    simulation.start()
    answer = simulation.post_start()
    assert answer.status_code == 200
    assert answer.json()["code"] != 0
    assert "insufficient coins" in answer.json()["message"].lower()
    assert len(simulation.ledger()) == 1
    assert simulation.coins() == 29


def test_an_unknown_task_is_404(simulation: Simulation) -> None:
    answer = simulation.detail("0123456789abcdef01234567")
    assert answer.status_code == 404
    assert answer.json()["code"] == 404


def test_the_list_comes_in_pages_newest_first(simulation: Simulation) -> None:
    for number in range(12):
        simulation.start(name=f"job-{number}")
    assert [row["name"] for row in simulation.rows()] == [f"job-{n}" for n in range(11, 1, -1)]
    assert [row["name"] for row in simulation.rows(pageNum=2)] == ["job-1", "job-0"]
    assert simulation.rows(pageNum=2, pageSize=5)[0]["name"] == "job-6"
    assert simulation.all_records(pageNum=3).json()["data"] == {"rows": [], "total": 12}


@pytest.mark.parametrize("query", [{"pageNum": 0}, {"pageSize": 0}, {"pageSize": 101}])
def test_a_page_out_of_bounds_is_400(simulation: Simulation, query: dict[str, int]) -> None:
    assert simulation.all_records(**query).status_code == 400


def test_a_batch_shows_the_tasks_that_exist_in_an_order_of_its_own(simulation: Simulation) -> None:
    first, second = simulation.start()["_id"], simulation.start()["_id"]
    data = simulation.batch(first, "unknown", second).json()["data"]
    assert [record["_id"] for record in data] == [second, first]
    assert simulation.client.post(f"{FAMILY}/batchDetail", json={"ids": "x"}).status_code == 400


def test_balance_average_time_and_health_are_there(simulation: Simulation) -> None:
    balance = simulation.client.get("/api/v1/user/remainingCoins").json()
    assert balance["data"] == {"coins": 100_000, "diamonds": 0}
    assert simulation.client.get(f"{FAMILY}/avgProcessingTime").json()["code"] == 0
    assert simulation.client.get("/_simulator/health").json() == {"status": "ok"}


def test_the_tier_of_the_queue_is_no_task(simulation: Simulation) -> None:
    answer = simulation.client.get(f"{FAMILY}/unlimitedQueueLevel")
    assert (answer.status_code, answer.json()["code"]) == (200, 0)


@pytest.mark.parametrize("mark", ["markShared", "markDownloaded", "markCopied"])
def test_a_mark_is_noted_and_changes_nothing(simulation: Simulation, mark: str) -> None:
    task = simulation.start()
    assert simulation.client.post(f"{FAMILY}/{task['_id']}/{mark}").json()["code"] == 0
    assert simulation.record(task["_id"]) == task
    assert simulation.client.post(f"{FAMILY}/unknown/{mark}").status_code == 400


def test_deleting_an_initialized_task_refunds_it(simulation: Simulation) -> None:
    task_id = simulation.start()["_id"]
    assert simulation.delete(task_id).json()["code"] == 0
    assert simulation.detail(task_id).status_code == 404
    assert simulation.coins() == 100_000
    [charge] = simulation.ledger()
    assert (charge["coins"], charge["refunded"]) == (30, True)


@pytest.mark.parametrize("seconds", [2, 5])
def test_a_task_in_progress_cannot_be_deleted(simulation: Simulation, seconds: float) -> None:
    task_id = simulation.start()["_id"]
    simulation.clock.skip(seconds)
    answer = simulation.delete(task_id)
    assert answer.status_code == 400
    assert answer.json()["code"] != 0
    assert simulation.status(task_id) in {"sent", "processing"}


def test_deleting_a_completed_task_refunds_nothing_and_ends_its_link(
    simulation: Simulation,
) -> None:
    record = simulation.completed()
    assert simulation.delete(record["_id"]).status_code == 200
    assert simulation.coins() == 100_000 - 30
    assert "refunded" not in simulation.ledger()[0]
    assert simulation.client.get(record["result_url"]).status_code == 404
    assert simulation.delete(record["_id"]).status_code == 400
