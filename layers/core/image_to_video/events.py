"""One event for each change of a task that subscribers hear of, as CloudEvents 1.0 on SNS."""

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal

from image_to_video.models import Moment, Task, TaskStatus
from image_to_video.views import TaskEventData, View, show_task

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


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


class TaskEvent(View):
    """The envelope (https://github.com/cloudevents/spec, version 1.0).

    `id` is the task's id and version, so every redelivery of one change carries the same id.
    """

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: EventType
    subject: str
    time: Moment
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str
    data: TaskEventData


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


def describe_change(kind: EventType, after: Task, *, stack_name: str, schema_url: str) -> TaskEvent:
    """The event of one change, the same at every redelivery."""
    data = show_task(after, after.updated_at, TaskEventData)
    # The caller's own link may be a signed one, and subscribers are not the caller.
    address = re.split(r"[?#]", data.image_url, maxsplit=1)[0]
    return TaskEvent(
        id=f"{after.task_id}.{after.version}",
        source=f"/image-to-video/{stack_name}",
        type=kind,
        subject=after.task_id,
        time=after.updated_at,
        dataschema=schema_url,
        data=data.model_copy(update={"image_url": address}),
    )


def attributes_of(event: TaskEvent, owner: str) -> dict[str, str]:
    """The message attributes, which subscriptions can choose by."""
    return {"type": event.type.value, "status": event.data.status.value, "owner": owner}


class EventTopic:
    """Publishes events to the SNS topic."""

    def __init__(
        self, client: "SNSClient", *, topic_arn: str, stack_name: str, schema_url: str
    ) -> None:
        self._client = client
        self._topic_arn = topic_arn
        self._stack_name = stack_name
        self._schema_url = schema_url

    def publish_change(self, before: Task | None, after: Task) -> None:
        """Tell the subscribers of one change, if it is one that they hear of."""
        kind = event_type(before, after)
        if kind is None:
            return
        event = describe_change(
            kind, after, stack_name=self._stack_name, schema_url=self._schema_url
        )
        attributes = attributes_of(event, after.owner)
        self._client.publish(
            TopicArn=self._topic_arn,
            Message=event.model_dump_json(),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        )
