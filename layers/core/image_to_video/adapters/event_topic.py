"""The SNS topic that subscribers listen to."""

from typing import TYPE_CHECKING

from image_to_video.contract.event_types import event_type
from image_to_video.contract.events import attributes_of, describe_change, written
from image_to_video.domain.records import is_known
from image_to_video.domain.task import Task
from image_to_video.observability import count, logger

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


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
        """Publish one change of a task, if it maps to an event."""
        kind = event_type(before, after)
        if kind is None:
            if not is_known(after.status):
                # Its event is one that only another release can tell of.
                count("EventsUnknown")
            return
        event = describe_change(
            kind, after, stack_name=self._stack_name, schema_url=self._schema_url
        )
        attributes = attributes_of(event, after.owner)
        self._client.publish(
            TopicArn=self._topic_arn,
            Message=written(event),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        )
        logger.info("event published", extra={"task_id": after.task_id, "type": kind})
