"""Tasks that wait until their own owner has coins again, in the limits table: apart from the line.

They stand in one partition, those of each owner together and in the order in which they came. The
first of each owner is found by going from one to the next, however many tasks each has.
"""

from collections.abc import Iterator
from itertools import takewhile
from typing import Any, Final

from image_to_video.adapters.dynamodb_table import Table
from image_to_video.adapters.waiting_line import entry_written, read_entry
from image_to_video.domain.waiting_line import Entry

_LINES: Final = "owner_lines"
# Before every name of an owner, and what follows the slash behind one.
_BEFORE_ALL: Final = " "
_AFTER_SLASH: Final = "0"


class OwnerLines:
    """Keeps who waits for coins of its owner."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def enter(self, entry: Entry) -> None:
        """Stand there; once more changes nothing."""
        self._table.update_item(Key=_place(entry.owner, entry.key), **entry_written(entry))

    def leave(self, owner: str, key: str) -> None:
        """Stand there no longer; harmless for who does not."""
        self._table.delete_item(Key=_place(owner, key))

    def first(self, owner: str, most: int) -> list[Entry]:
        """Who of one owner waits there, in order."""
        found = self._after(f"{owner}/", most)
        return list(takewhile(lambda entry: entry.owner == owner, found))

    def owners(self) -> Iterator[str]:
        """Every owner of whom somebody waits there."""
        after = _BEFORE_ALL
        while found := self._after(after, 1):
            yield found[0].owner
            after = f"{found[0].owner}{_AFTER_SLASH}"

    def _after(self, member: str, most: int) -> list[Entry]:
        found = self._table.query(
            KeyConditionExpression="#limit = :lines AND #member > :after",
            ExpressionAttributeNames={"#limit": "limit", "#member": "member"},
            ExpressionAttributeValues={":lines": _LINES, ":after": member},
            Limit=most,
            ConsistentRead=True,
        )
        return [_entry_of(item) for item in found["Items"]]


def _place(owner: str, key: str) -> dict[str, str]:
    return {"limit": _LINES, "member": f"{owner}/{key}"}


def _entry_of(item: dict[str, Any]) -> Entry:
    return read_entry(item, key=item["member"].partition("/")[2])
