"""The tasks table. Every write is conditional on the version that was read."""

import heapq
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zlib import crc32

from botocore.exceptions import ClientError

from image_to_video.adapters.dynamodb_table import Table, is_refused_condition, is_throttle
from image_to_video.contract.event_types import marker_of
from image_to_video.domain.errors import TaskConflictError, TaskNotFoundError
from image_to_video.domain.owner_names import owner_of, scope_of
from image_to_video.domain.records import iso
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task
from image_to_video.observability import count, logger

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
# How many open tasks of a partition are read at once: some 100 KB.
_PAGE: Final = 1000
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

    def restore(self, task: Task, *, over: Task | None = None) -> bool:
        """Put a record from a backup in, which makes no event; False where somebody was quicker.

        Only where there is none, or over the version that was read.
        """
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(task_id)"}
        if over is not None:
            task = task.model_copy(update={"version": max(task.version, over.version) + 1})
            condition = {
                "ConditionExpression": "version = :read",
                "ExpressionAttributeValues": {":read": over.version},
            }
        try:
            self._table.put_item(Item=self._item(task) | {_EVENT: "none"}, **condition)
        except ClientError as error:
            if not is_refused_condition(error):
                raise
            return False
        return True

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

    def open_tasks(self, before: datetime) -> Iterator[tuple[str, str]]:
        """Open tasks by when they are polled next: all that are overdue, and what comes with them.

        Overdue are those whose poll should have happened before that moment; of the others no page
        more is read, so some 1,000 of a partition. When each is due, and its id; the index may
        still show what the table has forgotten.
        """
        return heapq.merge(*(self._open_in(part, iso(before)) for part in range(OPEN_PARTITIONS)))

    def ages(self, task_ids: Iterable[str]) -> list[tuple[str, datetime]]:
        """The status of each of up to 100 tasks, also a word of another release, and its birth."""
        keys = [{"task_id": task_id} for task_id in task_ids]
        return [
            (str(item["status"]), datetime.fromisoformat(item["created_at"]))
            for item in self._table.get_items(keys, consistent=False)
        ]

    def _open_in(self, part: int, before: str) -> Iterator[tuple[str, str]]:
        query: dict[str, Any] = {
            "IndexName": OPEN_INDEX,
            "KeyConditionExpression": "#open = :part",
            "ExpressionAttributeNames": {"#open": _OPEN},
            "ExpressionAttributeValues": {":part": str(part)},
            "Limit": _PAGE,
        }
        due = ""
        while True:
            reply = self._table.query(**query)
            for item in reply["Items"]:
                due = str(item["next_poll_at"])
                yield due, str(item["task_id"])
            if "LastEvaluatedKey" not in reply or due >= before:
                return
            query["ExclusiveStartKey"] = reply["LastEvaluatedKey"]

    def _item(self, task: Task) -> dict[str, Any]:
        scope = scope_of(task.owner, test=task.test)
        item = task.written() | {"owner": scope}
        item[_OWNER_STATUS] = partition_of(scope, listed_under(task.status))
        if not task.status.is_final:
            item[_OPEN] = str(crc32(task.task_id.encode()) % OPEN_PARTITIONS)
        elif self._retention_days and task.ended_at:
            expires = task.ended_at + timedelta(days=self._retention_days)
            item[_EXPIRES_AT] = int(expires.timestamp())
        return item


def task_of(item: Mapping[str, Any]) -> Task:
    """Read a task from a stored item, also from one that the table's stream delivers.

    What another release added comes along, attributes of its indexes as well. Raises `ValueError`.
    """
    fields = {key: value for key, value in item.items() if key not in _TABLE_ONLY}
    scope = fields.get("owner")
    # What is no text is refused like any other wrong value.
    owner = {"owner": owner_of(scope)} if isinstance(scope, str) else {}
    return Task.model_validate(fields | owner)


def readable(item: Mapping[str, Any]) -> Task | None:
    """The same; None for a record that cannot be read at all, which is logged and counted."""
    try:
        return task_of(item)
    except ValueError:
        count("TasksUnreadable")
        logger.exception("task cannot be read", extra={"task_id": str(item.get("task_id"))})
        return None


def listed_under(status: TaskStatus) -> TaskStatus:
    """Under which status `by_status` lists a task.

    What is being stored stays under `generating`: it soon leaves, and a move costs two writes.
    """
    return TaskStatus.GENERATING if status is TaskStatus.STORING else status


def partition_of(scope: str, listed: TaskStatus) -> str:
    """The partition of `by_status` with a scope's tasks of a status; no status has a `#`."""
    return f"{scope}#{listed}"
