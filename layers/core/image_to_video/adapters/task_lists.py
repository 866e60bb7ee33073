"""Lists and counts of one owner's tasks, newest first, from the indexes of the tasks table.

An `owner` here is a scope: an owner's live tasks, or the test tasks.

A list of all is read from `by_owner`, which holds whole tasks. A list by status is read from
`by_status`, which holds keys alone, so that a status is found however rare it is; the tasks
themselves are then read from the table, whose word about their status counts. A record that cannot
be read is left out, and counted. A task in a status that only another release has is in the list of
all, and in no other.
"""

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from image_to_video.adapters.task_queries import EVERY_TASK, TaskFilter, add_filter, of_times
from image_to_video.adapters.task_table import (
    OWNER_INDEX,
    STATUS_INDEX,
    listed_under,
    partition_of,
    readable,
)
from image_to_video.domain.errors import InvalidCursorError
from image_to_video.domain.owner_names import scope_of
from image_to_video.domain.records import iso
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task

if TYPE_CHECKING:
    from image_to_video.adapters.dynamodb_table import Table

MOST_COUNTED: Final = 1000
"""How far a status is counted."""
# Lambda answers at most 6 MB, in which every quote and every letter beyond ASCII is escaped twice.
_PAGE_BYTES: Final = 3_500_000
# How many times as many tasks as are asked for a list by metadata alone reads, one read after
# another; each is cut by DynamoDB at 1 MB.
_GROWTH: Final = (2, 8, 32, 128)
# So many entries of a status are read at most for one answer: some 16 read units.
_MOST_ENTRIES: Final = 1000
# Where a status has no more tasks than this, those with some metadata are chosen among them.
_FEW: Final = 40

