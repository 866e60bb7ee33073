"""Records of A2E and lists of them: what a reading of the list may say."""

from typing import Any

import pytest
from image_to_video.adapters.a2e_records import ListReading, id_of, records_in, rows_in
from image_to_video.domain.errors import GeneratorUnavailableError

ID = "66f0c1a2b3c4d5e6f7a8b9c0"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"_id": ID}, ID),
        ({"_id": f" {ID}\t"}, ID),
        ({"id": ID}, ID),
        ({"_id": "", "id": ID}, ID),
        ({"_id": ID, "id": "another"}, ID),
        ({"_id": 1234567}, "1234567"),
        ({"_id": True}, None),
        ({"_id": "a/b/c/d"}, None),
        ({"_id": [ID]}, None),
        ({"user_id": ID}, None),
        ({}, None),
    ],
)
def test_an_id_is_read_where_a_record_has_one(record: Any, expected: str | None) -> None:
    assert id_of(record) == expected


@pytest.mark.parametrize(
    ("data", "ids"),
    [
        ({"_id": ID}, [ID]),
        ([{"_id": ID}, None, {"_id": "another"}], [ID, "another"]),
        ({"Records": [{"_id": ID}]}, [ID]),
        ({"0": {"_id": ID}, "1": {"_id": "another"}}, [ID, "another"]),
        ({ID: {"_id": ID}}, [ID]),
        ({"user": {"_id": ID}}, []),
        ({}, []),
        (None, []),
        ("text", []),
    ],
)
def test_records_are_found_in_every_wrapping(data: Any, ids: list[str]) -> None:
    assert [id_of(record) for record in records_in(data)] == ids


@pytest.mark.parametrize("data", [None, "none", {}, {"rows": None}, {"rows": {}}, {"total": 0}, 7])
def test_what_holds_no_list_is_not_an_empty_one(data: Any) -> None:
    assert rows_in(data) is None


def page(*ids: Any, **more: Any) -> dict[str, Any]:
    return {"rows": [{"_id": f"number-{one}"} if one else {} for one in ids], **more}


def read(*shown: dict[str, Any]) -> tuple[bool, bool]:
    """Whether the reading is over and whether it is whole, after these pages."""
    reading, over = ListReading(None), False
    for one in shown:
        assert not over
        over = reading.add(one, one["rows"])
    return over, reading.is_whole


def test_only_a_page_with_nothing_or_a_repeated_one_with_all_of_it_ends_a_list() -> None:
    assert read(page(1, 2)) == (False, False)
    assert read(page(1, 2), page()) == (True, False)
    assert read(page(1, 2, total=2)) == (False, True)
    assert read(page(1, 2, total=2), page(1, 2, total=2)) == (True, True)
    assert read(page(1, 2, total=3), page(2, 3, total=3)) == (False, True)
    assert read(page(1, 2, total=2), page(2, 3, total=2)) == (False, False)
    assert read(page(1, 2, total=9), page(2, 1, total=9)) == (False, False)


def test_a_repeated_page_without_all_of_it_says_nothing() -> None:
    for first in (page(1, 2), page(1, 2, total=3), page(None, None)):
        with pytest.raises(GeneratorUnavailableError, match="again and again"):
            read(first, first)


def test_a_list_that_shrank_is_over_only_where_all_of_it_was_seen_before() -> None:
    with pytest.raises(GeneratorUnavailableError, match="shorter"):
        read(page(1, 2, total=4), page(4, total=3), page(total=3))
    assert read(page(1, 2, total=2), page(total=1)) == (True, True)
