"""The tasks table. Every write is conditional on the version that was read."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import ClientError

from image_to_video.contract.event_types import marker_of
from image_to_video.domain.errors import InvalidCursorError, TaskConflictError, TaskNotFoundError
from image_to_video.domain.task import Task, TaskStatus, iso

if TYPE_CHECKING:
    from image_to_video.adapters.dynamodb_table import Table

OWNER_INDEX: Final = "by_owner"
OPEN_INDEX: Final = "open_by_next_poll"
# Attributes that only the table knows: the sparse index's key, the time to live, and what the
# stream's filter in template.yaml reads.
_OPEN: Final = "open"
_EXPIRES_AT: Final = "expires_at"
_EVENT: Final = "event"
# Lambda answers at most 6 MB, in which every quote and every letter beyond ASCII is escaped twice.
_PAGE_BYTES: Final = 3_500_000
# A list reads so many pages of at most 1 MB for one answer, however rare what it looks for is.
_MOST_READS: Final = 4

type Position = dict[str, str]


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks a list shows: of any of these statuses, of these times, with all these pairs."""

    statuses: frozenset[TaskStatus] = frozenset()
    created_after: datetime | None = None
    created_before: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


EVERY_TASK: Final = TaskFilter()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `next` is where the following page begins, None at the end."""

    tasks: list[Task]
    next: Position | None


class TaskTable:
    """Keeps tasks. Closed tasks are forgotten after `retention_days`; 0 keeps them."""

    def __init__(self, table: "Table", *, retention_days: int) -> None:
        self._table = table
        self._retention_days = retention_days

    def create(self, task: Task) -> Task:
        """Store a new task, or return the one that already has its id."""
        try:
            self._table.put_item(
                Item=self._item(task) | {_EVENT: marker_of(None, task)},
                ConditionExpression="attribute_not_exists(task_id)",
            )
        except ClientError as error:
            if not _is_refused_condition(error):
                raise
            return self.get(task.task_id)
        return task

    def get(self, task_id: str) -> Task:
        """Read one task as it is now. Raises `TaskNotFoundError`."""
        reply = self._table.get_item(Key={"task_id": task_id}, ConsistentRead=True)
        if "Item" not in reply:
            raise TaskNotFoundError(f"there is no task {task_id}")
        return task_of(reply["Item"])

    def write(self, new: Task, *, before: Task | None = None) -> Task:
        """Store the next version of a task. Raises `TaskConflictError` if another came first.

        `before` is the version that it follows: then the record says whether the change makes an
        event. Without that mark `publish_events` is woken in any case, and decides.
        A write that took effect although its answer was lost is repeated by the SDK and then
        refused; reading it back tells it from a conflict.
        """
        mark = {} if before is None else {_EVENT: marker_of(before, new)}
        try:
            self._table.put_item(
                Item=self._item(new) | mark,
                ConditionExpression="version = :read",
                ExpressionAttributeValues={":read": new.version - 1},
            )
        except ClientError as error:
            if not _is_refused_condition(error):
                raise
            if self.get(new.task_id) != new:
                raise TaskConflictError(f"task {new.task_id} was changed meanwhile") from error
        return new

    def page(
        self,
        owner: str,
        *,
        limit: int,
        start: Position | None = None,
        wanted: TaskFilter = EVERY_TASK,
    ) -> Page:
        """One owner's tasks, newest first, at most `limit`.

        Fewer, even none, where a filter leaves so much out that the reading stops before the end.
        Raises `InvalidCursorError` for a start outside of the given times.
        """
        after = iso(wanted.created_after) if wanted.created_after else "0"
        before = iso(wanted.created_before) if wanted.created_before else "9"
        # DynamoDB refuses the query in both cases.
        if after > before:
            return Page([], None)
        if start is not None and not after <= start["created_at"] <= before:
            raise InvalidCursorError("the cursor does not belong to a list of these times")
        arguments: dict[str, Any] = {
            "IndexName": OWNER_INDEX,
            "ScanIndexForward": False,
            "KeyConditionExpression": "#owner = :owner AND created_at BETWEEN :after AND :before",
        }
        left_out = _filter_expression(wanted)
        arguments |= left_out or {"Limit": limit + 1}
        # OWNER is one of DynamoDB's reserved words.
        arguments["ExpressionAttributeNames"] = {"#owner": "owner"} | left_out.get(
            "ExpressionAttributeNames", {}
        )
        arguments["ExpressionAttributeValues"] = {
            ":owner": owner,
            ":after": after,
            ":before": before,
        } | left_out.get("ExpressionAttributeValues", {})
        tasks: list[Task] = []
        size = 0
        for reply in islice(self._replies(arguments, start), _MOST_READS):
            for item in reply["Items"]:
                tasks.append(task_of(item))
                size += len(json.dumps(tasks[-1].model_dump(mode="json")))
                # One more than asked for, or than can be sent, tells that there is a next page.
                if len(tasks) > limit or (size > _PAGE_BYTES and len(tasks) > 1):
                    return Page(tasks[:-1], _position(tasks[-2]))
            start = reply.get("LastEvaluatedKey")
        return Page(tasks, start)

    def overdue(self, before: datetime) -> Iterator[Task]:
        """Open tasks whose next poll should have happened before that moment, oldest first."""
        arguments = {
            "IndexName": OPEN_INDEX,
            "KeyConditionExpression": "#open = :open AND next_poll_at < :before",
            "ExpressionAttributeNames": {"#open": _OPEN},
            "ExpressionAttributeValues": {":open": "open", ":before": iso(before)},
        }
        for reply in self._replies(arguments, None):
            for item in reply["Items"]:
                # The index may still show what the table has forgotten.
                with suppress(TaskNotFoundError):
                    yield self.get(str(item["task_id"]))

    def _replies(
        self, query: dict[str, Any], start: Position | None
    ) -> Iterator[Mapping[str, Any]]:
        while True:
            at: dict[str, Any] = {"ExclusiveStartKey": start} if start else {}
            reply = self._table.query(**query, **at)
            yield reply
            start = cast("Position | None", reply.get("LastEvaluatedKey"))
            if start is None:
                return

    def _item(self, task: Task) -> dict[str, Any]:
        item: dict[str, Any] = json.loads(
            task.model_dump_json(exclude_none=True), parse_float=Decimal
        )
        if not task.status.is_final:
            item[_OPEN] = "open"
        elif self._retention_days and task.ended_at:
            expires = task.ended_at + timedelta(days=self._retention_days)
            item[_EXPIRES_AT] = int(expires.timestamp())
        return item


def task_of(item: Mapping[str, Any]) -> Task:
    """Read a task from a stored item, also from one that the table's stream delivers."""
    inner = (_OPEN, _EXPIRES_AT, _EVENT)
    fields = {key: value for key, value in item.items() if key not in inner}
    return Task.model_validate(fields)


def _filter_expression(wanted: TaskFilter) -> dict[str, Any]:
    """What the table is to leave out beside the times; empty where that is nothing.

    Written out, because the SDK's own conditions take a dot in a name for a step into a map.
    """
    conditions: list[str] = []
    names: dict[str, str] = {}
    values: dict[str, str] = {}
    if wanted.statuses:
        names["#status"] = "status"
        states = {f":status{n}": status.value for n, status in enumerate(sorted(wanted.statuses))}
        conditions.append(f"#status IN ({', '.join(states)})")
        values |= states
    for number, (name, value) in enumerate(sorted(wanted.metadata.items())):
        names |= {"#metadata": "metadata", f"#name{number}": name}
        values[f":value{number}"] = value
        conditions.append(f"#metadata.#name{number} = :value{number}")
    if not conditions:
        return {}
    return {
        "FilterExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }


def _position(task: Task) -> Position:
    return {"task_id": task.task_id, "owner": task.owner, "created_at": iso(task.created_at)}


def _is_refused_condition(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException"
