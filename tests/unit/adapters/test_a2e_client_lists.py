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
from image_to_video.domain.records import iso
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


@pytest.mark.parametrize("shape", ["rows", "list", "records", "items", "data", "Rows", None])
def test_a_start_is_found_by_its_exact_name(shape: str | None) -> None:
    rows = [
        at(3, name=f"{NAME}0"),
        at(2, name=NAME[:-1]),
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
    rows = [at(1, name=f"{NAME}0"), at(1, name=NAME[1:]), at(1, name=None), at(1, name=[NAME, "x"])]
    assert find(FakeA2E(list=pages(rows))) is None


@pytest.mark.parametrize("shown", [f" {NAME}", f"{NAME}\n", f"\ufeff{NAME}\u200b", NAME.upper()])
@pytest.mark.parametrize("key", ["name", "Name"])
def test_a_name_is_read_with_blanks_around_it_and_in_any_case(key: str, shown: str) -> None:
    row = {k: v for k, v in ours(1, _id=f"{ID} ", coins="30").items() if k != "name"} | {key: shown}
    assert find(FakeA2E(list=pages([at(2), row]))) == Started(ID, 30)


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


@pytest.mark.parametrize("wrong", [None, "", "x", "a/b/c/d", [ID], {"$oid": ID}])
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
    full = pages([at(5, _id=f"other-{number}") for number in range(1000)])
    a2e = FakeA2E(list=[*[full] * (page - 1), trouble])
    with pytest.raises(GeneratorUnavailableError):
        find(a2e)
    assert a2e.kinds() == ["list"] * page


def test_refused_access_says_nothing_about_the_start() -> None:
    with pytest.raises(GeneratorAccessError):
        find(FakeA2E(list=httpx.Response(401, json={"code": 401})))


def test_a_list_without_an_end_is_given_up() -> None:
    def endless(request: httpx.Request) -> httpx.Response:
        return accepted([at(5, _id=f"other-{request.url.params['pageNum']}")] * 100)

    a2e = FakeA2E(list=endless)
    with pytest.raises(GeneratorError):
        find(a2e)
    assert len(a2e.requests) == 100


def test_a_list_that_does_not_turn_its_pages_never_says_absent() -> None:
    a2e = FakeA2E(list=accepted([at(5)] * 100))
    with pytest.raises(GeneratorUnavailableError):
        find(a2e)
    assert len(a2e.requests) == 2


def numbered(rows: int) -> list[Any]:
    """Other records, all younger than the attempt, from new to old."""
    return [at(900 - number, _id=f"other-{number:04}") for number in range(rows)]


NOT_FURTHER = [
    *TROUBLE,
    httpx.Response(401, json={"code": 401}),
    httpx.Response(429, json={"code": 429}),
    httpx.Response(200, json={"code": 9, "msg": "no coins"}),
]


@pytest.mark.parametrize("trouble", NOT_FURTHER)
def test_one_match_proves_a_start_whatever_becomes_of_later_pages(trouble: Reply) -> None:
    rows = [*numbered(30), ours(1)]
    assert find(FakeA2E(list=[accepted({"rows": rows}), trouble])) == Started(ID, 30)
    shown = [accepted({"rows": numbered(30)}), accepted({"rows": [ours(1)]}), trouble]
    assert find(FakeA2E(list=shown)) == Started(ID, 30)
    assert find(FakeA2E(list=[accepted(rows), trouble])) == Started(ID, 30)


def test_a_match_ends_the_reading_of_a_list_without_an_end() -> None:
    a2e = FakeA2E(list=accepted({"rows": [*numbered(99), ours(1)]}))
    assert find(a2e) == Started(ID, 30)
    assert len(a2e.requests) == 2


def test_a_match_on_the_page_after_is_seen_too_and_the_oldest_taken() -> None:
    metrics.clear_metrics()
    shown = [[*numbered(3), ours(2, _id="second-one")], [ours(1, _id="first-one")], numbered(3)]
    a2e = FakeA2E(list=[accepted({"rows": rows}) for rows in shown])
    assert find(a2e) == Started("first-one", 30)
    assert list(metrics.metric_set) == ["StartsDoubled"]
    assert len(a2e.requests) == 2


def test_a_match_without_an_id_does_not_end_the_reading() -> None:
    shown: list[Reply] = [accepted([ours(1, _id=None)]), accepted(numbered(3)), accepted([ours(1)])]
    assert find(FakeA2E(list=shown)) == Started(ID, 30)
    with pytest.raises(GeneratorUnavailableError):
        find(FakeA2E(list=[shown[0], httpx.Response(500)]))


@pytest.mark.parametrize(
    "dates",
    [
        ("2026-11-22T12:00:01Z", "2026-11-22T14:00:00+02:00"),
        (" 2026-11-22T12:00:01.000Z\n", 1795348800),
        (1795348801000, "1795348800000"),
        (None, None),
        ("soon", None),
    ],
)
def test_of_several_the_oldest_is_taken_however_dates_are_written(dates: tuple[Any, Any]) -> None:
    rows = [ours(0, _id=f"number-{number}", createdAt=date) for number, date in enumerate(dates)]
    assert find(FakeA2E(list=pages(rows))) == Started("number-1", 30)


def test_one_task_shown_twice_with_other_coins_is_one_start() -> None:
    metrics.clear_metrics()
    assert find(FakeA2E(list=pages([ours(1, coins=None), ours(1)]))) == Started(ID, 30)
    assert not metrics.metric_set


@pytest.mark.parametrize("rows", [1, 30, 100, 150, 200])
@pytest.mark.parametrize("past_the_end", NOT_FURTHER)
@pytest.mark.parametrize("key", ["total", "totalCount", "Total"])
def test_a_list_whose_total_is_reached_has_been_read_whole(
    key: str, past_the_end: Reply, rows: int
) -> None:
    listed = numbered(rows)
    shown: list[Reply] = [
        accepted({"rows": listed[begin : begin + 100], key: str(rows)})
        for begin in range(0, rows, 100)
    ]
    assert find(FakeA2E(list=[*shown, past_the_end])) is None
    # The last page again.
    assert find(FakeA2E(list=shown)) is None


@pytest.mark.parametrize("trouble", NOT_FURTHER)
@pytest.mark.parametrize("total", [31, 3000, -1, None, "many", True, 29])
def test_without_reaching_the_total_an_error_leaves_it_open(trouble: Reply, total: object) -> None:
    page = accepted({"rows": numbered(30), "total": total})
    with pytest.raises((GeneratorUnavailableError, GeneratorAccessError)):
        find(FakeA2E(list=[page, trouble]))
    with pytest.raises(GeneratorUnavailableError):
        find(FakeA2E(list=page))


@pytest.mark.parametrize("size", [10, 20, 99, 100])
def test_a_total_that_counts_the_page_alone_ends_nothing(size: int) -> None:
    rows = [*numbered(size * 2 + 5), ours(1)]
    parts = [rows[begin : begin + size] for begin in range(0, len(rows) + size, size)]
    shown: list[Reply] = [accepted({"rows": part, "total": len(part)}) for part in parts]
    assert find(FakeA2E(list=shown)) == Started(ID, 30)
    absent: list[Reply] = [accepted({"rows": part[:-1], "total": len(part)}) for part in parts]
    assert find(FakeA2E(list=absent)) is None
    with pytest.raises(GeneratorUnavailableError):
        find(FakeA2E(list=[*shown[:2], httpx.Response(500)]))


def test_a_total_that_counts_expired_records_too_does_not_hinder_the_end() -> None:
    assert find(FakeA2E(list=[accepted({"rows": numbered(3), "total": 9}), accepted([])])) is None


@pytest.mark.parametrize("size", [10, 20, 50])
def test_pages_of_a_size_of_its_own_are_read_to_the_end(size: int) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        begin = (int(request.url.params["pageNum"]) - 1) * size
        return accepted({"list": rows[begin : begin + size]})

    rows = [*numbered(205), ours(0)]
    assert find(FakeA2E(list=answer)) == Started(ID, 30)
    del rows[-1]
    assert find(FakeA2E(list=answer)) is None


def test_new_tasks_that_push_records_down_hide_nothing_and_prove_nothing_false() -> None:
    rows = numbered(250)

    def growing(request: httpx.Request) -> httpx.Response:
        shown = pages(list(rows))(request)
        rows.insert(0, at(999, _id=f"new-{request.url.params['pageNum']}"))
        return shown

    assert find(FakeA2E(list=growing)) is None
    rows = [*numbered(199), ours(1)]
    assert find(FakeA2E(list=growing)) == Started(ID, 30)


@pytest.mark.parametrize("later", [numbered(150)[101:], [at(0), at(-9), at(-99)]])
def test_a_list_that_became_shorter_while_it_was_read_never_says_absent(later: list[Any]) -> None:
    """The record at the top of the second page moved to the first, which was read already."""
    rows = [*numbered(100), ours(1), *later]

    def shrinking(request: httpx.Request) -> httpx.Response:
        shown = pages(list(rows))(request)
        if request.url.params["pageNum"] == "1":
            del rows[5]
        return shown

    with pytest.raises(GeneratorUnavailableError, match="shorter"):
        find(FakeA2E(list=shrinking))


def test_a_repeated_page_is_known_by_its_ids() -> None:
    """Statuses and signatures of links change between two readings of the same page."""

    def repeating(request: httpx.Request) -> httpx.Response:
        turn = request.url.params["pageNum"]
        return accepted([row | {"result_url": f"https://a.example/?{turn}"} for row in numbered(9)])

    a2e = FakeA2E(list=repeating)
    with pytest.raises(GeneratorUnavailableError, match="again and again"):
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
