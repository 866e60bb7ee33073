"""Compares what the generator charged with what the tasks say, by the schedule and by hand.

Only what both sides cover is compared: the tasks are kept for some days after their end, and the
generator's list may begin later than asked for.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from image_to_video.adapters.task_scan import TaskScan
from image_to_video.domain.coin_ledger import Difference, Line, Reconciliation, reconcile
from image_to_video.domain.coin_matching import SETTLED_AFTER
from image_to_video.domain.coin_statements import Booking, CoinLedger, Statement, statement_of
from image_to_video.domain.records import iso
from image_to_video.domain.schedule import Schedule
from image_to_video.observability import count, logger

# The answer of a function may have 6 MB; a line has some 400 bytes, a difference some 500.
_MOST_LINES: Final = 5000
_MOST_DIFFERENCES: Final = 1000
_DAY: Final = timedelta(days=1)


class WindowError(ValueError):
    """Nothing can be compared in the days asked for; the message says what to ask for instead."""


@dataclass(frozen=True)
class CoinReport:
    """What came of it, for people and programs; lists are cut, and `..._left_out` says by how much.

    `since` and `until` are the moments between which both sides were compared.
    """

    since: str
    until: str
    balance: int | None
    charged: int
    by_nobody: int
    granted: int
    not_covered: int
    unreadable: int
    different: int
    lines: list[dict[str, Any]]
    differences: list[dict[str, Any]]
    lines_left_out: int
    differences_left_out: int


class _Found(NamedTuple):
    result: Reconciliation
    since: datetime
    until: datetime
    unreadable: int


class Coins:
    """Reconciles coins; pays nothing and changes nothing."""

    def __init__(
        self,
        *,
        tasks: Callable[[], TaskScan],
        ledger: CoinLedger,
        schedule: Schedule,
        retention_days: int,
        now: Callable[[], datetime],
    ) -> None:
        self._tasks = tasks
        self._ledger = ledger
        self._retention_days = retention_days
        # No attempt of a task that ends in time is older at its end.
        self._longest = _DAY + timedelta(
            seconds=schedule.start_deadline_seconds + schedule.generation_deadline_seconds
        )
        self._now = now

    def reconcile_yesterday(self) -> CoinReport:
        """Compare the whole day before this one (UTC); count and log every difference."""
        yesterday = self._now().date() - _DAY
        found = self._reconciled(yesterday, yesterday)
        result = found.result
        count("CoinsBooked", max(0, result.charged))
        count("CoinsUnexplained", result.by_nobody)
        different = [one for one in result.differences if not one.permitted]
        for one in different[:_MOST_DIFFERENCES]:
            count("CoinsDifferent")
            logger.error("coins differ", extra=_shown(one))
        left = len(different) - _MOST_DIFFERENCES
        if left > 0:
            count("CoinsDifferent", left)
            logger.error("more coins differ", extra={"differences": left})
        return self._report(found)

    def reconcile(self, first: date, last: date, owner: str | None = None) -> CoinReport:
        """Compare these days (UTC), or those of one owner. Counts nothing.

        Raises `WindowError` where nothing of them can be compared, and `GeneratorError`.
        """
        found = self._reconciled(first, last)
        if owner is not None:
            result = found.result
            lines = [line for line in result.lines if line.owner == owner]
            differences = [one for one in result.differences if one.owner == owner]
            found = found._replace(result=replace(result, lines=lines, differences=differences))
        return self._report(found)

    def _reconciled(self, first: date, last: date) -> _Found:
        since, until = self._window(first, last)
        scan = self._tasks()
        # Read with what ended shortly before, which explains bookings at the edge.
        changed = scan.changed_since(since - SETTLED_AFTER)
        statements = [statement_of(task) for task in changed]
        bookings, since, read_since = self._bookings(statements, since, until)
        result = reconcile(
            statements,
            bookings,
            since=since,
            until=until,
            read_since=read_since,
            unread=frozenset(scan.unread),
        )
        return _Found(result, since, until, scan.unreadable)

    def _bookings(
        self, statements: list[Statement], since: datetime, until: datetime
    ) -> tuple[list[Booking], datetime, datetime]:
        """The bookings; from when on tasks are compared with them; from when on they were read."""
        ended = [one for one in statements if one.ended_at and since <= one.ended_at < until]
        sent = [min(one.sent) for one in ended if one.sent]
        read_since = max(min([since, *sent]), since - self._longest) - SETTLED_AFTER
        bookings = self._ledger.bookings(read_since)
        if not self._ledger.reaches_back_to(read_since):
            # The list begins with its first booking, as far as can be seen.
            read_since = min((one.at for one in bookings), default=until)
            since = max(since, read_since)
        return bookings, since, read_since

    def _window(self, first: date, last: date) -> tuple[datetime, datetime]:
        now = self._now()
        since = datetime.combine(first, time(), UTC)
        until = min(datetime.combine(last + _DAY, time(), UTC), now - SETTLED_AFTER)
        if self._retention_days:
            since = max(since, now - timedelta(days=self._retention_days))
        if last < first:
            raise WindowError("The last day is before the first.")
        if since >= until:
            raise WindowError(
                "Nothing of these days can be compared: tasks are kept for"
                f" {self._retention_days or 'all'} days after their end, and the last hour is not"
                " settled yet. Ask for days in between."
            )
        return since, until

    def _report(self, found: _Found) -> CoinReport:
        result = found.result
        lines, differences = result.lines, result.differences
        return CoinReport(
            since=iso(found.since),
            until=iso(found.until),
            balance=self._ledger.balance(),
            charged=result.charged,
            by_nobody=result.by_nobody,
            granted=result.granted,
            not_covered=result.not_covered,
            unreadable=found.unreadable,
            different=sum(not one.permitted for one in differences),
            lines=[_shown(line) for line in lines[:_MOST_LINES]],
            differences=[_shown(one) for one in differences[:_MOST_DIFFERENCES]],
            lines_left_out=max(0, len(lines) - _MOST_LINES),
            differences_left_out=max(0, len(differences) - _MOST_DIFFERENCES),
        )


def _shown(one: Line | Difference) -> dict[str, Any]:
    """For JSON."""
    return asdict(one) | {"day": one.day.isoformat()}