# Where a page begins: `owner`, `created_at` and `task_id` of the last task of the page before; in a
# list by status also `listed_under`, where that task was found.
type Position = dict[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `next` is where the following page begins, None at the end."""

    tasks: list[Task]
    next: Position | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many tasks there are, or how many at least."""

    count: int
    more: bool


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of `by_status`; one that is an end only says how far its partition was read."""

    created_at: str
    task_id: str
    position: Position
    is_end: bool = False


class TaskLists:
    """Reads the lists."""

    def __init__(self, table: "Table") -> None:
        self._table = table

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
        # Each kind of list goes on as it began: they order tasks of one moment differently.
        by_status = start is None or "listed_under" in start
        if by_status and wanted.statuses and len(wanted.statuses) < len(TaskStatus):
            at_once = _FEW if wanted.metadata else limit
            entries = self._entries(owner, at_once, start, wanted.statuses, (after, before))
            if not wanted.metadata:
                return self._page_of(entries, limit, limit, wanted)
            few = list(islice(entries, _FEW + 1))
            if start is not None or len(few) <= _FEW:
                return self._page_of(iter(few), _FEW, limit, wanted)
        return self._page_by_owner(owner, limit, start, wanted, (after, before))

    def counts(self, owner: str) -> dict[TaskStatus, Count]:
        """How many tasks an owner has in each status, each counted up to `MOST_COUNTED`."""
        counts: dict[TaskStatus, Count] = {}
        for listed, statuses in _partitions(frozenset(TaskStatus)).items():
            query: dict[str, Any] = {
                "IndexName": STATUS_INDEX,
                "KeyConditionExpression": "owner_status = :partition",
                "ExpressionAttributeValues": {":partition": partition_of(owner, listed)},
                "Limit": MOST_COUNTED + 1,
            }
            if len(statuses) == 1:
                found = self._table.query(**query, Select="COUNT")["Count"]
                counts[listed] = Count(min(found, MOST_COUNTED), found > MOST_COUNTED)
                continue
            items = self._table.query(**query)["Items"]
            words = [item["status"] for item in items[:MOST_COUNTED]]
            more = len(items) > MOST_COUNTED
            counts |= {status: Count(words.count(status), more) for status in statuses}
        return {status: counts[status] for status in TaskStatus}

    def _page_by_owner(
        self,
        owner: str,
        limit: int,
        start: Position | None,
        wanted: TaskFilter,
        times: tuple[str, str],
    ) -> Page:
        query = of_times("owner", owner, times) | {"IndexName": OWNER_INDEX}
        some = wanted.statuses if len(wanted.statuses) < len(TaskStatus) else frozenset()
        is_filtered = add_filter(query, some, wanted.metadata)
        tasks: list[Task] = []
        size = 0
        for growth in _GROWTH:
            query["Limit"] = growth * limit + 1 if is_filtered else limit + 1 - len(tasks)
            at: dict[str, Any] = {"ExclusiveStartKey": start} if start else {}
            reply = self._table.query(**query | at)
            for item in reply["Items"]:
                task = readable(item)
                if task is None:
                    continue
                tasks.append(task)
                size += _size_of(task)
                # One more than asked for, or than can be sent, tells that there is a next page.
                if len(tasks) > limit or (size > _PAGE_BYTES and len(tasks) > 1):
                    return Page(tasks[:-1], _position(tasks[-2]))
            start = _key_of(reply.get("LastEvaluatedKey"))
            if start is None:
                break
        return Page(tasks, start)

    def _page_of(
        self, entries: Iterator[_Entry], at_once: int, limit: int, wanted: TaskFilter
    ) -> Page:
        """The first tasks of these entries, read `at_once` at a time."""
        # By id: one that moves from one status to the next meanwhile has an entry in each.
        tasks: dict[str, Task] = {}
        position: Position | None = None
        size = 0
        while len(tasks) < limit and (chunk := list(islice(entries, at_once - len(tasks)))):
            found = self._tasks_of(chunk, wanted)
            for entry in chunk:
                task = found.get(entry.task_id)
                size += _size_of(task) if task else 0
                if len(tasks) == limit or (size > _PAGE_BYTES and tasks):
                    return Page([*tasks.values()], position)
                position = entry.position
                if entry.is_end:
                    return Page([*tasks.values()], position)
                if task:
                    tasks[entry.task_id] = task
        return Page([*tasks.values()], position if next(entries, None) else None)

    def _entries(
        self,
        owner: str,
        limit: int,
        start: Position | None,
        statuses: frozenset[TaskStatus],
        times: tuple[str, str],
    ) -> Iterator[_Entry]:
        """Entries of several statuses, newest first; those of one moment in the order of statuses.

        That is the order of a task's life as well: one that moves on while we read is met where
        it comes to, if no more where it was.
        """
        streams = []
        is_before = start is not None
        for listed, some in _partitions(statuses).items():
            after, before = times
            at = None
            if start is not None and listed == start["listed_under"]:
                at, is_before = _key(owner, listed, start), False
            elif start is not None:
                # What was made at the same moment stands on the page before, or comes after it.
                before = _just_before(start["created_at"]) if is_before else start["created_at"]
            if after <= before:
                query = of_times("owner_status", partition_of(owner, listed), (after, before))
                add_filter(query, some, {})
                streams.append(self._stream(query, limit, at, owner, listed))
        return heapq.merge(*streams, key=attrgetter("created_at"), reverse=True)

    def _stream(
        self,
        query: dict[str, Any],
        limit: int,
        start: Mapping[str, Any] | None,
        owner: str,
        listed: TaskStatus,
    ) -> Iterator[_Entry]:
        def entry(item: Mapping[str, Any], *, is_end: bool = False) -> _Entry:
            created_at, task_id = str(item["created_at"]), str(item["task_id"])
            position = {"owner": owner, "created_at": created_at, "task_id": task_id}
            return _Entry(created_at, task_id, position | {"listed_under": listed.value}, is_end)

        for most in (limit + 1, _MOST_ENTRIES - limit - 1):
            at: dict[str, Any] = {"ExclusiveStartKey": start} if start else {}
            reply = self._table.query(**query, IndexName=STATUS_INDEX, Limit=most, **at)
            yield from map(entry, reply["Items"])
            start = reply.get("LastEvaluatedKey")
            if start is None:
                return
        if start is not None:
            yield entry(start, is_end=True)

    def _tasks_of(self, entries: Iterable[_Entry], wanted: TaskFilter) -> dict[str, Task]:
        """The tasks that these entries name and that are still wanted.

        Both reads lag: where they differ, the table is asked for its last word.
        """
        ids = list(dict.fromkeys(entry.task_id for entry in entries if not entry.is_end))
        found = self._read(ids, consistent=False)
        doubtful = [
            one for one in ids if one not in found or found[one].status not in wanted.statuses
        ]
        found |= self._read(doubtful, consistent=True)
        return {one: task for one, task in found.items() if wanted.accepts(task)}

    def _read(self, ids: Iterable[str], *, consistent: bool) -> dict[str, Task]:
        items = self._table.get_items(({"task_id": one} for one in ids), consistent=consistent)
        return {task.task_id: task for task in map(readable, items) if task is not None}


def _partitions(statuses: frozenset[TaskStatus]) -> dict[TaskStatus, frozenset[TaskStatus]]:
    """Under which statuses these are listed, in the order of a task's life, and which there."""
    found: dict[TaskStatus, frozenset[TaskStatus]] = {}
    for status in TaskStatus:
        if status in statuses:
            listed = listed_under(status)
            found[listed] = found.get(listed, frozenset()) | {status}
    return found


def _key(owner: str, listed: TaskStatus, start: Position) -> dict[str, str]:
    partition = partition_of(owner, listed)
    key = {name: start[name] for name in ("task_id", "created_at")}
    return {"owner_status": partition, **key}


def _position(task: Task) -> Position:
    scope = scope_of(task.owner, test=task.test)
    return {"task_id": task.task_id, "owner": scope, "created_at": iso(task.created_at)}


def _key_of(evaluated: Any) -> Position | None:
    return {name: str(value) for name, value in evaluated.items()} if evaluated else None


def _just_before(moment: str) -> str:
    return iso(datetime.fromisoformat(moment) - timedelta(milliseconds=1))


def _size_of(task: Task) -> int:
    return len(json.dumps(task.written(), default=str))
