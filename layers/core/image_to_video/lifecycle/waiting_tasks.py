"""The tasks of entries in line: who still waits there."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from image_to_video.adapters.task_table import TaskTable
from image_to_video.domain.compatibility import is_understood
from image_to_video.domain.errors import TaskNotFoundError
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task
from image_to_video.domain.waiting_line import Entry
from image_to_video.observability import count, logger


class WaitingTasks:
    """Reads the tasks of entries."""

    def __init__(self, table: TaskTable) -> None:
        self._table = table

    def read(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, Task | None]]:
        """Entries with the tasks that wait there, if any that can be read does."""
        for entry in entries:
            try:
                task = self._waiting(entry)
            except ValueError:
                # Nobody here can let it start: it gives up its place to those behind it.
                count("WakesFailed")
                logger.exception("task in line cannot be read")
                task = None
            yield entry, task

    def _waiting(self, entry: Entry) -> Task | None:
        """The task of an entry, if it still waits there, or is about to.

        One in a state that only another release knows does not: the others do not wait for it, and
        the other release puts it back to its place.
        """
        try:
            task = self._table.get(entry.task_id)
        except TaskNotFoundError:
            return None
        waits = task.status is TaskStatus.QUEUED and task.unresolved_attempt is None
        waits = waits and is_understood(task)
        return task if waits and task.line_entry in (None, entry.key) else None


def standing_since(task: Task, entry: Entry, now: datetime) -> datetime:
    """Since when a task has stood in line without having counted that time yet."""
    # One that has stood there before has counted that time already.
    joined_at = now if task.line_entry == entry.key else entry.joined_at
    return task.line_since or joined_at
