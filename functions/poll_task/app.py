"""Workflow step: advance a task as far as it can go now, and return the next step."""

from typing import Any

# Imported while Lambda lends the start of a container a whole processor, not by the first event.
import image_to_video.adapters.a2e_client
import image_to_video.lifecycle.workflow_steps
from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video.observability import logger, metrics
from image_to_video.wiring import workflow_steps
from pydantic import BaseModel


class PollTask(BaseModel):
    """The input of the step."""

    task_id: str


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return `{"phase": ..., "wait_seconds": ...}`."""
    task_id = PollTask.model_validate(event).task_id
    logger.append_keys(task_id=task_id)
    return workflow_steps().poll_task(task_id).model_dump(mode="json")
