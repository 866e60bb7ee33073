"""Coins: what a start would cost, and the history of the account."""

from typing import Any

import httpx
import pytest

from tests.support.simulation import FAMILY, Simulation

HISTORY = "/api/v1/transactionRecord/creditsHistory"


def quote(simulation: Simulation, body: dict[str, Any], endpoint: str = "") -> httpx.Response:
    order = {"endpoint": endpoint or f"{FAMILY}/start", "requestBody": body}
    return simulation.client.post("/api/v1/generation/quote", json=order)


def history(simulation: Simulation, **query: str) -> list[tuple[int, str]]:
    data = simulation.client.get(HISTORY, params=query).json()["data"]
    return [(row["coins"], row["reason"]) for row in data["rows"]]


@pytest.mark.parametrize("endpoint", [f"{FAMILY}/start", f"POST {FAMILY}/start"])
@pytest.mark.parametrize(
    "changes", [{}, {"video_time": 20}, {"model_version": "a2e-v2"}, {"number_of_images": 3}]
)
def test_a_quote_is_what_the_start_costs_and_charges_nothing(
    simulation: Simulation, endpoint: str, changes: dict[str, Any]
) -> None:
    answer = quote(simulation, simulation.body(**changes), endpoint).json()
    assert (answer["code"], simulation.ledger()) == (0, [])
    simulation.post_start(**changes)
    assert answer["data"]["coins"] == sum(charge["coins"] for charge in simulation.ledger())
    assert answer["data"]["generationRequestValidated"] is True


def test_a_quote_of_a_start_that_would_be_refused_says_so(simulation: Simulation) -> None:
    answer = quote(simulation, {"video_time": 10}).json()
    assert answer["data"] == {"coins": 60, "generationRequestValidated": False}


@pytest.mark.parametrize("body", [{"video_time": 7}, {"video_time": "5"}, {"model_version": "x"}])
def test_what_the_price_depends_on_must_be_right(
    simulation: Simulation, body: dict[str, Any]
) -> None:
    assert quote(simulation, body).status_code == 400


def test_only_a_start_can_be_quoted(simulation: Simulation) -> None:
    assert quote(simulation, simulation.body(), "/api/v1/video/generate").status_code == 400
    assert simulation.client.post("/api/v1/generation/quote", json={}).status_code == 400


def test_the_history_has_grants_charges_and_refunds_newest_first(simulation: Simulation) -> None:
    simulation.start()
    kept = simulation.start(video_time=10)["_id"]
    simulation.delete(kept)
    everything = [(60, "refund"), (-60, "start"), (-30, "start"), (100_000, "grant")]
    assert history(simulation) == everything
    assert history(simulation, pageSize="3", pageNum="2") == everything[3:]
    assert history(simulation, is_consumption="true") == everything[1:3]
    assert history(simulation, is_consumption="false") == [everything[0], everything[3]]
    assert sum(coins for coins, _ in everything) == simulation.coins()


def rows(simulation: Simulation, kind: str, **query: str) -> Any:
    simulation.fault("history", kind)
    data = simulation.client.get(HISTORY, params=query).json()["data"]
    return data.get("rows", data.get("records")) if isinstance(data, dict) else data


def test_the_history_comes_in_other_shapes(simulation: Simulation) -> None:
    task_id = simulation.start()["_id"]
    charge, _ = rows(simulation, "short_pages")
    assert (charge["coins"], charge["task_id"]) == (-30, task_id)
    assert rows(simulation, "list_data") == rows(simulation, "other_list_field")
    assert rows(simulation, "repeats_last_page", pageNum="9") == rows(simulation, "list_data")
    assert rows(simulation, "nameless_records")[0].keys() == {"coins", "reason", "createdAt"}
    other = rows(simulation, "other_history_fields")[0]
    assert other["amount"] == " -30.00 "
    assert task_id in other["remark"]
    unsigned = rows(simulation, "unsigned_coins")
    assert [(one["coins"], one["isConsumption"]) for one in unsigned] == [
        (30, True),
        (10**5, False),
    ]
    assert rows(simulation, "ignores_dates", startDate="2099-01-01T00:00:00Z")
    assert rows(simulation, "late_records") == []
    simulation.fault("history", "fails_past_end")
    assert simulation.client.get(HISTORY, params={"pageNum": 2}).status_code == 500


def test_bookings_are_planted_and_forgotten(simulation: Simulation) -> None:
    path = "/_simulator/bookings"
    planted = simulation.client.post(path, json={"coins": -7, "reason": "other"}).json()
    assert history(simulation) == [(-7, "other"), (100_000, "grant")]
    assert simulation.coins() == 99_993
    assert simulation.client.get(path).json()[1] == planted
    assert simulation.client.delete(f"{path}/{planted['id']}").status_code == 204
    assert history(simulation) == [(100_000, "grant")]
    assert simulation.client.delete(f"{path}/{planted['id']}").status_code == 404
    assert simulation.client.post(path, json={"coins": "few"}).status_code == 422


def test_the_history_can_be_asked_for_a_time(simulation: Simulation) -> None:
    simulation.clock.skip(60)
    simulation.start()
    assert history(simulation, startDate="2027-01-15T08:01:00Z") == [(-30, "start")]
    assert history(simulation, endDate="2027-01-15T08:00:00.000Z") == [(100_000, "grant")]
    assert simulation.client.get(HISTORY, params={"startDate": "soon"}).status_code == 400
    assert simulation.client.get(HISTORY, params={"pageSize": 101}).status_code == 400
