"""What stored records are made of: immutable models, moments, and what another release has written.

Two releases share the tables during each deployment and after a rollback, so a record may hold what
this one does not know: it is read, shown and written back unharmed. Requests stay strict.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache, partial
from typing import Annotated, Any, Final

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)

# Longer ones are no words of any release.
_LONGEST_WORD: Final = 100


def iso(moment: datetime) -> str:
    """Write a moment as ISO 8601 in UTC with milliseconds and `Z`; such texts sort by time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[
    AwareDatetime,
    PlainSerializer(iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


class Frozen(BaseModel):
    """Base of the immutable models; a change makes a new object."""

    # Records hold links with signatures: no error may quote them.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Stored(Frozen):
    """Base of what is read from a table: fields of another release are kept as they came."""

    model_config = ConfigDict(extra="allow")

    def written(self) -> dict[str, Any]:
        """The record as plain values, which a table keeps; its fields without a value are left out.

        What this release does not know is written as it was read: no text for a number.
        """
        parts = {name: _written_parts(value) for name, value in self if _has_parts(value)}
        foreign = self.model_extra or {}
        text = self.model_dump_json(exclude_none=True, exclude={*parts, *foreign})
        known: dict[str, Any] = json.loads(text, parse_float=Decimal)
        return known | foreign | parts


def _has_parts(value: Any) -> bool:
    return isinstance(value, Stored) or (
        isinstance(value, tuple) and any(isinstance(one, Stored) for one in value)
    )


def _written_parts(value: Any) -> Any:
    return value.written() if isinstance(value, Stored) else [one.written() for one in value]


class OpenWord:
    """Marks a field whose word another release may have written: it is kept as it is.

    It becomes a member of the enumeration that has no name there and equals its text, so it is
    compared, written and shown like the others; see `is_known`. A schema says that there may be
    more words than it lists.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        before = BeforeValidator(partial(_member, source))
        return before.__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], Any]) -> Any:
        return {"anyOf": [handler(schema), {"type": "string"}]}


OPEN_WORD: Final = OpenWord()


def is_known(word: StrEnum | None) -> bool:
    """True for a word that this release has; False for one that another release wrote."""
    return word is None or word.name in type(word).__members__


def _member(words: type[StrEnum], value: Any) -> Any:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_WORD:
        return value
    return _member_of(words, str(value))


@lru_cache(maxsize=1024)
def _member_of(words: type[StrEnum], text: str) -> StrEnum:
    """The one member of this text, so that members can be compared by identity."""
    try:
        return words(text)
    except ValueError:
        word = str.__new__(words, text)
        # No text of a member begins so, and members are named in capitals.
        word._name_, word._value_ = f"another release's {text}", text
        return word


def _whole_number(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and value == int(value):
        return int(value)
    return handler(value)


OPEN_NUMBER: Final = WrapValidator(_whole_number)
"""Marks a field with some permitted numbers, of which another release may have more."""
