"""What a list by status reads, in DynamoDB's read units, counted by its rules over moto.

An owner has thousands of finished tasks and a few of a status that hardly any has. The product's
own code lists them; whatever it asks of the table is priced as DynamoDB does: half a unit for each
4 KB that a query has read, whole entries of the index that it used, filtered or not; for each task
of a batch its own 4 KB; twice as much where the read is consistent.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from math import ceil
from typing import Any, Final
from unittest.mock import patch

import boto3
from boto3.dynamodb.types import TypeSerializer
from image_to_video.adapters.dynamodb_table import Table
from image_to_video.adapters.task_lists import TaskLists
from image_to_video.adapters.task_queries import TaskFilter
from image_to_video.adapters.task_table import TaskTable
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Failure, FailureCode, Task
from moto import mock_aws

from tests.benchmarks.dynamodb_units import Item, entry, size
from tests.benchmarks.parameters import template
from tests.support.samples import NOW, a_full_task

SIZES: Final = (500, 2000)
"""Finished tasks beside those looked for: a figure that is the same for both does not grow."""
LIMIT: Final = 5
RARE: Final = 3
OWNER: Final = "anna"


class Metered:
    """The table, counting what is read of it."""

    def __init__(self, table: Table, properties: dict[str, Any]) -> None:
        self.units = 0.0
        self._table = table
        self._properties = properties
        self._indexes = {each["IndexName"]: each for each in properties["GlobalSecondaryIndexes"]}

    def query(self, **arguments: Any) -> Any:
        """Ask, and price every entry that was read: the same again without the filter."""
        plain = {
            name: value
            for name, value in arguments.items()
            if name not in ("FilterExpression", "Select", "ProjectionExpression")
        }
        used = plain["KeyConditionExpression"]
        for kind in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
            kept = {key: value for key, value in plain.get(kind, {}).items() if key in used}
            plain[kind] = kept
            if not kept:
                del plain[kind]
        read = self._table.query(**plain)["Items"]
        self._pay(sum(self._size(arguments["IndexName"], item) for item in read), consistent=False)
        return self._table.query(**arguments)

    def get_items(self, keys: Iterable[Mapping[str, Any]], *, consistent: bool) -> list[Any]:
        """Ask, and price each task for itself."""
        items = self._table.get_items(keys, consistent=consistent)
        for item in items:
            self._pay(size(_typed(item)), consistent=consistent)
        return items

    def _size(self, index: str, item: dict[str, Any]) -> int:
        return size(entry(self._properties, self._indexes[index], _typed(item)) or {})

    def _pay(self, read: int, *, consistent: bool) -> None:
        self.units += max(1, ceil(read / 4096)) * (1 if consistent else 0.5)


def _typed(item: dict[str, Any]) -> Item:
    serialize: Any = TypeSerializer().serialize
    return {name: serialize(value) for name, value in item.items()}


def a_finished_task(number: int, status: TaskStatus = TaskStatus.SUCCEEDED) -> Task:
    """A task of some 1.5 KB, a second after the one before."""
    failure = Failure(code=FailureCode.GENERATION_FAILED, message="The generator could not.")
    return a_full_task(
        task_id=f"{number:032x}",
        owner=OWNER,
        created_at=NOW + timedelta(seconds=number),
        status=status,
        failure=failure if status is TaskStatus.FAILED else None,
        cancellation=None,
    )


def figures() -> dict[str, float]:
    """Read units of a list of 5 by a status of nearly all tasks, and by one of hardly any.

    The rare tasks are the oldest, behind all others.
    """
    measured = [_measured(size) for size in SIZES]
    for name in measured[0]:
        if len({each[name] for each in measured}) != 1:
            raise RuntimeError(f"{name} grows with the table: {measured}")
    return measured[-1]


def _measured(size: int) -> dict[str, float]:
    with _metered(size) as metered:
        return {
            "list_units_common": _units(metered, TaskStatus.SUCCEEDED, LIMIT),
            "list_units_rare": _units(metered, TaskStatus.FAILED, RARE),
        }


def _units(metered: Metered, status: TaskStatus, expected: int) -> float:
    before = metered.units
    wanted = TaskFilter(frozenset({status}))
    page = TaskLists(metered).page(OWNER, limit=LIMIT, wanted=wanted)  # type: ignore[arg-type]
    if len(page.tasks) != expected:
        raise RuntimeError(f"{status}: {len(page.tasks)} tasks instead of {expected}")
    return metered.units - before


@contextmanager
def _metered(size: int) -> Iterator[Metered]:
    account = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "test")
    with patch.dict(os.environ, account | {"AWS_DEFAULT_REGION": "us-east-1"}), mock_aws():
        properties = template()["Resources"]["TasksTable"]["Properties"]
        names = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        raw = boto3.resource("dynamodb").create_table(
            TableName="tasks", **{name: properties[name] for name in names}
        )
        # As the product writes them, without the conditions that take moto the most time.
        table = Table(boto3.client("dynamodb"), "tasks")
        items = TaskTable(table, retention_days=90)._item
        with raw.batch_writer() as batch:
            for number in range(size + RARE):
                status = TaskStatus.FAILED if number < RARE else TaskStatus.SUCCEEDED
                batch.put_item(Item=items(a_finished_task(number, status)))
        yield Metered(table, properties)


if __name__ == "__main__":
    for figure, units in figures().items():
        print(f"{figure:<20}{units:6.1f}")
