"""Schedule, and by hand: compare what A2E charged with what the tasks say."""

from dataclasses import asdict
from datetime import date
from typing import Any

# Imported while Lambda lends the start of a container a whole processor, not by the first event.
import image_to_video.adapters.a2e_credits
import image_to_video.lifecycle.coins
from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video.observability import logger, metrics
from image_to_video.wiring import coins
from pydantic import BaseModel, ConfigDict, Field


class _Order(BaseModel):
    """What is asked for by hand; the schedule's event has none of it."""

    model_config = ConfigDict(frozen=True)

    first: date | None = Field(default=None, alias="from")
    last: date | None = Field(default=None, alias="to")
    owner: str | None = None


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the report; `{"from": "2026-11-20", "to": "2026-11-26"}` asks for these days (UTC)."""
    order = _Order.model_validate(event)
    if order.first is None or order.last is None:
        return asdict(coins().reconcile_yesterday())
    return asdict(coins().reconcile(order.first, order.last, order.owner))
