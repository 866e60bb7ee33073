"""Looking a start up by its name: found, certainly absent, or unknown now."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from image_to_video.domain.errors import (
    GeneratorAccessError,
    GeneratorError,
    GeneratorUnavailableError,
)
from image_to_video.domain.generator import Started
from image_to_video.domain.task import iso
from image_to_video.observability import metrics

from tests.support.fake_a2e import ID, REQUEST, FakeA2E, Reply, accepted, pages, record

SINCE = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NAME = REQUEST.name


def at(minutes: float, **fields: Any) -> dict[str, Any]:
    """Somebody else's record, made so many minutes after the attempt."""
    made = {"createdAt": iso(SINCE + timedelta(minutes=minutes)), "name": "another"}
    return record(_id=f"other{minutes:+.2f}".replace(".", "_").replace("+", "-")) | made | fields


def ours(minutes: float, **fields: Any) -> dict[str, Any]:
    return at(minutes, name=NAME, _id=ID, coins=30) | fields


def find(a2e: FakeA2E) -> Started | None:
    return a2e.client.find(NAME, since=SINCE)


@pytest.mark.parametrize("shape", ["rows", "list", "records", "items", "data", None])
def test_a_start_is_found_by_its_exact_name(shape: str | None) -> None:
    rows = [
        at(3, name=f"{NAME}0"),
        at(2, name=NAME[:-1]),
        at(2, name=NAME.upper()),
        at(2, name=None),
        "not a record",
        ours(1),
    ]
    shown: list[Reply] = [accepted({shape: part} if shape else part) for part in (rows, [])]
    a2e = FakeA2E(list=shown)
    assert find(a2e) == Started(ID, 30)
    assert [dict(request.url.params) for request in a2e.requests] == [
        {"pageNum": "1", "pageSize": "100"},
        {"pageNum": "2", "pageSize": "100"},
    ]


def test_pages_shorter_than_asked_for_do_not_end_the_list() -> None:
    rows = [at(5 - number / 10) for number in range(30)] + [ours(1)]
    parts = [rows[begin : begin + 10] for begin in range(0, 50, 10)]
    assert find(FakeA2E(list=[accepted({"rows": part}) for part in parts])) == Started(ID, 30)


def test_a_name_that_is_only_similar_is_absent() -> None:
    rows = [at(1, name=f"{NAME}0"), at(1, name=f" {NAME}"), at(1, name=None)]
    assert find(FakeA2E(list=pages(rows))) is None


def test_an_empty_list_is_an_answer() -> None:
    assert find(FakeA2E(list=pages([]))) is None


@pytest.mark.parametrize("place", [0, 99, 100, 150, 199, 200, 249])
@pytest.mark.parametrize("order", ["new to old", "old to new", "none", "undated"])
def test_a_start_is_found_on_every_page_in_every_order(place: int, order: str) -> None:
    minutes = [float(250 - number) / 10 for number in range(250)]
    if order == "old to new":
        minutes.reverse()
    if order == "none":
        minutes = [minutes[number * 77 % 250] for number in range(250)]
    rows = [at(moment) for moment in minutes]
    if order == "undated":
        rows = [row | {"createdAt": None} for row in rows]
    rows[place] |= {"name": NAME, "_id": ID, "coins": 30}
    assert find(FakeA2E(list=pages(rows))) == Started(ID, 30)


def test_reading_ends_at_records_older_than_the_attempt() -> None:
    rows = [at(-number / 10) for number in range(1000)]
    a2e = FakeA2E(list=pages(rows))
    assert find(a2e) is None
    assert a2e.kinds() == ["list"]


def test_clocks_may_differ_by_minutes() -> None:
    rows = [at(-number / 25) for number in range(100)] + [ours(-4.9)]
    assert find(FakeA2E(list=pages(rows))) == Started(ID, 30)


@pytest.mark.parametrize("rows", [100, 101, 200, 250])
def test_a_list_from_old_to_new_is_read_to_its_end(rows: int) -> None:
    listed = [at(number / 10 - 1000) for number in range(rows)]
    listed[-1] = ours(0)
    assert find(FakeA2E(list=pages(listed))) == Started(ID, 30)


