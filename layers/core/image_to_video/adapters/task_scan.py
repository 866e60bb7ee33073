"""Every task that changed lately, whoever owns it: by reading the whole table, page by page.

No index leads there: owners are known to nobody, since an upload's key names one, and a task may
wait for days before it is started. DynamoDB charges for what it reads, not for what it returns:
half a read unit for each 4 KB of the table.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from image_to_video.adapters.task_table import task_of
from image_to_video.domain.records import iso
from image_to_video.domain.task import Task
from image_to_video.observability import count, logger

if TYPE_CHECKING:
    from image_to_video.adapters.dynamodb_table import Table


@dataclass
class TaskScan:
    """Reads the tasks. `unreadable` could not be read so far; their names are `unread`."""

    table: "Table"
    unread: set[str] = field(default_factory=set)
    unreadable: int = 0

    def changed_since(self, moment: datetime) -> Iterator[Task]:
        """Every task that changed at or after a moment; test tasks, which cost nothing, apart."""
        request = {
            "FilterExpression": "updated_at >= :since"
            " AND (attribute_not_exists(#test) OR #test = :no)",
            "ExpressionAttributeNames": {"#test": "test"},
            "ExpressionAttributeValues": {":since": iso(moment), ":no": False},
        }
        while True:
            reply = self.table.scan(**request)
            for item in reply["Items"]:
                try:
                    yield task_of(item)
                except ValueError:
                    # A record of another release, for example: no booking of it is judged.
                    self.unreadable += 1
                    count("TasksUnreadable")
                    logger.exception("task cannot be read", extra={"task_id": item["task_id"]})
                    names = (item["task_id"], item.get("generator_task_id", ""))
                    self.unread |= {str(name).casefold() for name in names if name}
            if "LastEvaluatedKey" not in reply:
                return
            request["ExclusiveStartKey"] = reply["LastEvaluatedKey"]
