"""Opaque cursors: the place in a list where its next page begins."""

import base64
import json

from image_to_video.errors import InvalidCursorError
from image_to_video.table import Position


def write_cursor(position: Position) -> str:
    """Turn a position into a text that fits into a URL."""
    return base64.urlsafe_b64encode(json.dumps(position, sort_keys=True).encode()).decode()


def read_cursor(cursor: str, *, owner: str) -> Position:
    """Turn the text back. Raises `InvalidCursorError` for anything not handed out to this owner."""
    try:
        position = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
    except (ValueError, RecursionError) as error:
        raise InvalidCursorError("the cursor is not one that a list answer gave out") from error
    expected = {"task_id", "owner", "created_at"}
    texts = isinstance(position, dict) and all(
        isinstance(value, str) and value for value in position.values()
    )
    if not texts or set(position) != expected or position["owner"] != owner:
        raise InvalidCursorError("the cursor is not one that a list answer gave out")
    return {name: str(position[name]) for name in expected}
