"""Texts: what every system on the way hands on is permitted, and what is not is named."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_to_video.domain.permitted_text import (
    PERMITTED_ADDRESS_PATTERN,
    PERMITTED_PATTERN,
    forbidden_character,
)

CONTROLS = [*range(0x20), 0x7F]
NONCHARACTERS = [
    *range(0xFDD0, 0xFDF0),
    *(p * 0x10000 + e for p in range(17) for e in (0xFFFE, 0xFFFF)),
]
OTHERS = [0xFFFD, 0xD800, 0xDBFF, 0xDC00, 0xDFFF]


def xml_has(number: int) -> bool:
    """What XML 1.0 lets a document contain, and with it SQS."""
    return number in (0x9, 0xA, 0xD) or any(
        low <= number <= high
        for low, high in [(0x20, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF)]
    )


def test_there_are_66_noncharacters() -> None:
    """As Unicode counts them: https://www.unicode.org/faq/private_use.html"""
    assert len(set(NONCHARACTERS)) == 66
    assert {unicodedata.category(chr(number)) for number in NONCHARACTERS} == {"Cn"}


@pytest.mark.parametrize("number", CONTROLS + NONCHARACTERS + OTHERS, ids="{:04X}".format)
def test_a_forbidden_character_is_named_with_its_place(number: int) -> None:
    fault = forbidden_character(f"Gr\u00fc\N{GRINNING FACE} {chr(number)} and {chr(number)}")

    assert fault is not None
    assert fault.startswith(f"character 6 is U+{number:04X}, ")


@pytest.mark.parametrize("letter", "\t\n\r")
def test_who_breaks_lines_hears_what_to_write(letter: str) -> None:
    assert "write a blank instead" in str(forbidden_character(f"two{letter}lines"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \u00a0\u2003\u3000",
        "Gr\u00fc\u00dfe \N{GRINNING FACE}\u200d\u2640\ufe0f",
        "\u0928\u092e\u0938\u094d\u0924\u0947 \u202eabc\u202c",
        "\u0080\u0085\u009f\ue000\ufffc\U0001fffd\U0010fffd\ufeff",
    ],
)
def test_every_other_text_is_permitted(text: str) -> None:
    assert forbidden_character(text) is None


@given(st.text(st.characters(codec=None)))
def test_what_is_permitted_is_what_sqs_takes_and_what_the_schemas_say(text: str) -> None:
    by_pattern = re.fullmatch(PERMITTED_PATTERN.replace("$", ""), text) is not None
    if forbidden_character(text) is None:
        assert by_pattern
        assert all(xml_has(ord(letter)) for letter in text)
    elif by_pattern:
        # What only some dialects of regular expressions could say, or what is no character.
        assert any(ord(c) in NONCHARACTERS or 0xD800 <= ord(c) < 0xE000 for c in text)


def test_an_address_has_no_blank_and_no_forbidden_character() -> None:
    assert re.search(PERMITTED_ADDRESS_PATTERN, "HTTPS://example.com/\u00fc.png")
    for letter in " \n\0\ufffe\ufffd":
        assert not re.search(PERMITTED_ADDRESS_PATTERN, f"https://example.com/a{letter}.png")
