"""Where a task may stand, and what may come after it."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class TaskStatus(StrEnum):
    """Where a task stands. The table of permitted changes is here and nowhere else."""

    QUEUED = "queued"
    GENERATING = "generating"
    STORING = "storing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_final(self) -> bool:
        """True for a status that is never left again; of another release's nobody knows."""
        return self in _NEXT and not _NEXT[self]

    def may_become(self, other: "TaskStatus") -> bool:
        """True where the change is permitted; staying where one is always is."""
        return other is self or other in _NEXT.get(self, ())


_NEXT: Final[Mapping[TaskStatus, frozenset[TaskStatus]]] = MappingProxyType(
    {
        TaskStatus.QUEUED: frozenset(
            {TaskStatus.GENERATING, TaskStatus.FAILED, TaskStatus.CANCELED}
        ),
        TaskStatus.GENERATING: frozenset(
            {TaskStatus.STORING, TaskStatus.FAILED, TaskStatus.CANCELED}
        ),
        TaskStatus.STORING: frozenset(
            {TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELED}
        ),
        TaskStatus.SUCCEEDED: frozenset(),
        TaskStatus.FAILED: frozenset(),
        TaskStatus.CANCELED: frozenset(),
    }
)
