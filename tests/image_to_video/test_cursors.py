"""Cursors: what was handed out comes back, and everything else is refused in one way."""

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_to_video.cursors import read_cursor, write_cursor
from image_to_video.errors import InvalidCursorError

POSITION = {"task_id": "t" * 32, "owner": "anna", "created_at": "2026-11-22T12:00:00.000Z"}


def encoded(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def test_a_cursor_fits_into_a_url_unquoted() -> None:
    cursor = write_cursor(POSITION | {"owner": "anna?/>~ü"})
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=")


@given(st.fixed_dictionaries(dict.fromkeys(POSITION, st.text(min_size=1))))
def test_a_cursor_comes_back_as_it_went(position: dict[str, str]) -> None:
    assert read_cursor(write_cursor(position), owner=position["owner"]) == position


def test_somebody_elses_cursor_is_refused() -> None:
    with pytest.raises(InvalidCursorError):
        read_cursor(write_cursor(POSITION), owner="boris")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "ü",
        "====",
        "not a cursor",
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
        encoded(None),
        encoded([]),
        encoded("anna"),
        encoded({}),
        encoded(list(POSITION)),
        encoded({"owner": "anna"}),
        encoded(POSITION | {"more": "x"}),
        encoded(POSITION | {"task_id": ""}),
        encoded(POSITION | {"created_at": ""}),
        encoded(POSITION | {"task_id": 5}),
        encoded(POSITION | {"task_id": None}),
        encoded(POSITION | {"owner": ["anna"]}),
        encoded({"task_id": {"S": "t"}, "owner": "anna", "created_at": "2026"}),
        write_cursor(POSITION)[:-8],
    ],
)
def test_what_was_never_handed_out_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        read_cursor(cursor, owner="anna")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*POSITION, "x"]), inner),
)


@given(
    st.text(st.characters(codec=None))
    | JSON.map(encoded)
    | st.binary().map(lambda content: base64.urlsafe_b64encode(content).decode())
)
def test_any_text_is_a_cursor_or_refused(cursor: str) -> None:
    with contextlib.suppress(InvalidCursorError):
        assert read_cursor(cursor, owner="anna")["owner"] == "anna"
