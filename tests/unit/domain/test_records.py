from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from image_to_video.domain.records import OPEN_NUMBER, OPEN_WORD, Frozen, Stored, is_known, iso
from pydantic import ValidationError

from tests.support.samples import NOW


def test_moments_are_written_in_utc_with_milliseconds_and_sort_as_texts() -> None:
    assert iso(datetime(2026, 11, 22, 12, 0, tzinfo=UTC)) == "2026-11-22T12:00:00.000Z"
    east = timezone(timedelta(hours=5, minutes=30))
    assert iso(datetime(2026, 11, 22, 1, 0, 0, 999_999, east)) == "2026-11-21T19:30:00.999Z"
    moments = [NOW + timedelta(milliseconds=997 * number) for number in range(50)]
    assert sorted(map(iso, moments)) == [iso(moment) for moment in moments]


class Word(StrEnum):
    KNOWN = "known"


class Part(Stored):
    word: Annotated[Word, OPEN_WORD]


class Whole(Stored):
    part: Part | None = None
    parts: tuple[Part, ...] = ()
    number: Annotated[Literal[5, 10], OPEN_NUMBER] = 5


FOREIGN: dict[str, Any] = {
    "part": {"word": "unheard-of", "added": Decimal("1.50"), "none": None},
    "parts": [{"word": "known", "list": [{"deep": frozenset({"a", "b"})}]}],
    "number": 7,
    "bytes": b"\xff\x00",
    "huge": Decimal("12345678901234567890.123456789"),
    "nothing": None,
}


def test_what_another_release_wrote_comes_back_as_it_was() -> None:
    read = Whole.model_validate(FOREIGN)
    assert read.written() == FOREIGN
    assert Whole.model_validate(read.written()) == read
    changed = read.model_copy(update={"number": 10})
    assert changed.written() == FOREIGN | {"number": 10}


def test_a_word_of_another_release_is_one_member_and_no_known_one() -> None:
    first, second = (Part.model_validate({"word": "unheard-of"}).word for _ in range(2))
    assert first is second
    assert (first, str(first), isinstance(first, Word)) == ("unheard-of", "unheard-of", True)
    assert not is_known(first)
    assert is_known(Word.KNOWN)
    assert is_known(None)
    assert Part.model_validate({"word": "known"}).word is Word.KNOWN


@pytest.mark.parametrize("value", [1, "", "x" * 101, None, ["known"]])
def test_what_is_no_word_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        Part.model_validate({"word": value})


@pytest.mark.parametrize("value", [True, "7", 7.5, Decimal("7.5"), None])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        Whole.model_validate({"number": value})


def test_what_is_no_record_stays_strict() -> None:
    class Request(Frozen):
        word: Word

    for given in ({"word": "unheard-of"}, {"word": "known", "added": 1}):
        with pytest.raises(ValidationError):
            Request.model_validate(given)
