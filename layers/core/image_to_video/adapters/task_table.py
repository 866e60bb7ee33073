"""The tasks table. Every write is conditional on the version that was read."""

import heapq
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zlib import crc32

from botocore.exceptions import ClientError

from image_to_video.adapters.dynamodb_table import Table, is_refused_condition, is_throttle
from image_to_video.contract.event_types import marker_of
from image_to_video.domain.errors import TaskConflictError, TaskNotFoundError
from image_to_video.domain.owner_names import owner_of, scope_of
from image_to_video.domain.records import iso
from image_to_video.domain.task import Task, TaskStatus

OWNER_INDEX: Final = "by_owner"
STATUS_INDEX: Final = "by_status"
OPEN_INDEX: Final = "open_by_next_poll"
OPEN_PARTITIONS: Final = 8
"""A partition takes 1,000 writes a second, and every open task has an entry in this index."""
# Attributes that only the table knows: the keys of the indexes, the time to live, and what the
# stream's filter in template.yaml reads.
_OPEN: Final = "open"
_OWNER_STATUS: Final = "owner_status"
_EXPIRES_AT: Final = "expires_at"
_EVENT: Final = "event"
_TABLE_ONLY: Final = frozenset({_OPEN, _OWNER_STATUS, _EXPIRES_AT, _EVENT})
# Seconds; the SDK has tried three times within one of them.
_WAITS: Final = (1.0, 2.0, 4.0, 8.0, 10.0)


class TaskTable:
    """Keeps tasks. Closed tasks are forgotten after `retention_days`; 0 keeps them."""

    def __init__(
        self,
        table: Table,
        *,
        retention_days: int,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = table
        self._retention_days = retention_days
        self._sleep = sleep

    def create(self, task: Task, *, patiently: bool = False) -> Task:
        """Store a new task, or return the one that already has its id.

        `patiently` tries a throttled write for up to 25 s: for whom nobody else would repeat it.
        """
        for wait in (*(_WAITS if patiently else ()), None):
            try:
                self._table.put_item(
                    Item=self._item(task) | {_EVENT: marker_of(None, task)},
                    ConditionExpression="attribute_not_exists(task_id)",
                )
            except ClientError as error:
                if is_refused_condition(error):
                    return self.get(task.task_id)
                if wait is None or not is_throttle(error):
                    raise
                self._sleep(random.uniform(wait / 2, wait))  # noqa: S311 - no secret
            else:
                break
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
            if not is_refused_condition(error):
                raise
            if self.get(new.task_id) != new:
                raise TaskConflictError(f"task {new.task_id} was changed meanwhile") from error
        return new

    def overdue(self, before: datetime) -> Iterator[tuple[str, str]]:
        """Open tasks whose next poll should have happened before that moment, oldest first.

        When each was due, and its id; the index may still show what the table has forgotten.
        """
        return heapq.merge(*(self._overdue_in(part, before) for part in range(OPEN_PARTITIONS)))

    def _overdue_in(self, part: int, before: datetime) -> Iterator[tuple[str, str]]:
        query: dict[str, Any] = {
            "IndexName": OPEN_INDEX,
            "KeyConditionExpression": "#open = :part AND next_poll_at < :before",
            "ExpressionAttributeNames": {"#open": _OPEN},
            "ExpressionAttributeValues": {":part": str(part), ":before": iso(before)},
        }
        while True:
            reply = self._table.query(**query)
            for item in reply["Items"]:
                yield str(item["next_poll_at"]), str(item["task_id"])
            if "LastEvaluatedKey" not in reply:
                return
            query["ExclusiveStartKey"] = reply["LastEvaluatedKey"]

    def _item(self, task: Task) -> dict[str, Any]:
        item: dict[str, Any] = json.loads(
            task.model_dump_json(exclude_none=True), parse_float=Decimal
        )
        scope = scope_of(task.owner, test=task.test)
        item["owner"] = scope
        item[_OWNER_STATUS] = partition_of(scope, listed_under(task.status))
        if not task.test:
            # A release without test mode reads the others still.
            del item["test"]
        if not task.status.is_final:
            item[_OPEN] = str(crc32(task.task_id.encode()) % OPEN_PARTITIONS)
        elif self._retention_days and task.ended_at:
            expires = task.ended_at + timedelta(days=self._retention_days)
            item[_EXPIRES_AT] = int(expires.timestamp())
        return item


def task_of(item: Mapping[str, Any]) -> Task:
    """Read a task from a stored item, also from one that the table's stream delivers."""
    fields = {key: value for key, value in item.items() if key not in _TABLE_ONLY}
    scope = fields.get("owner")
    # What is no text is refused like any other wrong value.
    owner = {"owner": owner_of(scope)} if isinstance(scope, str) else {}
    return Task.model_validate(fields | owner)


def listed_under(status: TaskStatus) -> TaskStatus:
    """Under which status `by_status` lists a task.

    What is being stored stays under `generating`: it soon leaves, and a move costs two writes.
    """
    return TaskStatus.GENERATING if status is TaskStatus.STORING else status


def partition_of(scope: str, listed: TaskStatus) -> str:
    """The partition of `by_status` with a scope's tasks of a status; no status has a `#`."""
    return f"{scope}#{listed}"
