"""For operators, through `i2v redrive`: make one task proceed now."""

from typing import Any

# Imported while Lambda lends the start of a container a whole processor, not by the first event.
import image_to_video.adapters.a2e_client
import image_to_video.lifecycle.repair
from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video.observability import logger, metrics
from image_to_video.wiring import repair
from pydantic import BaseModel


class RedriveTask(BaseModel):
    """The input of the function."""

    task_id: str


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the task's status, whether it moved, and a message for the operator."""
    task_id = RedriveTask.model_validate(event).task_id
    logger.append_keys(task_id=task_id)
    return repair().redrive_task(task_id).model_dump(mode="json")
