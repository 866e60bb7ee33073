"""Schedule: start a new workflow for every open task whose workflow no longer runs."""

from typing import Any

# Imported while Lambda lends the start of a container a whole processor, not by the first event.
import image_to_video.lifecycle.repair
from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video.observability import logger, metrics
from image_to_video.wiring import repair


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return how many tasks were given a new execution."""
    return {"revived": repair().reconcile_tasks()}
