"""Single values of A2E, read for what they can mean."""

from datetime import UTC, datetime
from typing import Any

import pytest
from image_to_video.adapters.a2e_values import (
    link,
    moment,
    read,
    squashed,
    text_of,
    trimmed,
    whole_number,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        *((30, 30), ("30", 30), (" 30\n", 30), (30.0, 30), ("30.0", 30), ("-1", -1), (-0.0, 0)),
        *((None, None), (True, None), ("", None), ("many", None), (0.5, None), ("0.5", None)),
        *(("1e3", None), (10**400, None), ("9" * 10, None), (float("nan"), None), ([30], None)),
        *((float("inf"), None), ("\u0663", None), ("3 0", None)),
    ],
)
def test_a_whole_number_is_read_from_a_number_or_a_text(value: Any, number: int | None) -> None:
    assert whole_number(value) == number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((" a b\n", "a b"), ("\ufeffa\u200b", "a"), (7, "7"), (0.5, "0.5"), (0, ""), ("0", "")),
        *(
            (None, ""),
            (False, ""),
            (True, ""),
            ("null", ""),
            (" Undefined ", ""),
            ([], ""),
            ({}, ""),
        ),
        *((["a", None, " b "], "a; b"), ({"message": "a", "code": 7}, "a; 7"), ({"x": "a"}, "")),
        *(([[["deep"]]], ""), (10**400, ""), (float("nan"), "")),
    ],
)
def test_a_text_is_read_from_whatever_says_something(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_a_text_may_be_nested_without_end() -> None:
    nest: Any = "deep"
    for _ in range(5000):
        nest = [nest]
    assert text_of(nest) == text_of({"message": nest}) == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(("2026-11-22T12:00:00.000Z", NOON), (" 2026-11-22T14:00:00+02:00 ", NOON)),
        *((1795348800, NOON), ("1795348800", NOON), (1795348800000, NOON), (1795348800.0, None)),
        *(("2026-11-22", None), ("2026-11-22T12:00:00", None), (None, None), (True, None)),
        *(("", None), (20261122, None), ({}, None), ("9" * 13, None)),
    ],
)
def test_a_moment_is_read_where_it_is_one(value: Any, expected: datetime | None) -> None:
    found = moment(value)
    assert found == expected or (value == "9" * 13 and found is not None)


@pytest.mark.parametrize(
    "key", ["result_url", "resultUrl", "Result-URL", "RESULT_URL", " result url"]
)
def test_a_key_is_known_in_any_spelling(key: str) -> None:
    assert list(read({"other": 1, key: "x"}, "result_url")) == ["x"]
    assert squashed(key) == "resulturl"


def test_the_documented_spelling_comes_first_then_the_order_of_the_names() -> None:
    fields = {"b": 4, "resultUrl": 2, "result_url": 1, "Result_Url": 3}
    assert list(read(fields, "result_url", "b")) == [1, 2, 3, 4]


def test_invisible_characters_are_blanks_only_around_a_text() -> None:
    assert trimmed("\u3000\u2060a\u200bb\x00\x85") == "a\u200bb"


@pytest.mark.parametrize("written", ["HTTP://127.0.0.1:9/v.mp4", " http://127.0.0.1:9/v.mp4\n"])
def test_plain_http_is_kept_where_it_is_permitted(written: str) -> None:
    assert link(written, permit_http=True) == written.strip()
    found = link(written, permit_http=False)
    assert found == "https://127.0.0.1:9/v.mp4"
