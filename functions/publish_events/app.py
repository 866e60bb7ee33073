"""Stream of the tasks table: publish an event for every change. The stream is the outbox."""

from typing import Any

# Imported while Lambda lends the start of a container a whole processor, not by the first event.
import image_to_video.adapters.event_topic
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    ExceptionInfo,
    FailureResponse,
    process_partial_response,
)
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import (
    DynamoDBRecord,
    DynamoDBRecordEventName,
)
from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video.adapters.task_table import readable
from image_to_video.container import event_topic
from image_to_video.observability import count, logger, metrics


def publish(record: DynamoDBRecord) -> None:
    """Publish one change; a record that was removed, by its time to live, is not published.

    Nor is one that cannot be read at all: no repetition mends it, and others would wait behind it.
    """
    if record.event_name is DynamoDBRecordEventName.REMOVE or record.dynamodb is None:
        return
    old, after = record.dynamodb.old_image, readable(record.dynamodb.new_image)
    before = readable(old) if old else None
    if after is not None and (before is not None or not old):
        event_topic().publish_change(before, after)


class Records(BatchProcessor):
    """The records of one batch; a failure is only logged, because the record is delivered again."""

    def failure_handler(self, record: Any, exception: ExceptionInfo) -> FailureResponse:
        """Log which change could not be published, and why."""
        reason = f"{type(exception[1]).__name__}: {exception[1]}"
        count("EventsFailed")
        keys = record.dynamodb.keys if record.dynamodb else None
        which = {"event_id": record.event_id, "task_id": (keys or {}).get("task_id")}
        logger.error("event not published", extra=which | {"reason": reason})
        return super().failure_handler(record, exception)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Return which records failed; Lambda delivers again from the first of them on."""
    processor = Records(EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)
    return process_partial_response(event, publish, processor, context)
