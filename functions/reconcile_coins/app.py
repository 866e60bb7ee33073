"""Schedule, and by hand: compare what A2E charged with what the tasks say."""

from dataclasses import asdict
from datetime import date
from typing import Any

# Imported while Lambda lends the start of a container a whole processor, not by the first event.
import image_to_video.adapters.a2e_credits
from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video import clients
from image_to_video.a2e_access import coin_ledger
from image_to_video.adapters.dynamodb_table import Table
from image_to_video.adapters.task_scan import TaskScan
from image_to_video.container import now, settings
from image_to_video.lifecycle.coins import Coins
from image_to_video.observability import logger, metrics
from pydantic import BaseModel, ConfigDict, Field


class _Order(BaseModel):
    """What is asked for by hand; the schedule's event has none of it."""

    model_config = ConfigDict(frozen=True)

    first: date | None = Field(default=None, alias="from")
    last: date | None = Field(default=None, alias="to")
    owner: str | None = None


def coins() -> Coins:
    """The service that compares coins."""
    config = settings()
    return Coins(
        tasks=lambda: TaskScan(Table(clients.dynamodb(), config.tasks_table)),
        ledger=coin_ledger(config),
        schedule=config.schedule,
        retention_days=config.task_retention_days,
        now=now,
    )


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the report; `{"from": "2026-11-20", "to": "2026-11-26"}` asks for these days (UTC)."""
    order = _Order.model_validate(event)
    if order.first is None or order.last is None:
        return asdict(coins().reconcile_yesterday())
    return asdict(coins().reconcile(order.first, order.last, order.owner))
