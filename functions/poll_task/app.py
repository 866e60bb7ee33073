"""Workflow step: move a task on as far as it can go now, and say what comes next."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video.observability import logger, metrics
from image_to_video.wiring import workflow_steps
from pydantic import BaseModel


class PollTask(BaseModel):
    """The step's input."""

    task_id: str


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer `{"phase": ..., "wait_seconds": ...}`."""
    order = PollTask.model_validate(event)
    logger.append_keys(task_id=order.task_id)
    return workflow_steps().advance(order.task_id).model_dump(mode="json")
