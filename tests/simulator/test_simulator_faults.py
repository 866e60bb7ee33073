"""Faults on the calls: each one spoils what it says, charges or not, and only so many times."""

from typing import Any

import httpx
import pytest

from i2v.simulator.faults import ALLOWED, Call, Kind
from tests.support.patience import PATIENCE, until
from tests.support.simulation import FAMILY, Simulation

# Gives up an answer soon, and nothing else.
IMPATIENT = httpx.Timeout(PATIENCE, read=0.2)
NO_ANSWER = (httpx.RemoteProtocolError, httpx.ReadError)
REFUSED_START = {
    "http_400": 400,
    "http_500": 500,
    "http_502_html": 502,
    "http_429": 429,
    "http_401": 401,
    "free_plan_403": 403,
    "moderated": 403,
    "no_coins": 200,
    "code_nonzero": 200,
    "not_json": 200,
}
SPOILT_START = {
    "http_500_after": 500,
    "http_502_html_after": 502,
    "not_json_after": 200,
    "no_id": 200,
    "list_data": 200,
    "null_data": 200,
}


def order(simulation: Simulation, *faults: dict[str, Any]) -> httpx.Response:
    return simulation.client.post("/_simulator/faults", json=faults)


@pytest.mark.parametrize(("kind", "status"), REFUSED_START.items())
def test_a_refused_start_is_free_and_the_next_one_works(
    simulation: Simulation, kind: str, status: int
) -> None:
    simulation.fault("start", kind)
    answer = simulation.post_start()
    assert answer.status_code == status
    if "json" in answer.headers["content-type"]:
        assert answer.json()["code"] != 0
    assert simulation.ledger() == simulation.rows() == []
    assert simulation.post_start().json()["code"] == 0


@pytest.mark.parametrize(("kind", "status"), SPOILT_START.items())
def test_a_start_with_a_spoilt_answer_is_charged(
    simulation: Simulation, kind: str, status: int
) -> None:
    simulation.fault("start", kind)
    assert simulation.post_start(name="lost").status_code == status
    assert [charge["name"] for charge in simulation.ledger()] == ["lost"]
    assert [row["name"] for row in simulation.rows()] == ["lost"]


def test_the_shapes_of_a_spoilt_start(simulation: Simulation) -> None:
    for kind in ("no_id", "list_data", "null_data"):
        simulation.fault("start", kind)
    no_id, list_data, null_data = (simulation.post_start().json() for _ in range(3))
    assert no_id["code"] == list_data["code"] == null_data["code"] == 0
    assert no_id["data"]["name"] == "job-1"
    assert "_id" not in no_id["data"]
    assert [record["name"] for record in list_data["data"]] == ["job-1"]
    assert null_data["data"] is None


def test_the_texts_of_refusals_tell_them_apart(simulation: Simulation) -> None:
    for kind in ("free_plan_403", "moderated", "http_429", "http_502_html", "not_json"):
        simulation.fault("start", kind)
    plan, policy, throttle, gateway, text = (simulation.post_start() for _ in range(5))
    assert plan.json()["code"] == policy.json()["code"] == 403
    assert "Pro or Max" in plan.json()["msg"]
    assert "content policy" in policy.json()["msg"]
    assert throttle.headers["retry-after"] == "2"
    assert gateway.headers["content-type"].startswith("text/html")
    assert text.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(("kind", "charges"), [("reset_before", 0), ("reset_after", 1)])
def test_a_reset_start_gets_no_answer(simulation: Simulation, kind: str, charges: int) -> None:
    simulation.fault("start", kind)
    with pytest.raises(NO_ANSWER):
        simulation.post_start()
    assert len(simulation.ledger()) == len(simulation.rows()) == charges


def test_a_start_that_times_out_is_charged(simulation: Simulation) -> None:
    simulation.fault("start", "timeout_after")
    with pytest.raises(httpx.ReadTimeout):
        simulation.client.post(f"{FAMILY}/start", json=simulation.body(), timeout=IMPATIENT)
    until(simulation.ledger)
    assert len(simulation.ledger()) == 1


