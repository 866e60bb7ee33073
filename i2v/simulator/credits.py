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
from i2v.simulator.answers import accepted, refusal, refused_by, success
from i2v.simulator.faults import Call, Fault, Kind
from i2v.simulator.ledger import Booking
from i2v.simulator.records import timestamp
from i2v.simulator.start_body import PriceInputs, StartBody, explain

_SHORT_PAGE = 2
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
        fault = self._account.faults.take(Call.BALANCE, [])
        return refused_by(fault) or accepted(
            {"coins": self._account.ledger.balance, "diamonds": 0}, fault
        )

    async def history(self, request: Request) -> Response:
        """Every booking, newest first; documented: a grant is positive, consumption negative."""
        try:
            page = _HistoryPage.model_validate(dict(request.query_params))
        except ValidationError as error:
            return refusal(400, explain(error))
        fault = self._account.faults.take(Call.HISTORY, [])
        if refused := refused_by(fault):
            return refused
        return self._listed(page, fault)

    def _listed(self, page: _HistoryPage, fault: Fault | None) -> Response:
        kind = fault.kind if fault else None
        size = _SHORT_PAGE if kind is Kind.SHORT_PAGES else page.size
        shown = self._shown(page, fault)
        first = (page.number - 1) * size
        bookings = shown[first : first + size]
        if not bookings and page.number > 1 and kind is Kind.FAILS_PAST_END:
            return refusal(500, "pageNum is out of range")
        if not bookings and kind is Kind.REPEATS_LAST_PAGE:
            bookings = shown[(max(0, len(shown) - 1) // size) * size :]
        rows = [_row(one, kind) for one in bookings]
        match kind:
            case Kind.LIST_DATA:
                return success(rows)
            case Kind.OTHER_LIST_FIELD:
                return success({"records": rows, "totalCount": str(len(shown))})
            case Kind.REPEATS_LAST_PAGE | Kind.FAILS_PAST_END:
                return success({"rows": rows})
            case _:
                return accepted({"rows": rows, "total": len(shown)}, fault)

    def _shown(self, page: _HistoryPage, fault: Fault | None) -> list[Booking]:
        kind, latest = fault.kind if fault else None, self._account.now()
        if fault and kind is Kind.LATE_RECORDS:
            latest -= fault.duration
        bookings = sorted(self._account.ledger.bookings, key=lambda one: (one.time, one.number))
        return [
            one
            for one in reversed(bookings)
            if one.time <= latest and (kind is Kind.IGNORES_DATES or page.shows(one))
        ]

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


def _row(booking: Booking, kind: Kind | None) -> dict[str, object]:
    """A record of the history; no source names its fields, so there are several kinds of it."""
    row: dict[str, object] = {
        "_id": booking.id,
        "coins": booking.coins,
        "reason": booking.reason,
        "task_id": booking.task_id,
        "createdAt": timestamp(booking.time),
    }
    match kind:
        case Kind.NAMELESS_RECORDS:
            return {key: value for key, value in row.items() if key not in ("_id", "task_id")}
        case Kind.OTHER_HISTORY_FIELDS:
            return {
                "amount": f" {booking.coins}.00 ",
                "remark": f"{booking.reason} (task {booking.task_id})",
                "created_at": int(booking.time * 1000),
            }
        case Kind.UNSIGNED_COINS:
            return row | {"coins": abs(booking.coins), "isConsumption": booking.coins < 0}
        case _:
            return row
