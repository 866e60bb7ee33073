"""The coin ledger: where the generator's bookings and the tasks' records differ, and nowhere else.

Only what is settled is judged: tasks that ended within the window, and what was booked within it.
A task that is open explains bookings, and is judged once it has ended.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from image_to_video.domain.coin_matching import Account, match
from image_to_video.domain.coin_statements import Booking, Claim, Statement


class Kind(StrEnum):
    """What differs."""

    CHARGED_BY_NOBODY_HERE = "charged_by_nobody_here"
    """The generator charged for no task of this stack."""
    CHARGED_TWICE = "charged_twice"
    """It charged more than once for one task."""
    CHARGED_THOUGH_NOT_PAID = "charged_though_not_paid"
    """It charged for a start that it had refused, or that was never made."""
    OTHER_AMOUNT = "other_amount"
    """It charged other coins than it had said."""
    NOT_CHARGED = "not_charged"
    """It shows no charge for a task that counts as paid."""
    REFUND_MISSING = "refund_missing"
    """It confirmed a refund that it does not show."""
    REFUND_UNEXPECTED = "refund_unexpected"
    """It gave coins back for a task that counts as paid."""
    UNCONFIRMED_BUT_CHARGED = "unconfirmed_but_charged"
    """A start that was never confirmed was charged after all: its video may be there."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference; `owner` and `task_id` are None where it is charged by nobody here.

    `recorded` and `charged` are the coins by our record and by the generator. A `permitted` one
    contradicts nothing: a task that failed may be refunded, and an unconfirmed start may have been
    charged or not. `label` is what the booking says of itself, for people.
    """

    kind: Kind
    day: date
    owner: str | None
    task_id: str | None
    recorded: int
    charged: int
    permitted: bool = False
    label: str = ""


@dataclass(slots=True)
class Line:
    """The sums of one owner's tasks that ended on a day; of what nobody here was charged for,
    where `owner` is None."""

    owner: str | None
    day: date
    tasks: int = 0
    recorded: int = 0
    charged: int = 0
    differences: int = 0


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What came of a comparison. `not_covered` tasks were sent before the bookings that were read.

    `granted` are coins that came in, refunds apart.
    """

    lines: list[Line]
    differences: list[Difference]
    granted: int
    not_covered: int

    @property
    def charged(self) -> int:
        """What the generator kept within the window, in coins."""
        return sum(line.charged for line in self.lines)

    @property
    def by_nobody(self) -> int:
        """The coins that were charged by nobody here."""
        return sum(line.charged for line in self.lines if line.owner is None)


def reconcile(
    statements: Iterable[Statement],
    bookings: Iterable[Booking],
    *,
    since: datetime,
    until: datetime,
    read_since: datetime,
    unread: frozenset[str] = frozenset(),
) -> Reconciliation:
    """Compare what was settled from `since` to before `until`.

    `bookings` is every one since `read_since`, and `statements` those of every task that changed
    since `since`. `unread` are names of tasks whose records could not be read.
    """
    accounts, others = match(statements, bookings, unread)
    lines: dict[tuple[str, date], Line] = {}
    differences: list[Difference] = []
    not_covered = 0
    for account in accounts:
        statement = account.statement
        if statement.ended_at is None or not since <= statement.ended_at < until:
            continue
        if statement.sent and min(statement.sent) < read_since:
            not_covered += 1
            continue
        day = statement.ended_at.date()
        line = lines.setdefault((statement.owner, day), Line(statement.owner, day))
        line.tasks += 1
        line.recorded += statement.recorded
        line.charged += account.charged
        if found := _judged(account, day):
            line.differences += not found.permitted
            differences.append(found)
    nobody: dict[date, Line] = {}
    settled = [booking for booking in others if since <= booking.at < until]
    for booking in settled:
        if booking.coins < 0:
            day, coins = booking.at.date(), -booking.coins
            line = nobody.setdefault(day, Line(None, day))
            line.charged += coins
            line.differences += 1
            kind = Kind.CHARGED_BY_NOBODY_HERE
            differences.append(Difference(kind, day, None, None, 0, coins, label=booking.label))
    return Reconciliation(
        lines=[
            *sorted(lines.values(), key=lambda line: (line.day, line.owner or "")),
            *sorted(nobody.values(), key=lambda line: line.day),
        ],
        differences=sorted(
            differences, key=lambda one: (one.permitted, one.day, one.task_id or "")
        ),
        granted=sum(booking.coins for booking in settled if booking.coins > 0),
        not_covered=not_covered,
    )


def _judged(account: Account, day: date) -> Difference | None:
    """How an ended task and its bookings differ; None where they agree."""
    statement = account.statement
    found = _kind_of(account)
    if found is None:
        return None
    kind, permitted = found
    return Difference(
        kind,
        day,
        statement.owner,
        statement.task_id,
        statement.recorded,
        account.charged,
        permitted,
        "; ".join(filter(None, (one.label for one in (*account.charges, *account.refunds)))),
    )


def _kind_of(account: Account) -> tuple[Kind, bool] | None:
    """What differs, and whether our record permits it."""
    statement, charged = account.statement, account.charged
    if statement.claim is Claim.PERHAPS:
        return _unconfirmed(account)
    is_one = len(account.charges) == 1 and not account.refunds
    if charged == statement.recorded or (is_one and _has_no_price(statement)):
        return None
    if len(account.charges) > 1 and charged > statement.recorded:
        return Kind.CHARGED_TWICE, False
    if statement.claim is Claim.PAID:
        return _paid(account, is_one=is_one)
    if charged < 0:
        return Kind.REFUND_UNEXPECTED, False
    is_refunded = statement.claim is Claim.REFUNDED
    return Kind.REFUND_MISSING if is_refunded else Kind.CHARGED_THOUGH_NOT_PAID, False


def _paid(account: Account, *, is_one: bool) -> tuple[Kind, bool]:
    """Of an accepted start whose coins are others than those booked."""
    if is_one:
        return Kind.OTHER_AMOUNT, False
    is_absent = not account.charges and not account.refunds
    kind = Kind.NOT_CHARGED if is_absent else Kind.REFUND_UNEXPECTED
    return kind, not account.statement.ended_well


def _has_no_price(statement: Statement) -> bool:
    """True where the generator did not say what it charges, so no amount is wrong."""
    return statement.claim is Claim.PAID and statement.exact is None


def _unconfirmed(account: Account) -> tuple[Kind, bool] | None:
    """Of a start that nobody knows whether it was accepted; it counts as paid."""
    if len(account.charges) > 1 and account.charged > max(-one.coins for one in account.charges):
        return Kind.CHARGED_TWICE, False
    if account.charged > 0:
        return Kind.UNCONFIRMED_BUT_CHARGED, True
    return Kind.NOT_CHARGED, True
