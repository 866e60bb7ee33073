"""Workflow step: copy a finished video to the video bucket, and return the next step."""

from typing import Any

# Imported while Lambda lends the start of a container a whole processor, not by the first event.
import image_to_video.adapters.safe_download
import image_to_video.lifecycle.workflow_steps
from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video.observability import logger, metrics
from image_to_video.wiring import workflow_steps
from pydantic import BaseModel


class StoreVideo(BaseModel):
    """The input of the step; executions of earlier releases did not say their name."""

    task_id: str
    execution: str | None = None


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return `{"phase": ..., "wait_seconds": ...}`."""
    order = StoreVideo.model_validate(event)
    logger.append_keys(task_id=order.task_id)
    return workflow_steps().store_video(order.task_id, order.execution).model_dump(mode="json")