def test_an_answer_held_back_to_the_end_never_comes(simulation: Simulation) -> None:
    simulation.fault("start", "timeout_after", seconds=0.1)
    with pytest.raises(NO_ANSWER):
        simulation.post_start()
    assert len(simulation.ledger()) == 1


@pytest.mark.parametrize("on", [call for call in Call if call not in {Call.DOWNLOAD, Call.WEBHOOK}])
def test_a_slow_answer_is_whole(simulation: Simulation, on: Call) -> None:
    task_id = simulation.start()["_id"]
    simulation.fault(on, "slow", seconds=0.05)
    answer = call(simulation, on, task_id)
    assert answer.json()["code"] == 0
    assert simulation.client.get("/_simulator/faults").json() == []


def call(  # noqa: PLR0911 - one return for each call
    simulation: Simulation, on: Call, task_id: str
) -> httpx.Response:
    match on:
        case Call.START:
            return simulation.post_start()
        case Call.DETAIL:
            return simulation.detail(task_id)
        case Call.LIST:
            return simulation.all_records()
        case Call.BATCH:
            return simulation.batch(task_id)
        case Call.DELETE:
            return simulation.delete(task_id)
        case Call.HISTORY:
            return simulation.client.get("/api/v1/transactionRecord/creditsHistory")
        case Call.BALANCE:
            return simulation.client.get("/api/v1/user/remainingCoins")
        case Call.DOWNLOAD:
            return simulation.client.get(f"/results/{task_id}.mp4")
        case Call.WEBHOOK:
            raise ValueError("a webhook is a call of the simulator")


@pytest.mark.parametrize("on", [*[*Call][1:5], Call.HISTORY, Call.BALANCE])
@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("http_500", 500),
        ("http_502_html", 502),
        ("http_429", 429),
        ("http_401", 401),
        ("free_plan_403", 403),
        ("code_nonzero", 200),
        ("not_json", 200),
        ("null_data", 200),
    ],
)
def test_other_calls_fail_as_often_as_ordered(
    simulation: Simulation, on: Call, kind: str, status: int
) -> None:
    task_id = simulation.start()["_id"]
    simulation.fault(on, kind)
    answer = call(simulation, on, task_id)
    assert answer.status_code == status
    if kind == "null_data":
        assert answer.json()["data"] is None
    elif status == 200 and kind == "code_nonzero":
        assert answer.json()["code"] != 0
    if not (on is Call.DELETE and kind == "null_data"):
        assert call(simulation, on, task_id).json()["code"] == 0


@pytest.mark.parametrize("on", [Call.DETAIL, Call.LIST, Call.BATCH, Call.DELETE])
@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_other_calls_can_be_reset(simulation: Simulation, on: Call, kind: str) -> None:
    task_id = simulation.start()["_id"]
    simulation.fault(on, kind)
    with pytest.raises(NO_ANSWER):
        call(simulation, on, task_id)
    deleted = on is Call.DELETE and kind == "reset_after"
    assert simulation.detail(task_id).status_code == (404 if deleted else 200)


@pytest.mark.parametrize("kind", ["http_500_after", "http_502_html_after", "not_json_after"])
def test_a_delete_with_a_spoilt_answer_is_done(simulation: Simulation, kind: str) -> None:
    task_id = simulation.start()["_id"]
    simulation.fault("delete", kind)
    simulation.delete(task_id)
    assert simulation.detail(task_id).status_code == 404
    assert simulation.coins() == 100_000


@pytest.mark.parametrize("on", [Call.DETAIL, Call.LIST, Call.BATCH])
@pytest.mark.parametrize(
    ("kind", "status"), [("unknown_status", "rescheduled"), ("completed_without_url", "completed")]
)
def test_a_task_can_be_shown_wrongly_once(
    simulation: Simulation, on: Call, kind: str, status: str
) -> None:
    task_id = simulation.start()["_id"]
    simulation.fault(on, kind)
    record = only_record(call(simulation, on, task_id))
    assert record["current_status"] == status
    assert not record.get("result_url")
    assert only_record(call(simulation, on, task_id))["current_status"] == "initialized"


