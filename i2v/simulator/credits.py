"""The calls about coins: balance, history, and the price of a start before it is made.

A2E documents what is asked; the fields of the answers are guesses, except for those named here.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from i2v.simulator.account import Account
from i2v.simulator.answers import refusal, success
from i2v.simulator.ledger import Booking
from i2v.simulator.records import timestamp
from i2v.simulator.start_body import PriceInputs, StartBody, explain

_START = "/api/v1/userImage2Video/start"


class _Quote(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    endpoint: str
    request_body: Annotated[dict[str, Any], Field(alias="requestBody")]


class _HistoryPage(BaseModel):
    model_config = ConfigDict(frozen=True)

    number: Annotated[int, Field(alias="pageNum", ge=1)] = 1
    size: Annotated[int, Field(alias="pageSize", ge=1, le=100)] = 10
    is_consumption: bool | None = None
    begin: Annotated[AwareDatetime | None, Field(alias="startDate")] = None
    end: Annotated[AwareDatetime | None, Field(alias="endDate")] = None

    def shows(self, booking: Booking) -> bool:
        """Whether the filters let a booking through; both dates are inclusive."""
        moment = datetime.fromisoformat(timestamp(booking.time))
        return (
            (self.is_consumption is None or self.is_consumption == (booking.coins < 0))
            and (self.begin is None or moment >= self.begin)
            and (self.end is None or moment <= self.end)
        )


class Credits:
    """Answers what one account's coins are, were, and would be; charges nothing."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def remaining(self, request: Request) -> Response:
        """The balance, in the shape that clients of the service report."""
        del request
        return success({"coins": self._account.ledger.balance, "diamonds": 0})

    async def history(self, request: Request) -> Response:
        """Every booking, newest first; documented: a grant is positive, consumption negative."""
        try:
            page = _HistoryPage.model_validate(dict(request.query_params))
        except ValidationError as error:
            return refusal(400, explain(error))
        shown = [one for one in reversed(self._account.ledger.bookings) if page.shows(one)]
        first = (page.number - 1) * page.size
        rows = [_row(one) for one in shown[first : first + page.size]]
        return success({"rows": rows, "total": len(shown)})

    async def quote(self, request: Request) -> Response:
        """The price of a start, from exactly its body; nothing is created.

        Documented: `generationRequestValidated` is false where only what the price depends on was
        checked. Here it is true where the start itself would be accepted.
        """
        try:
            quote = _Quote.model_validate_json(await request.body())
            price = PriceInputs.model_validate(quote.request_body)
        except ValidationError as error:
            return refusal(400, explain(error))
        if quote.endpoint.removeprefix("POST ").strip() != _START:
            return refusal(400, "endpoint is not one that can be quoted")
        try:
            StartBody.model_validate(quote.request_body)
        except ValidationError:
            validated = False
        else:
            validated = True
        coins = price.coins * max(1, price.number_of_images)
        return success({"coins": coins, "generationRequestValidated": validated})

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/api/v1/user/remainingCoins", self.remaining, methods=["GET"]),
            Route("/api/v1/transactionRecord/creditsHistory", self.history, methods=["GET"]),
            Route("/api/v1/generation/quote", self.quote, methods=["POST"]),
        ]


def _row(booking: Booking) -> dict[str, object]:
    return {
        "coins": booking.coins,
        "reason": booking.reason,
        "task_id": booking.task_id,
        "createdAt": timestamp(booking.time),
    }
