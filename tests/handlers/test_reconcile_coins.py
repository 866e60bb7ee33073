"""The schedule and an operator ask what A2E charged, through A2E's own list of coins."""

import httpx
import pytest
from image_to_video import clients
from pydantic import ValidationError

import functions.reconcile_coins.app as reconcile_coins
from tests.conftest import Application, Clock
from tests.handlers.conftest import invoke, sample
from tests.support.fake_a2e import accepted

CHARGE = {
    "_id": "row001",
    "coins": -30,
    "createdAt": "2026-11-21T12:00:00.000Z",
    "reason": "avatar",
}
GRANT = {"_id": "row002", "coins": 1000, "createdAt": "2026-01-01T12:00:00.000Z"}


def a2e_with_a_strange_charge(
    base_url: str, asked: list[httpx.Request] | None = None
) -> httpx.Client:
    """A2E's list of coins, with one charge that no task has caused."""

    def answer(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request)
        if request.url.path.endswith("remainingCoins"):
            return accepted({"coins": 970})
        is_first = request.url.params["pageNum"] == "1"
        return accepted({"rows": [CHARGE, GRANT] if is_first else [], "total": 2})

    return httpx.Client(base_url=base_url, transport=httpx.MockTransport(answer))


@pytest.fixture
def a2e(deployed: Application, monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """A2E, with one charge that no task has caused; what it was asked."""
    asked: list[httpx.Request] = []

    def http(base_url: str) -> httpx.Client:
        return a2e_with_a_strange_charge(base_url, asked)

    monkeypatch.setattr(clients, "generator_http", http)
    return asked


def test_the_schedule_compares_yesterday(a2e: list[httpx.Request], clock: Clock) -> None:
    answer = invoke(reconcile_coins.handler, sample("reconcile_coins/schedule"))
    assert (answer["since"], answer["balance"]) == ("2026-11-21T00:00:00.000Z", 970)
    (difference,) = answer["differences"]
    assert (difference["kind"], difference["charged"]) == ("charged_by_nobody_here", 30)
    assert difference["label"] == "avatar"
    assert {request.headers["Authorization"] for request in a2e} == {"Bearer sk_test"}


def test_by_hand_days_and_an_owner_are_asked_for(a2e: list[httpx.Request]) -> None:
    answer = invoke(reconcile_coins.handler, sample("reconcile_coins/by_hand"))
    assert (answer["since"], answer["until"]) == (
        "2026-11-20T00:00:00.000Z",
        "2026-11-22T11:00:00.000Z",
    )
    assert answer["differences"] == []


def test_a_day_that_is_none_is_refused(a2e: list[httpx.Request]) -> None:
    with pytest.raises(ValidationError):
        invoke(reconcile_coins.handler, {"from": "soon", "to": "2026-11-22"})
    assert not a2e
