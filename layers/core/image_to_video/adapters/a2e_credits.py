"""What A2E shows of the account's coins; it implements `CoinLedger`.

A2E's reference documents what `creditsHistory` is asked, and that a grant is positive and a
consumption negative; the fields of its records are published nowhere. So a record is read for what
it can mean, as task records are, and one without a readable amount or moment ends the reading:
what cannot be read whole proves nothing.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import Any, Final

import httpx

from image_to_video.adapters.a2e_records import ListReading, Record, id_of, rows_in
from image_to_video.adapters.a2e_responses import Answer, Verdict
from image_to_video.adapters.a2e_values import (
    fit_for_a_record,
    moment,
    read,
    squashed,
    text_of,
    trimmed,
)
from image_to_video.domain.coin_statements import Booking
from image_to_video.domain.errors import (
    GeneratorAccessError,
    GeneratorError,
    GeneratorUnavailableError,
)
from image_to_video.domain.records import iso
from image_to_video.domain.task import WaitingFor
from image_to_video.observability import logger

_HISTORY: Final = "/api/v1/transactionRecord/creditsHistory"
_BALANCE: Final = "/api/v1/user/remainingCoins"
_PAGE: Final = 100
_MOST_PAGES: Final = 1000
_TIMEOUT: Final = httpx.Timeout(20, connect=5)
# A2E's clock and ours need not agree; records are read back this much further.
_CLOCK_SLACK: Final = timedelta(minutes=5)

_COINS: Final = ("coins", "coin", "amount", "credits", "credit", "change", "value", "points")
_MOMENTS: Final = ("createdAt", "createTime", "transactionTime", "time", "date", "timestamp")
_CONSUMED: Final = ("is_consumption", "consumption")
_LABELS: Final = ("reason", "description", "remark", "type", "title", "name", "note", "message")
# Keys without case and underscores under which a record may say what it is for.
_TASK: Final = re.compile(r"(task|video|job|record|generation)(id|name|no)")
_OF_TASK: Final = re.compile(r"task|video|job|record|generation")
_WORD: Final = re.compile(r"[0-9A-Za-z_-]{6,80}")
_LONGEST_RECORD: Final = 8192
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?")


class A2ECredits:
    """The client. `token` is asked for each call; nothing here costs coins."""

    def __init__(self, client: httpx.Client, token: Callable[[], str]) -> None:
        self._client = client
        self._token = token

    def bookings(self, since: datetime) -> list[Booking]:
        """Every booking since that moment.

        Raises `GeneratorUnavailableError` where the list cannot be read to its end, or a record
        not be understood, and `GeneratorAccessError`.
        """
        start = since - _CLOCK_SLACK
        # A list that leaves out the filter is still read no further back than that.
        reading, found = ListReading(start), dict[tuple[str, int], Booking]()
        for page in range(1, _MOST_PAGES + 1):
            try:
                data, rows = self._page(page, startDate=iso(start))
            except GeneratorError:
                if reading.is_whole:
                    break
                raise
            for identity, row in _identified(rows):
                found.setdefault(identity, _booking_of(row))
            if reading.add(data, rows):
                break
        else:
            raise GeneratorUnavailableError(
                f"A2E's list of coins is longer than {_MOST_PAGES} pages; ask for fewer days"
            )
        return [booking for booking in found.values() if booking.at >= since]

    def reaches_back_to(self, moment: datetime) -> bool:
        """True where the list shows a booking from before that moment."""
        _, rows = self._page(1, endDate=iso(moment))
        return any(_booking_of(row).at <= moment for _, row in _identified(rows))

    def balance(self) -> int | None:
        """The coins that are left; None where A2E does not say: its call may be retired."""
        try:
            answer = self._ask(_BALANCE)
        except GeneratorError as error:
            logger.warning("the balance could not be read", extra={"reason": str(error)})
            return None
        data = answer.data if isinstance(answer.data, dict) else {"coins": answer.data}
        values = (_whole(value) for value in read(data, "coins", "remainingCoins", "balance"))
        return next((value for value in values if value is not None), None)

    def _page(self, number: int, **dates: str) -> tuple[Any, list[Any]]:
        answer = self._ask(_HISTORY, pageNum=number, pageSize=_PAGE, **dates)
        rows = rows_in(answer.data)
        if rows is None:
            raise GeneratorUnavailableError(
                f"A2E's list of coins could not be read: {answer.describe()}"
            )
        return answer.data, rows

    def _ask(self, path: str, **query: str | int) -> Answer:
        token = self._token().strip()
        if not re.fullmatch(r"[!-~]+", token):
            raise GeneratorAccessError(
                "the A2E token is empty or cannot be sent", waiting_for=WaitingFor.ACCESS
            )
        headers = {"Authorization": f"Bearer {token}"}
        try:
            response = self._client.get(path, params=query, headers=headers, timeout=_TIMEOUT)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise GeneratorUnavailableError(
                f"A2E did not answer: {type(error).__name__}: {fit_for_a_record(str(error))}"
            ) from error
        answer = Answer.read(response)
        match answer.verdict():
            case Verdict.SUCCESS:
                return answer
            case Verdict.ACCESS:
                raise GeneratorAccessError(answer.describe(), waiting_for=WaitingFor.ACCESS)
            case _:
                raise GeneratorUnavailableError(answer.describe(), retry_after=answer.retry_after)


def _identified(rows: list[Any]) -> Iterator[tuple[tuple[str, int], Record]]:
    """The records of a page with what tells them apart, also where a list shows one twice.

    A record without an id is known by all that it says, and by how many on its page say the same:
    two that are alike on one page are two, and one that moved to the next page is the same.
    """
    alike: dict[str, int] = {}
    for row in rows:
        if not isinstance(row, dict):
            raise GeneratorUnavailableError("A2E's list of coins has a record that is none")
        name = id_of(row) or json.dumps(row, sort_keys=True)
        alike[name] = alike.get(name, -1) + 1
        # An id is of one record, however often a page has it.
        yield (name, 0 if id_of(row) else alike[name]), row


def _booking_of(row: Record) -> Booking:
    """What a record says. Raises `GeneratorUnavailableError` where that cannot be understood."""
    coins = next((one for value in read(row, *_COINS) if (one := _whole(value)) is not None), None)
    moments = (moment(value) for value in read(row, *_MOMENTS))
    at = next((one for one in moments if one is not None), None)
    if coins is None or at is None:
        keys = fit_for_a_record(", ".join(sorted(map(str, row))))
        raise GeneratorUnavailableError(
            f"a record of A2E's list of coins has no amount or time that can be read; it has {keys}"
        )
    if any(value is True or text_of(value).lower() == "true" for value in read(row, *_CONSUMED)):
        coins = -abs(coins)
    return Booking(
        coins=coins,
        at=at,
        mentions=frozenset(_WORD.findall(json.dumps(row)[:_LONGEST_RECORD])),
        names_task=any(_names_task(squashed(str(key)), value) for key, value in row.items()),
        label=fit_for_a_record(
            "; ".join(dict.fromkeys(filter(None, map(text_of, read(row, *_LABELS)))))
        )[:120],
    )


def _names_task(key: str, value: Any) -> bool:
    """True for a member that says which task a record is for."""
    return bool(value) and bool((_OF_TASK if isinstance(value, dict) else _TASK).fullmatch(key))


def _whole(value: Any) -> int | None:
    """The coins in a number or a text; a part of a coin counts as a whole one."""
    is_read = isinstance(value, int | float | str) and not isinstance(value, bool)
    text = trimmed(str(value)) if is_read else ""
    if not _NUMBER.fullmatch(text):
        return None
    return int(Decimal(text).to_integral_value(rounding=ROUND_UP))
