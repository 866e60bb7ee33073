"""Texts of callers as types: none has a character that could not be handed on."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, GetPydanticSchema
from pydantic import StringConstraints as Limits
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

from image_to_video.domain.permitted_text import (
    PERMITTED_ADDRESS_PATTERN,
    PERMITTED_PATTERN,
    forbidden_character,
)

_MAX_PAIRS: Final = 16


@dataclass(frozen=True, slots=True)
class Permitted:
    """Refuses a text with a forbidden character; `pattern` is how schemas say so."""

    pattern: str = PERMITTED_PATTERN

    def __get_pydantic_core_schema__(
        self, source: type, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return no_info_after_validator_function(_check_characters, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"pattern": self.pattern}


def _check_characters(text: str) -> str:
    fault = forbidden_character(text)
    if fault is not None:
        raise PydanticCustomError("forbidden_character", "{fault}", {"fault": fault})
    return text


def _pairs(key: Any) -> GetPydanticSchema:
    """Read pairs of texts; one whose value is null is not there."""
    pairs = Annotated[dict[key, MetadataValue | None], Field(max_length=_MAX_PAIRS)]
    return GetPydanticSchema(
        lambda _, handler: no_info_after_validator_function(_without_nulls, handler(pairs))
    )


def _without_nulls(pairs: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in pairs.items() if value is not None}


Text = Annotated[str, Permitted()]
Prompt = Annotated[str, Limits(max_length=1000), Permitted()]
Name = Annotated[str, Limits(min_length=1, max_length=120), Permitted()]
FileName = Annotated[str, Limits(min_length=1, max_length=255), Permitted()]
ImageUrl = Annotated[
    str,
    Limits(max_length=2048, pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s\u0085\ufeff]+$"),
    Permitted(PERMITTED_ADDRESS_PATTERN),
]
MetadataKey = Annotated[str, Limits(min_length=1, max_length=512), Permitted()]
MetadataValue = Annotated[str, Limits(max_length=512), Permitted()]
Metadata = Annotated[dict[str, str], _pairs(MetadataKey)]
# S3 keeps them in the names of headers, in lower case.
_HeaderName = Annotated[str, Limits(max_length=512, pattern=r"^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$")]
HeaderMetadata = Annotated[dict[str, str], _pairs(_HeaderName)]