def test_records_that_are_none_do_not_end_the_list() -> None:
    rows: list[Any] = [at(5 - number / 100) for number in range(250)]
    rows[7], rows[108], rows[249] = None, "?", ours(0)
    assert find(FakeA2E(list=pages(rows))) == Started(ID, 30)
    assert find(FakeA2E(list=pages([None, *range(200), ours(0)]))) == Started(ID, 30)


def test_of_several_the_oldest_is_taken_and_counted() -> None:
    metrics.clear_metrics()
    rows = [ours(3, _id="third-one"), ours(1, _id="first-one"), ours(2, _id="second-one")]
    assert find(FakeA2E(list=pages(rows))) == Started("first-one", 30)
    assert list(metrics.metric_set) == ["StartsDoubled"]


def test_a_record_seen_on_two_pages_is_one_start() -> None:
    metrics.clear_metrics()
    rows = [at(9 - number / 100) for number in range(99)] + [ours(1), ours(1), at(0)]
    assert find(FakeA2E(list=pages(rows))) == Started(ID, 30)
    assert not metrics.metric_set


@pytest.mark.parametrize("wrong", [None, "", "x", "a/b/c/d", f"{ID}\n"])
def test_a_start_shown_without_an_id_is_not_absent(wrong: object) -> None:
    with pytest.raises(GeneratorUnavailableError):
        find(FakeA2E(list=pages([ours(1, _id=wrong)])))
    rows = [ours(1, _id=wrong), ours(2)]
    assert find(FakeA2E(list=pages(rows))) == Started(ID, 30)


TROUBLE = [
    httpx.Response(500),
    httpx.Response(404, json={"code": 404}),
    httpx.Response(400, json={"code": 400, "msg": "pageSize"}),
    httpx.Response(200, content=b"<html>"),
    httpx.Response(200, json={"code": 9}),
    httpx.Response(200, json={"data": {"rows": []}}),
    httpx.Response(302, json={"code": 0, "data": {"rows": []}}),
    accepted(None),
    accepted({}),
    accepted({"rows": None}),
    accepted({"rows": {}}),
    accepted("none"),
    accepted({"total": 0}),
    httpx.ReadTimeout("timed out"),
    httpx.ReadError("reset"),
]


@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("page", [1, 2, 3])
def test_a_list_not_read_to_its_end_never_says_absent(trouble: Reply, page: int) -> None:
    full = pages([at(5, prompt=str(number)) for number in range(1000)])
    a2e = FakeA2E(list=[*[full] * (page - 1), trouble])
    with pytest.raises(GeneratorUnavailableError):
        find(a2e)
    assert a2e.kinds() == ["list"] * page


def test_refused_access_says_nothing_about_the_start() -> None:
    with pytest.raises(GeneratorAccessError):
        find(FakeA2E(list=httpx.Response(401, json={"code": 401})))


def test_a_list_without_an_end_is_given_up() -> None:
    def endless(request: httpx.Request) -> httpx.Response:
        return accepted([at(5, prompt=request.url.params["pageNum"])] * 100)

    a2e = FakeA2E(list=endless)
    with pytest.raises(GeneratorError):
        find(a2e)
    assert len(a2e.requests) == 100


def test_a_list_that_does_not_turn_its_pages_never_says_absent() -> None:
    a2e = FakeA2E(list=accepted([at(5)] * 100))
    with pytest.raises(GeneratorUnavailableError):
        find(a2e)
    assert len(a2e.requests) == 2


@pytest.mark.parametrize(
    "moment",
    [
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2026-11-22",
        "yesterday",
        20261122,
        None,
        {},
    ],
)
def test_dates_of_every_kind_are_survived(moment: object) -> None:
    rows = [at(5, createdAt=moment) for _ in range(100)] + [ours(1, createdAt=moment)]
    assert find(FakeA2E(list=pages(rows))) == Started(ID, 30)
