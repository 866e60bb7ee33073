"""Errors as callers see them: problem documents of RFC 9457."""

from collections.abc import Iterable
from http import HTTPStatus
from itertools import islice
from typing import Final

from pydantic import BaseModel

# However much is wrong with a request, the answer stays one that can be sent.
_MOST_ERRORS: Final = 20
_LONGEST_TEXT: Final = 500


class FieldError(BaseModel):
    """One field that is wrong: its JSON pointer, or the name of a header or query parameter."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """An error, as RFC 9457 has it, with a `code` for programs."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[FieldError]


def problem(
    status: HTTPStatus,
    code: str,
    detail: str,
    *,
    instance: str,
    request_id: str,
    faults: Iterable[tuple[str, str]],
) -> Problem:
    """The document of one error; `faults` are pairs of pointer and detail, the first are shown."""
    return Problem(
        # Nothing more than the status and `code` say.
        type="about:blank",
        title=status.phrase,
        status=status,
        detail=detail,
        instance=instance,
        code=code,
        request_id=request_id,
        errors=[
            FieldError(pointer=pointer[:_LONGEST_TEXT], detail=text[:_LONGEST_TEXT])
            for pointer, text in islice(faults, _MOST_ERRORS)
        ],
    )


def pointer_to(place: tuple[str | int, ...]) -> str:
    """RFC 6901 for a place in the body; for a header or a query parameter its plain name."""
    # Pydantic says by this last part that it is the key itself that is wrong.
    where, *path = place[:-1] if place[-1] == "[key]" else place
    if where != "body":
        return str(path[0]) if path else str(where)
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
