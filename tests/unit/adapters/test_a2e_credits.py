"""A2E's list of coins: read whole or not at all, whatever its records look like."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from image_to_video.adapters.a2e_credits import A2ECredits
from image_to_video.domain.coin_statements import Booking
from image_to_video.domain.errors import GeneratorAccessError, GeneratorUnavailableError
from image_to_video.domain.records import iso

from tests.support.corrupted_json import BOUNDED, corrupted
from tests.support.fake_a2e import TOKEN, accepted, pages, texts_of

SINCE = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
AT = SINCE + timedelta(hours=1)
TASK = "66f0c1a2b3c4d5e6f7a8b9c0"


def row(number: int = 1, **fields: Any) -> dict[str, Any]:
    made = {
        "_id": f"row{number:05}",
        "coins": -30,
        "createdAt": iso(AT - timedelta(seconds=number)),
    }
    return made | fields


def credits_of(answer: Callable[[httpx.Request], httpx.Response], token: str = TOKEN) -> A2ECredits:
    http = httpx.Client(base_url="https://a2e.example", transport=httpx.MockTransport(answer))
    return A2ECredits(http, lambda: token)


def read(*rows: Any) -> list[Booking]:
    return credits_of(pages(list(rows))).bookings(SINCE)


def test_it_asks_for_the_days_and_turns_the_pages() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        return pages([row(n) for n in range(250)])(request)

    assert len(credits_of(answer).bookings(SINCE)) == 250
    assert {request.url.path for request in asked} == {"/api/v1/transactionRecord/creditsHistory"}
    assert [request.url.params["pageNum"] for request in asked] == ["1", "2", "3", "4"]
    assert {request.url.params["startDate"] for request in asked} == {"2026-11-22T11:55:00.000Z"}


@pytest.mark.parametrize(
    ("fields", "coins"),
    [
        ({"coins": -30}, -30),
        ({"coins": " -30.00\n"}, -30),
        ({"coins": "+5"}, 5),
        ({"coins": 0}, 0),
        ({"coins": None, "amount": -7}, -7),
        ({"coins": -0.5}, -1),
        ({"coins": 30, "isConsumption": True}, -30),
        ({"coins": 30, "is_consumption": "true"}, -30),
        ({"coins": 30, "is_consumption": False}, 30),
    ],
)
def test_coins_are_read_for_what_they_can_mean(fields: dict[str, Any], coins: int) -> None:
    assert [one.coins for one in read(row(**fields))] == [coins]


@pytest.mark.parametrize("value", [iso(AT), int(AT.timestamp() * 1000), f" {iso(AT)}\n"])
@pytest.mark.parametrize("name", ["createdAt", "created_at", "createTime", "time"])
def test_so_is_the_moment(name: str, value: object) -> None:
    (booking,) = read({"coins": -30, name: value})
    assert booking.at == AT


@pytest.mark.parametrize(
    ("fields", "is_named"),
    [
        ({"task_id": TASK}, True),
        ({"videoId": TASK}, True),
        ({"task": {"_id": TASK}}, True),
        ({"remark": f"video ({TASK})"}, False),
    ],
)
def test_a_task_is_found_wherever_it_is_named(fields: dict[str, Any], is_named: bool) -> None:
    (booking,) = read(row(**fields))
    assert TASK in booking.mentions
    assert booking.names_task is is_named


def test_a_record_says_what_it_is_for_and_no_secret() -> None:
    (booking,) = read(row(reason="video", remark=f"https://x.example/a?sig=1 {TOKEN}"))
    assert booking.label == "video; https://x.example/a sk_..."


def test_what_is_older_is_left_out_also_where_dates_are_ignored() -> None:
    old = [row(n, createdAt=iso(SINCE - timedelta(days=n))) for n in range(1, 500)]
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["pageNum"])
        return pages([row(999), *old])(request)

    assert len(credits_of(answer).bookings(SINCE)) == 1
    assert asked == ["1"]


def test_a_record_on_two_pages_is_one_and_two_alike_on_one_page_are_two() -> None:
    alike = {"coins": -30, "createdAt": iso(AT)}
    shown = [[row(1), row(2)], [row(2), row(3), alike, alike], [alike], []]

    def answer(request: httpx.Request) -> httpx.Response:
        return accepted({"rows": shown[int(request.url.params["pageNum"]) - 1]})

    assert len(credits_of(answer).bookings(SINCE)) == 5


@pytest.mark.parametrize(
    "answer",
    [
        accepted(None),
        accepted({"rows": [{"createdAt": iso(AT)}]}),
        accepted({"rows": [{"coins": -30}]}),
        accepted({"rows": [{"coins": "many", "createdAt": iso(AT)}]}),
        accepted({"rows": ["no record"]}),
        httpx.Response(500),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"code": 7999, "data": None}),
        # The same page without end.
        accepted({"rows": [row()]}),
    ],
)
def test_what_cannot_be_read_whole_proves_nothing(answer: httpx.Response) -> None:
    def replied(_: httpx.Request) -> httpx.Response:
        return httpx.Response(answer.status_code, content=answer.content)

    with pytest.raises(GeneratorUnavailableError) as caught:
        credits_of(replied).bookings(SINCE)
    assert not [text for text in texts_of(caught.value) if TOKEN in text]


def test_a_page_that_fails_after_the_whole_was_seen_does_no_harm() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        is_first = request.url.params["pageNum"] == "1"
        return accepted({"rows": [row()], "total": 1}) if is_first else httpx.Response(500)

    assert len(credits_of(answer).bookings(SINCE)) == 1


@pytest.mark.parametrize("token", ["", "two words"])
def test_a_token_that_cannot_be_sent_is_not(token: str) -> None:
    with pytest.raises(GeneratorAccessError):
        credits_of(pages([]), token).bookings(SINCE)


def test_a_refused_token_is_the_account_s_trouble() -> None:
    with pytest.raises(GeneratorAccessError):
        credits_of(lambda _: httpx.Response(401, json={"code": 401})).bookings(SINCE)


def test_no_answer_is_none() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("gone", request=request)

    with pytest.raises(GeneratorUnavailableError, match="did not answer"):
        credits_of(fail).bookings(SINCE)
    assert credits_of(fail).balance() is None


@pytest.mark.parametrize(
    ("data", "coins"),
    [({"coins": 2836}, 2836), ({"remainingCoins": "12"}, 12), (7, 7), (None, None), ([], None)],
)
def test_the_balance_is_told_as_far_as_it_is_known(data: object, coins: int | None) -> None:
    assert credits_of(lambda _: accepted(data)).balance() == coins


@pytest.mark.parametrize(("at", "reaches"), [(SINCE, True), (AT, False)])
def test_it_knows_how_far_back_the_list_reaches(at: datetime, reaches: bool) -> None:
    """Also where A2E ignores the date and shows its newest records."""
    assert credits_of(pages([row(0, createdAt=iso(at))])).reaches_back_to(SINCE) is reaches


@BOUNDED
@given(corrupted({"rows": [row(task_id=TASK, reason="start")], "total": 1}))
def test_a_corrupted_answer_is_read_or_refused(data: object) -> None:
    try:
        bookings = credits_of(lambda _: accepted(data)).bookings(SINCE)
    except GeneratorUnavailableError:
        return
    assert all(isinstance(one.coins, int) and one.at >= SINCE for one in bookings)
