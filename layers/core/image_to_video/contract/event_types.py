"""Which changes of a task are events, and of which type: a rule without the events themselves."""

from enum import StrEnum
from typing import Final

from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task


class EventType(StrEnum):
    """The types of the catalogue. `storing` has none: subscribers wait for the video itself."""

    CREATED = "image-to-video.task.created"
    GENERATING = "image-to-video.task.generating"
    LATE = "image-to-video.task.late"
    SUCCEEDED = "image-to-video.task.succeeded"
    FAILED = "image-to-video.task.failed"
    CANCELED = "image-to-video.task.canceled"


_TYPES: Final = {
    TaskStatus.GENERATING: EventType.GENERATING,
    TaskStatus.SUCCEEDED: EventType.SUCCEEDED,
    TaskStatus.FAILED: EventType.FAILED,
    TaskStatus.CANCELED: EventType.CANCELED,
}


def event_type(before: Task | None, after: Task) -> EventType | None:
    """The event that a change of the record stands for, or None for an inner change."""
    if before is None:
        # A bad upload is recorded as failed at once; its only event is the final one.
        return _TYPES.get(after.status, EventType.CREATED)
    if before.status is not after.status:
        return _TYPES.get(after.status)
    if after.late and not before.late:
        return EventType.LATE
    return None


def marker_of(before: Task | None, after: Task) -> str:
    """What a record says of its latest change: the last word of its event's type, or `none`.

    The stream's filter in template.yaml lets all pass but `none`.
    """
    kind = event_type(before, after)
    return "none" if kind is None else kind.value.rpartition(".")[2]
