"""Cursors: what was handed out comes back, and everything else is refused in one way."""

import base64
import contextlib
import hmac
import json
from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_to_video.adapters.task_queries import EVERY_TASK, TaskFilter
from image_to_video.domain.errors import InvalidCursorError
from image_to_video.domain.statuses import TaskStatus
from image_to_video.lifecycle.cursors import Cursors, filter_digest

from tests.support.samples import NOW

KEY = b"k" * 64
POSITION = {"task_id": "t" * 32, "owner": "anna", "created_at": "2026-11-22T12:00:00.000Z"}
ALL = filter_digest(EVERY_TASK)
CURSORS = Cursors(lambda: KEY)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

TEXTS = st.text(min_size=1, max_size=60)
POSITIONS = st.fixed_dictionaries(dict.fromkeys(POSITION, TEXTS), optional={"listed_under": TEXTS})
MOMENTS = st.none() | st.integers(-(10**8), 10**10).map(lambda s: NOW + timedelta(seconds=s))
PAIRS = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)
FILTERS = st.builds(TaskFilter, st.frozensets(st.sampled_from(TaskStatus)), MOMENTS, MOMENTS, PAIRS)


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def refused(cursor: str, *, owner: str = "anna", filters: bytes = ALL) -> str:
    """Why a cursor is refused."""
    with pytest.raises(InvalidCursorError) as caught:
        CURSORS.read(cursor, owner=owner, filters=filters)
    return str(caught.value)


@given(POSITIONS, FILTERS)
def test_a_cursor_comes_back_as_it_went_and_fits_into_a_url(
    position: dict[str, str], filters: TaskFilter
) -> None:
    digest = filter_digest(filters)
    cursor = CURSORS.write(position, digest)
    assert set(cursor) <= set(ALPHABET)
    assert CURSORS.read(cursor, owner=position["owner"], filters=digest) == position


@given(POSITIONS, st.text(min_size=1))
def test_another_owners_cursor_is_refused(position: dict[str, str], owner: str) -> None:
    if owner != position["owner"]:
        assert "not one that a list" in refused(CURSORS.write(position, ALL), owner=owner)


@given(FILTERS, FILTERS)
def test_a_cursor_of_another_filter_is_refused_with_that_reason(
    made: TaskFilter, used: TaskFilter
) -> None:
    cursor = CURSORS.write(POSITION, filter_digest(made))
    if filter_digest(made) != filter_digest(used):
        assert "other filters" in refused(cursor, filters=filter_digest(used))


def test_each_part_of_the_filter_counts_and_the_way_it_is_written_does_not() -> None:
    hour = timedelta(hours=1)
    queued, failed = frozenset({TaskStatus.QUEUED}), frozenset({TaskStatus.FAILED})
    filters = [
        EVERY_TASK,
        TaskFilter(queued),
        TaskFilter(failed),
        TaskFilter(queued | failed),
        TaskFilter(created_after=NOW),
        TaskFilter(created_before=NOW),
        TaskFilter(created_after=NOW + hour),
        TaskFilter(queued, NOW, NOW + hour),
        TaskFilter(metadata={"a": "b"}),
        TaskFilter(metadata={"b": "a"}),
        TaskFilter(metadata={"a": "b", "c": "d"}),
        TaskFilter(queued, metadata={"a": "b"}),
    ]
    assert len({filter_digest(each) for each in filters}) == len(filters)
    elsewhere = TaskFilter(created_after=NOW.astimezone(timezone(hour)))
    assert filter_digest(elsewhere) == filter_digest(TaskFilter(created_after=NOW))
    turned = TaskFilter(metadata={"c": "d", "a": "b"})
    assert filter_digest(turned) == filter_digest(TaskFilter(metadata={"a": "b", "c": "d"}))


@given(st.data())
def test_any_changed_character_is_refused(data: st.DataObject) -> None:
    """Also the last one, whose spare bits a careless decoder overlooks."""
    cursor = CURSORS.write(POSITION, ALL)
    place = data.draw(st.integers(0, len(cursor) - 1) | st.just(len(cursor) - 1))
    other = data.draw(st.sampled_from([c for c in ALPHABET + "=+/é" if c != cursor[place]]))
    refused(cursor[:place] + other + cursor[place + 1 :])


@given(st.data())
def test_any_changed_byte_is_refused(data: st.DataObject) -> None:
    cursor = CURSORS.write(POSITION, ALL)
    content = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    refused(encoded(bytes(content)))


@given(st.data())
def test_a_cursor_cut_or_lengthened_is_refused(data: st.DataObject) -> None:
    cursor = CURSORS.write(POSITION, ALL)
    refused(cursor[: data.draw(st.integers(0, len(cursor) - 1))])
    refused(cursor + data.draw(st.text(ALPHABET + "= \n", min_size=1)))


def test_another_key_ends_all_cursors() -> None:
    cursor = Cursors(lambda: b"the old key").write(POSITION, ALL)
    assert "no longer valid" in refused(cursor)


def test_the_tag_is_an_hmac_and_nothing_less() -> None:
    """What a stranger could compute: the same content, signed with nothing or a plain hash."""
    content = b"\x01" + ALL + json.dumps(["2026-11-22T12:00:00.000Z", "t"]).encode()
    for key in (b"", b"key", b"anna"):
        refused(encoded(content + hmac.digest(key, b'"anna"' + content, "sha256")))
    refused(encoded(content + bytes(32)))


def test_another_version_is_refused() -> None:
    content = b"\x02" + ALL + b'["2026-11-22T12:00:00.000Z","t"]'
    refused(encoded(content + hmac.digest(KEY, b'"anna"' + content, "sha256")))


def test_a_malformed_cursor_is_refused_without_the_key() -> None:
    def no_key() -> bytes:
        raise AssertionError("the key was asked for")

    for junk in ("", "x", "====", "not a cursor", "ü", "A" * 200_000, encoded(b"\x01" + bytes(48))):
        with pytest.raises(InvalidCursorError):
            Cursors(no_key).read(junk, owner="anna", filters=ALL)


@given(
    st.text(st.characters(codec=None))
    | st.binary().map(encoded)
    | st.binary(min_size=50).map(lambda content: encoded(b"\x01" + content))
)
def test_any_other_text_is_refused(cursor: str) -> None:
    with contextlib.suppress(InvalidCursorError):
        CURSORS.read(cursor, owner="anna", filters=ALL)
        pytest.fail("this cursor was never given out")