def only_record(answer: httpx.Response) -> dict[str, Any]:
    data = answer.json()["data"]
    rows = data if isinstance(data, list) else data.get("rows", [data])
    [record] = rows
    assert isinstance(record, dict)
    return record


def test_a_detail_can_come_as_a_list(simulation: Simulation) -> None:
    task_id = simulation.start()["_id"]
    simulation.fault("detail", "list_data")
    assert [record["_id"] for record in simulation.detail(task_id).json()["data"]] == [task_id]


def test_a_task_can_be_missing(simulation: Simulation) -> None:
    lost, shown = simulation.start(name="lost")["_id"], simulation.start(name="shown")["_id"]
    for on in ("list", "batch", "detail"):
        simulation.fault(on, "missing_from_list", match="lost")
    assert [row["_id"] for row in simulation.rows()] == [shown]
    assert [r["_id"] for r in simulation.batch(lost, shown).json()["data"]] == [shown]
    assert simulation.detail(shown).status_code == 200
    assert simulation.detail(lost).status_code == 404
    assert simulation.detail(lost).status_code == 200


@pytest.mark.parametrize("on", [Call.START, Call.DETAIL, Call.LIST, Call.BATCH])
def test_a_stuck_task_never_ends_until_the_faults_are_cleared(
    simulation: Simulation, on: Call
) -> None:
    if on is Call.START:
        simulation.fault(on, "stuck")
        task_id = simulation.start()["_id"]
    else:
        task_id = simulation.start()["_id"]
        simulation.fault(on, "stuck", match=task_id)
        call(simulation, on, task_id)
    simulation.clock.skip(9999)
    assert simulation.status(task_id) == "processing"
    assert simulation.delete(task_id).status_code == 400
    simulation.client.delete("/_simulator/faults")
    assert simulation.ended(task_id)["current_status"] == "completed"


@pytest.mark.parametrize("on", [Call.START, Call.DETAIL, Call.LIST, Call.BATCH])
def test_a_task_told_to_fail_fails_after_its_time(simulation: Simulation, on: Call) -> None:
    if on is Call.START:
        simulation.fault(on, "fails")
        task_id = simulation.start()["_id"]
    else:
        task_id = simulation.start()["_id"]
        simulation.fault(on, "fails")
        call(simulation, on, task_id)
    simulation.clock.skip(9)
    assert simulation.status(task_id) == "processing"
    simulation.client.delete("/_simulator/faults")
    record = simulation.ended(task_id)
    assert (record["current_status"], record["failed_code"]) == ("failed", "generation_error")
    assert record["failed_message"]


def test_moderation_after_the_start_fails_the_task(simulation: Simulation) -> None:
    task_id = simulation.start()["_id"]
    simulation.fault("detail", "moderated")
    simulation.detail(task_id)
    record = simulation.ended(task_id)
    assert record["current_status"] == "failed"
    assert "content policy" in record["failed_message"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [("link_expired", 403), ("http_500", 500), ("http_502_html", 502), ("http_429", 429)],
)
def test_a_download_can_be_refused(simulation: Simulation, kind: str, status: int) -> None:
    url = simulation.completed()["result_url"]
    simulation.fault("download", kind)
    assert simulation.client.get(url).status_code == status
    assert simulation.client.get(url).status_code == 200


