"""The line of tasks that wait for a slot or for coins, in the limits table.

An entry is written once and never changed; what happens to its task is in the task's own record.
Queries of the table itself are consistent, those of an index would not be.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Final

from botocore.exceptions import ClientError

from image_to_video.adapters.dynamodb_table import Table, is_refused_condition
from image_to_video.domain.records import iso
from image_to_video.domain.waiting_line import Entry, entry_key, moment_tag
from image_to_video.observability import count, logger

# How many places are counted for one answer.
MOST_COUNTED: Final = 1000
_LINE: Final = "line"
_TURNS: Final = "turns"
_OWNER_LINES: Final = "owner_lines"
# Before every name of an owner, and what follows the slash behind one.
_BEFORE_ALL: Final = " "
_AFTER_SLASH: Final = "0"
# The last tag of an owner is of no use once the line has been empty since.
_TURN_KEPT: Final = timedelta(days=90)


class WaitingLine:
    """Keeps who waits, sorted by whose turn it is."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def new_key(self, owner: str, task_id: str, *, head: Entry | None, now: datetime) -> str:
        """The next place of this owner, for a line that begins with `head`."""
        newest = head.tag if head else moment_tag(now)
        while True:
            # Nearly always the first: then any number of tasks at once is one write each.
            for change, condition in (
                ("SET last_tag = last_tag + :one, expires_at = :expires", "last_tag >= :newest"),
                (
                    "SET last_tag = :newest + :one, expires_at = :expires",
                    "attribute_not_exists(last_tag) OR last_tag < :newest",
                ),
            ):
                tag = self._next_tag(owner, change, condition, newest, now)
                if tag is not None:
                    return entry_key(tag, task_id)

    def enter(self, entry: Entry) -> None:
        """Stand in line; once more changes nothing."""
        key = {"limit": _LINE, "member": entry.key}
        self._table.update_item(Key=key, **_written(entry))

    def leave(self, key: str) -> None:
        """Stand in line no longer; harmless for who does not."""
        self._table.delete_item(Key={"limit": _LINE, "member": key})

    def first(self, most: int) -> list[Entry]:
        """Who stands at the head of the line, in order, without entries that cannot be read."""
        found = self._table.query(**_in_line("#limit = :line"), Limit=most, ConsistentRead=True)
        return list(filter(None, (_entry_of(i, i["member"]) for i in found["Items"])))

    def place(self, key: str) -> int:
        """Which place this is, from 1; `MOST_COUNTED` also where it is further back."""
        found = self._table.query(
            **_in_line("#limit = :line AND #member < :key", {":key": key}),
            Select="COUNT",
            Limit=MOST_COUNTED - 1,
            ConsistentRead=True,
        )
        return int(found["Count"]) + 1

    def _next_tag(
        self, owner: str, change: str, condition: str, newest: int, now: datetime
    ) -> int | None:
        """The tag after the change; None where its condition does not hold."""
        try:
            reply = self._table.update_item(
                Key={"limit": _TURNS, "member": owner},
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeValues={
                    ":one": 1,
                    ":newest": newest,
                    ":expires": int((now + _TURN_KEPT).timestamp()),
                },
                ReturnValues="UPDATED_NEW",
            )
        except ClientError as error:
            if not is_refused_condition(error):
                raise
            return None
        tag: Any = reply["Attributes"]["last_tag"]
        return int(tag)


class OwnerLines:
    """Keeps who waits until its own owner has coins again, apart from the line.

    All stand in one partition, those of each owner together and as they came. The first of each
    owner is found by going from one to the next, however many tasks each has.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def enter(self, entry: Entry) -> None:
        """Stand there; once more changes nothing."""
        self._table.update_item(Key=_owners_place(entry.owner, entry.key), **_written(entry))

    def leave(self, owner: str, key: str) -> None:
        """Stand there no longer; harmless for who does not."""
        self._table.delete_item(Key=_owners_place(owner, key))

    def first(self, owner: str, most: int) -> list[Entry]:
        """Who of one owner waits there, in order."""
        beginning = f"{owner}/"
        found = takewhile(
            lambda item: item["member"].startswith(beginning), self._after(beginning, most)
        )
        return list(filter(None, (_entry_of(i, i["member"].partition("/")[2]) for i in found)))

    def owners(self) -> Iterator[str]:
        """Every owner of whom somebody waits there."""
        after = _BEFORE_ALL
        while found := self._after(after, 1):
            owner = str(found[0]["member"]).partition("/")[0]
            yield owner
            after = f"{owner}{_AFTER_SLASH}"

    def _after(self, member: str, most: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._table.query(
            KeyConditionExpression="#limit = :lines AND #member > :after",
            ExpressionAttributeNames={"#limit": "limit", "#member": "member"},
            ExpressionAttributeValues={":lines": _OWNER_LINES, ":after": member},
            Limit=most,
            ConsistentRead=True,
        )["Items"]
        return found


def _owners_place(owner: str, key: str) -> dict[str, str]:
    return {"limit": _OWNER_LINES, "member": f"{owner}/{key}"}


def _in_line(condition: str, values: Mapping[str, str] | None = None) -> dict[str, Any]:
    names = {"#limit": "limit", "#member": "member"}
    return {
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": {name: names[name] for name in names if name in condition},
        "ExpressionAttributeValues": {":line": _LINE, **(values or {})},
    }


def _written(entry: Entry) -> dict[str, Any]:
    """The update that writes an entry, whatever its place."""
    return {
        "UpdateExpression": "SET task_id = :task, #owner = :owner, coins = :coins, joined_at = :at",
        "ExpressionAttributeNames": {"#owner": "owner"},
        "ExpressionAttributeValues": {
            ":task": entry.task_id,
            ":owner": entry.owner,
            ":coins": entry.coins,
            ":at": iso(entry.joined_at),
        },
    }


def _entry_of(item: Mapping[str, Any], key: str) -> Entry | None:
    """The entry that an item is; None, counted and logged, for one that cannot be read."""
    try:
        entry = Entry(
            key=key,
            task_id=item["task_id"],
            owner=item["owner"],
            coins=int(item["coins"]),
            joined_at=item["joined_at"],
        )
        int(entry.tag)
    except (KeyError, TypeError, ValueError):
        # The others do not wait for it.
        count("WakesFailed")
        logger.exception("entry in line cannot be read", extra={"entry": str(item.get("member"))})
        return None
    return entry
