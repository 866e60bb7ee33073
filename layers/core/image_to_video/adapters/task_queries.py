"""Which tasks a list shows, and how that is said to DynamoDB."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks a list shows: of any of these statuses, of these times, with all these pairs."""

    statuses: frozenset[TaskStatus] = frozenset()
    created_after: datetime | None = None
    created_before: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    def accepts(self, task: Task) -> bool:
        """True for a task of these statuses and pairs; the times are the query's."""
        pairs_fit = self.metadata.items() <= task.metadata.items()
        return pairs_fit and (not self.statuses or task.status in self.statuses)


EVERY_TASK: Final = TaskFilter()


def of_times(key: str, value: str, times: tuple[str, str]) -> dict[str, Any]:
    """The query for a partition of an index by creation, newest first."""
    after, before = times
    return {
        "ScanIndexForward": False,
        "KeyConditionExpression": "#key = :key AND created_at BETWEEN :after AND :before",
        "ExpressionAttributeNames": {"#key": key},
        "ExpressionAttributeValues": {":key": value, ":after": after, ":before": before},
    }


def add_filter(
    query: dict[str, Any], statuses: Iterable[TaskStatus], metadata: Mapping[str, str]
) -> bool:
    """Have the query leave out what is not wanted; False where nothing is."""
    conditions: list[str] = []
    names, values = query["ExpressionAttributeNames"], query["ExpressionAttributeValues"]
    if statuses:
        names["#status"] = "status"
        states = {f":status{n}": status.value for n, status in enumerate(sorted(statuses))}
        conditions.append(f"#status IN ({', '.join(states)})")
        values |= states
    for number, (name, value) in enumerate(sorted(metadata.items())):
        names |= {"#metadata": "metadata", f"#name{number}": name}
        values[f":value{number}"] = value
        conditions.append(f"#metadata.#name{number} = :value{number}")
    if conditions:
        query["FilterExpression"] = " AND ".join(conditions)
    return bool(conditions)
