"""Opaque cursors: where the next page of a list begins, signed so that none can be made up.

A cursor is `version | filters | position | tag` in base64url: one byte, a digest of the list's
filters, JSON, and an HMAC-SHA-256 over them and the owner. Nothing in it is secret.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Final

from image_to_video.adapters.task_lists import Position
from image_to_video.adapters.task_queries import TaskFilter
from image_to_video.domain.errors import InvalidCursorError
from image_to_video.domain.records import iso

_VERSION: Final = b"\x01"
_FILTER_BYTES: Final = 16
_TAG_BYTES: Final = 32
_MAX_LENGTH: Final = 1024
_POSITION: Final = ("created_at", "task_id", "listed_under")


def filter_digest(wanted: TaskFilter) -> bytes:
    """A digest of a list's filters, the same in any order and however its times were written."""
    times = [moment and iso(moment) for moment in (wanted.created_after, wanted.created_before)]
    content = [sorted(wanted.statuses), *times, sorted(wanted.metadata.items())]
    return hashlib.sha256(json.dumps(content).encode()).digest()[:_FILTER_BYTES]


class Cursors:
    """Writes cursors and reads them back. `key` is only asked when there is a cursor."""

    def __init__(self, key: Callable[[], bytes]) -> None:
        self._key = key

    def write(self, position: Position, filters: bytes) -> str:
        """Turn a position into a text that fits into a URL as it is."""
        begin = [position[name] for name in _POSITION if name in position]
        written = json.dumps(begin, ensure_ascii=False, separators=(",", ":")).encode()
        content = _VERSION + filters + written
        return _encoded(content + self._tag(position["owner"], content))

    def read(self, cursor: str, *, owner: str, filters: bytes) -> Position:
        """Turn the text back.

        Raises `InvalidCursorError` for anything not written for this owner and these filters.
        """
        signed = _decoded(cursor)
        content, tag = signed[:-_TAG_BYTES], signed[-_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(owner, content)):
            raise _unknown()
        begin = len(_VERSION) + _FILTER_BYTES
        if content[len(_VERSION) : begin] != filters:
            raise InvalidCursorError(
                "the cursor belongs to a list with other filters: send the same status, metadata, "
                "created_after and created_before with it, or begin without a cursor"
            )
        # A list by status names one thing more.
        return dict(zip(_POSITION, json.loads(content[begin:]), strict=False)) | {"owner": owner}

    def _tag(self, owner: str, content: bytes) -> bytes:
        # As JSON the owner ends where its quotation mark does, whatever follows.
        return hmac.digest(self._key(), json.dumps(owner).encode() + content, "sha256")


def _encoded(signed: bytes) -> str:
    return base64.urlsafe_b64encode(signed).decode().rstrip("=")


def _decoded(cursor: str) -> bytes:
    """The signed bytes; whatever cannot have been written here needs no key to be refused."""
    if len(cursor) > _MAX_LENGTH:
        raise _unknown()
    try:
        signed = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except ValueError as error:
        raise _unknown() from error
    # Base64 has several texts for the same bytes, of which only one was handed out.
    short = len(signed) <= len(_VERSION) + _FILTER_BYTES + _TAG_BYTES
    if short or not signed.startswith(_VERSION) or _encoded(signed) != cursor:
        raise _unknown()
    return signed


def _unknown() -> InvalidCursorError:
    return InvalidCursorError(
        "the cursor is not one that a list answer gave out, or is no longer valid: "
        "begin without a cursor"
    )
