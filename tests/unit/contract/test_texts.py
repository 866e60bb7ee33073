"""Texts of callers: their characters, and pairs of them."""

from typing import Any

import jsonschema_rs
import pytest
from image_to_video.contract.texts import (
    FileName,
    HeaderMetadata,
    ImageUrl,
    Metadata,
    Name,
    Prompt,
    Text,
)
from image_to_video.domain.permitted_text import PERMITTED_ADDRESS_PATTERN, PERMITTED_PATTERN
from pydantic import TypeAdapter, ValidationError

TEXTS: dict[str, Any] = {
    "text": Text,
    "prompt": Prompt,
    "name": Name,
    "file name": FileName,
    "address": ImageUrl,
}


@pytest.mark.parametrize("kind", TEXTS.values(), ids=TEXTS)
def test_a_text_refuses_what_cannot_be_handed_on_and_its_schema_says_so(kind: Any) -> None:
    adapter = TypeAdapter(kind)
    assert adapter.validate_python("https://example.com/\u00fc") == "https://example.com/\u00fc"

    with pytest.raises(ValidationError) as caught:
        adapter.validate_python("https://example.com/\ufffe")

    assert [error["msg"] for error in caught.value.errors()] == [
        "character 21 is U+FFFE, a noncharacter"
    ]
    pattern = adapter.json_schema()["pattern"]
    assert pattern == (PERMITTED_ADDRESS_PATTERN if kind is ImageUrl else PERMITTED_PATTERN)


# Blanks by Unicode, by Python or by ECMAScript; no two dialects of \\s agree.
BLANKS = [chr(n) for n in range(0x10000) if chr(n).isspace()] + ["\ufeff"]


@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
def test_a_blank_of_any_dialect_is_refused_in_an_address_as_its_schema_says(blank: str) -> None:
    address = f"https://example.com/a{blank}b"
    adapter = TypeAdapter(ImageUrl)

    with pytest.raises(ValidationError):
        adapter.validate_python(address)

    assert not jsonschema_rs.is_valid(adapter.json_schema(), address)


@pytest.mark.parametrize("kind", [Metadata, HeaderMetadata])
def test_a_pair_without_a_value_is_left_out_and_keeps_the_rules(kind: Any) -> None:
    adapter = TypeAdapter(kind)
    assert adapter.validate_python({"a": "1", "b": None}) == {"a": "1"}
    assert adapter.validate_python({f"k{n}": None for n in range(16)}) == {}
    for wrong in ({f"k{n}": None for n in range(17)}, {"": None}, {"a\0": None}, {"a": 1}):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)