def test_a_download_can_stop_half_way(simulation: Simulation) -> None:
    url = simulation.completed()["result_url"]
    whole = simulation.client.get(url).content
    simulation.fault("download", "truncated")
    with simulation.client.stream("GET", url) as answer:
        assert int(answer.headers["content-length"]) == len(whole)
        received, broken = read_until_broken(answer)
    assert broken
    assert received == whole[: len(whole) // 2]
    rest = simulation.client.get(url, headers={"range": f"bytes={len(received)}-"})
    assert received + rest.content == whole


def read_until_broken(answer: httpx.Response) -> tuple[bytes, bool]:
    received = b""
    try:
        for piece in answer.iter_raw():
            received += piece
    except NO_ANSWER:
        return received, True
    return received, False


def test_a_download_can_be_reset(simulation: Simulation) -> None:
    url = simulation.completed()["result_url"]
    simulation.fault("download", "reset_before")
    with pytest.raises(NO_ANSWER):
        simulation.client.get(url)


def test_a_download_can_be_something_else_slow_or_held_back(simulation: Simulation) -> None:
    url = simulation.completed()["result_url"]
    whole = simulation.client.get(url).content
    simulation.fault("download", "wrong_content")
    page = simulation.client.get(url)
    assert (page.status_code, page.headers["content-type"].split(";")[0]) == (200, "text/html")
    simulation.fault("download", "slow", seconds=0.05)
    slow = simulation.client.get(url)
    assert slow.content == whole
    assert int(slow.headers["content-length"]) == len(whole)
    simulation.fault("download", "timeout_after")
    with pytest.raises(httpx.ReadTimeout):
        simulation.client.get(url, timeout=IMPATIENT)


def test_a_fault_meets_only_the_task_it_names_as_often_as_it_says(simulation: Simulation) -> None:
    one, other = simulation.start(name="one")["_id"], simulation.start(name="other")["_id"]
    simulation.fault("detail", "http_500", match="one", times=2)
    statuses = [simulation.detail(t).status_code for t in (other, one, other, one, one)]
    assert statuses == [200, 500, 200, 500, 200]
    simulation.fault("detail", "http_500", match=other)
    assert simulation.detail(other).status_code == 500


def test_the_first_matching_fault_goes_first(simulation: Simulation) -> None:
    order(
        simulation,
        {"on": "start", "kind": "http_401", "match": "other"},
        {"on": "start", "kind": "http_500"},
        {"on": "start", "kind": "http_429"},
    )
    assert [simulation.post_start().status_code for _ in range(3)] == [500, 429, 200]


def test_a_call_that_is_refused_anyway_uses_up_no_fault(simulation: Simulation) -> None:
    simulation.fault("start", "http_500")
    assert simulation.post_start(prompt="").status_code == 400
    assert simulation.post_start().status_code == 500


def test_the_faults_left_can_be_read_and_cleared(simulation: Simulation) -> None:
    simulation.fault("start", "http_500", times=2)
    simulation.post_start()
    entry = {"on": "start", "kind": "http_500", "times": 1, "match": None}
    entry |= {"seconds": None, "text": None}
    assert simulation.client.get("/_simulator/faults").json() == [entry]
    assert simulation.client.delete("/_simulator/faults").json() == []
    assert simulation.post_start().status_code == 200


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"on": "start", "kind": "explodes"}, "kind"),
        ({"on": "lunch", "kind": "http_500"}, "on"),
        ({"on": "download", "kind": "no_id"}, "'no_id' makes no sense on 'download'"),
        ({"on": "detail", "kind": "link_expired"}, "'link_expired' makes no sense on 'detail'"),
        ({"on": "detail", "kind": "http_500_after"}, "makes no sense"),
        ({"on": "start", "kind": "http_500", "times": 0}, "times"),
        ({"on": "start", "kind": "http_500", "often": 1}, "often"),
        ({"kind": "http_500"}, "on"),
    ],
)
def test_a_wrong_order_is_422_and_orders_nothing(
    simulation: Simulation, wrong: dict[str, Any], said: str
) -> None:
    answer = order(simulation, {"on": "start", "kind": "http_500"}, wrong)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("1")
    assert said in answer.json()["error"]
    assert simulation.client.get("/_simulator/faults").json() == []


def test_every_kind_makes_sense_somewhere() -> None:
    assert frozenset().union(*ALLOWED.values()) == frozenset(Kind)
