"""One event for each change of a task that subscribers hear of, as CloudEvents 1.0 on SNS."""

import json
import re
from typing import Final, Literal

from image_to_video.contract.event_types import EventType
from image_to_video.contract.responses import TaskEventData, View, show_task
from image_to_video.domain.records import Moment
from image_to_video.domain.task import Task

# SNS counts the message's attributes, which have less than 1,000 bytes, as well:
# https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
_MOST_BYTES: Final = 256 * 1024 - 1000


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


def describe_change(kind: EventType, after: Task, *, stack_name: str, schema_url: str) -> TaskEvent:
    """The event of one change, the same at every redelivery."""
    data = show_task(after, after.updated_at, TaskEventData)
    # The caller's own links may be signed ones, and subscribers are not the caller.
    addresses = {
        # The key of an upload may have such characters, and is no link.
        name: link if link.startswith("s3:") else re.split(r"[?#]", link, maxsplit=1)[0]
        for name, link in (("image_url", data.image_url), ("end_image_url", data.end_image_url))
        if link is not None
    }
    return TaskEvent(
        id=f"{after.task_id}.{after.version}",
        source=f"/image-to-video/{stack_name}",
        type=kind,
        subject=after.task_id,
        time=after.updated_at,
        dataschema=schema_url,
        data=data.model_copy(update=addresses),
    )


def written(event: TaskEvent) -> str:
    """The event as a message of SNS: ASCII, or plain UTF-8 where that would be too long to send.

    SQS refuses some characters, and S3 permits them in keys. A letter takes up to 12 bytes as
    escapes and up to 4 in UTF-8; the longest texts that a task can have fit only as that.
    """
    content = event.model_dump(mode="json")
    text = json.dumps(content, separators=(",", ":"))
    if len(text) <= _MOST_BYTES:
        return text
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def attributes_of(event: TaskEvent, owner: str) -> dict[str, str]:
    """The message attributes, which subscriptions can choose by."""
    of_test = {"test": "true"} if event.data.test else {}
    return {"type": event.type.value, "status": event.data.status.value, "owner": owner, **of_test}
