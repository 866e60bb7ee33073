"""The shapes in which A2E may show a record or a list, each as a fault that is ordered."""

from typing import Any

import pytest

from tests.support.simulation import FAMILY, Simulation


def shown(simulation: Simulation, on: str, task_id: str) -> dict[str, Any]:
    match on:
        case "detail":
            return simulation.record(task_id)
        case "list":
            return simulation.rows()[0]
        case _:
            batch: dict[str, Any] = simulation.batch(task_id).json()["data"][0]
            return batch


@pytest.mark.parametrize("on", ["detail", "list", "batch"])
def test_a_padded_record_has_blanks_around_everything_but_what_it_echoes(
    simulation: Simulation, on: str
) -> None:
    usual = simulation.completed()
    simulation.fault(on, "padded_record")
    record = shown(simulation, on, usual["_id"])
    assert record["_id"] == f" {usual['_id']}\n"
    assert record["name"] == " job-1\n"
    assert record["result_url"] == f" {usual['result_url']}\n"
    assert (record["current_status"], record["coins"]) == (" Completed\n", " 30\n")
    assert record["failed_message"] == ""
    assert record["image_url"] == usual["image_url"]
    assert shown(simulation, on, usual["_id"]) == usual


def test_the_answer_to_a_start_can_be_padded(simulation: Simulation) -> None:
    simulation.fault("start", "padded_record")
    record = simulation.start()
    assert record["_id"] != record["_id"].strip()
    assert simulation.status(record["_id"].strip()) == "initialized"


def test_the_link_can_be_in_another_field_or_there_too_early(simulation: Simulation) -> None:
    task_id = simulation.start()["_id"]
    simulation.fault("detail", "early_link")
    early = simulation.record(task_id)
    assert early["current_status"] == "initialized"
    assert early["result_url"]
    usual = simulation.ended(task_id)
    simulation.fault("detail", "other_link_field")
    record = simulation.record(task_id)
    assert (record["result_url"], record["video_url"]) == ("", usual["result_url"])


def test_a_failure_can_be_under_the_names_that_clients_know(simulation: Simulation) -> None:
    simulation.fault("start", "fails")
    task_id = simulation.start()["_id"]
    simulation.ended(task_id)
    simulation.fault("detail", "other_failure_fields")
    record = simulation.record(task_id)
    assert record["faild_message"] == "Video generation failed"
    assert record["error_code"] == "generation_error"
    assert not {"failed_message", "failed_code"} & set(record)


def test_more_fields_come_beside_the_usual_ones(simulation: Simulation) -> None:
    usual = simulation.completed()
    simulation.fault("detail", "more_fields")
    record = simulation.record(usual["_id"])
    assert record.items() >= usual.items()
    assert record["video_url"] == usual["result_url"]
    assert {"updatedAt", "user_id", "hasRefundCoin", "remainingDays", "isExpired"} <= set(record)


def test_one_video_asked_for_by_number_can_come_as_an_object(simulation: Simulation) -> None:
    simulation.fault("start", "object_data")
    assert simulation.post_start(number_of_images=1).json()["data"]["name"] == "job-1"
    assert isinstance(simulation.post_start(number_of_images=1).json()["data"], list)


def test_a_list_can_come_bare_or_under_another_name(simulation: Simulation) -> None:
    simulation.start()
    simulation.fault("list", "list_data")
    assert [row["name"] for row in simulation.all_records().json()["data"]] == ["job-1"]
    simulation.fault("list", "other_list_field")
    data = simulation.all_records().json()["data"]
    assert ([row["name"] for row in data["records"]], data["totalCount"]) == (["job-1"], "1")


def test_pages_can_be_shorter_than_asked_for(simulation: Simulation) -> None:
    for number in range(5):
        simulation.start(name=f"job-{number}")
    simulation.fault("list", "short_pages", times=4)
    read = [[row["name"] for row in simulation.rows(pageNum=n, pageSize=100)] for n in range(1, 5)]
    assert read == [["job-4", "job-3"], ["job-2", "job-1"], ["job-0"], []]


def test_past_its_end_a_list_can_repeat_its_last_page(simulation: Simulation) -> None:
    for number in range(3):
        simulation.start(name=f"job-{number}")
    simulation.fault("list", "repeats_last_page", times=3)
    read = [simulation.all_records(pageNum=n, pageSize=2).json()["data"] for n in (1, 2, 3)]
    assert [[row["name"] for row in data["rows"]] for data in read] == [
        ["job-2", "job-1"],
        ["job-0"],
        ["job-0"],
    ]
    assert not any("total" in data for data in read)


def test_past_its_end_a_list_can_fail(simulation: Simulation) -> None:
    simulation.start(name="shown")
    simulation.fault("list", "fails_past_end", times=2, match="shown")
    first, second = simulation.all_records(), simulation.all_records(pageNum=2)
    assert [row["name"] for row in first.json()["data"]["rows"]] == ["shown"]
    assert "total" not in first.json()["data"]
    assert second.status_code == 500
    assert simulation.all_records(pageNum=2).json()["data"] == {"rows": [], "total": 1}


@pytest.mark.parametrize(
    ("kind", "status"), [("http_400", 400), ("moderated", 403), ("free_plan_403", 403)]
)
def test_a_refusal_can_say_what_is_ordered(simulation: Simulation, kind: str, status: int) -> None:
    simulation.fault("start", kind, text="Insufficient image resolution")
    answer = simulation.client.post(f"{FAMILY}/start", json=simulation.body())
    assert (answer.status_code, answer.json()["msg"]) == (status, "Insufficient image resolution")
    assert simulation.ledger() == []
