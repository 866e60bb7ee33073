"""By hand, through `i2v redrive`: make one task move now."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video.observability import logger, metrics
from image_to_video.wiring import repair
from pydantic import BaseModel


class RedriveTask(BaseModel):
    """Which task."""

    task_id: str


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the task's status, and what was or was not done in words."""
    order = RedriveTask.model_validate(event)
    logger.append_keys(task_id=order.task_id)
    return repair().redrive(order.task_id).model_dump(mode="json")
