"""Whose bookings are whose: by the name where one stands in them, else by moment and amount.

A booking that names none of our tasks may still be one of ours: the generator need not name tasks
at all, and the name of a start that was never confirmed is known to nobody. Such bookings are
paired so that as many as possible find a task, because a pair too few is a difference too many.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from image_to_video.domain.coin_statements import Booking, Claim, Statement

# The generator's clock and ours need not agree.
_SLACK: Final = timedelta(minutes=5)
SETTLED_AFTER: Final = timedelta(hours=1)
"""How long after a task's end its charge or its refund may be booked."""
_FOREVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Account:
    """One task's statement with the bookings that are for it."""

    statement: Statement
    charges: list[Booking] = field(default_factory=list)
    refunds: list[Booking] = field(default_factory=list)

    @property
    def charged(self) -> int:
        """What the generator kept for it, in coins."""
        return -sum(booking.coins for booking in (*self.charges, *self.refunds))

    def add(self, booking: Booking) -> None:
        """This booking is for it."""
        (self.charges if booking.coins < 0 else self.refunds).append(booking)


@dataclass(frozen=True, slots=True)
class _Wish:
    """A booking that a task lacks: between which moments, of which amount, None where any will do.

    `takes_named`: it may name a task that we do not know.
    """

    account: Account
    begin: datetime
    end: datetime
    coins: int | None = None
    takes_named: bool = False


def match(
    statements: Iterable[Statement], bookings: Iterable[Booking], unread: frozenset[str]
) -> tuple[list[Account], list[Booking]]:
    """The accounts of the tasks, and the bookings that are for none of them, by time.

    Bookings of tasks whose records could not be read (`unread`) are in neither.
    """
    accounts = [Account(statement) for statement in statements]
    by_name = {name: account for account in accounts for name in account.statement.names}
    left: list[Booking] = []
    is_named = False
    for booking in sorted(bookings, key=lambda one: one.at):
        words = set(_names_in(booking))
        if named := sorted(words & by_name.keys()):
            by_name[named[0]].add(booking)
            is_named = True
        elif booking.coins and not words & unread:
            left.append(booking)
    if not is_named:
        # What stands where a task's name would is no task's name.
        left = [replace(booking, names_task=False) for booking in left]
    charges, gifts = ([b for b in left if (b.coins < 0) is taken] for taken in (True, False))
    charges = _paired(charges, list(_charges_lacked(accounts)))
    # A charge of another amount is wrong, but still one: for who has none and must have one.
    charges = _paired(charges, [_wish(one) for one in accounts if _must_be_charged(one)])
    refunds = [
        _wish(account, account.charged)
        for account in accounts
        if account.statement.claim is Claim.REFUNDED and account.charged > 0
    ]
    return accounts, sorted([*charges, *_paired(gifts, refunds)], key=lambda one: one.at)


def _names_in(booking: Booking) -> Iterator[str]:
    """The words of a booking; that of an attempt's name is its task's as well."""
    for word in booking.mentions:
        folded = word.casefold()
        yield from (folded, folded.rpartition("-")[0])


def _must_be_charged(account: Account) -> bool:
    statement = account.statement
    return statement.ended_well and bool(statement.sent) and not account.charges


def _charges_lacked(accounts: Sequence[Account]) -> Iterator[_Wish]:
    """The charges that tasks lack, those first whose lack would be a difference."""
    lacking = [one for one in accounts if one.statement.is_accepted and not one.charges]
    lacking = [one for one in lacking if one.statement.sent]
    yield from (_wish(one, one.statement.exact) for one in lacking if _must_be_charged(one))
    yield from (_wish(one, one.statement.exact) for one in lacking if not _must_be_charged(one))
    for account in accounts:
        statement = account.statement
        if statement.is_accepted and len(statement.sent) > 1:
            # All but one were looked up and not found; should one be charged, then when it is sent.
            yield from (
                _Wish(account, at - _SLACK, at + 2 * _SLACK, takes_named=True)
                for at in statement.sent
            )
        elif not statement.is_accepted:
            end = _wish(account).end if statement.sent else _FOREVER
            yield from (
                _Wish(account, at - _SLACK, end, takes_named=True)
                for at in statement.sent[len(account.charges) :]
            )


def _wish(account: Account, coins: int | None = None) -> _Wish:
    """A booking between a task's first start and the time in which it is settled."""
    first, ended = min(account.statement.sent, default=None), account.statement.ended_at
    begin = (first or account.charges[0].at) - _SLACK
    return _Wish(account, begin, ended + SETTLED_AFTER if ended else _FOREVER, coins)


def _paired(bookings: list[Booking], wishes: Sequence[_Wish]) -> list[Booking]:
    """Give bookings, which come by time, to wishes that they fit; returns those that nobody got.

    As many as possible are given, and an earlier wish is served before a later one: each wish in
    turn is given a booking, where need be by moving others to another that they fit as well
    (augmenting paths).
    """
    shelf = _Shelf(bookings)
    held: dict[int, int] = {}
    holder: dict[int, int] = {}
    for newest in range(len(wishes)):
        reached: dict[int, int] = {}
        queue, free = deque([newest]), None
        while queue and free is None:
            number = queue.popleft()
            for place in shelf.fitting(wishes[number]):
                if place in reached:
                    continue
                reached[place] = number
                if place not in holder:
                    free = place
                    break
                queue.append(holder[place])
        while free is not None:
            number = reached[free]
            holder[free], before = number, held.get(number)
            held[number] = free
            free = before
    for number, place in held.items():
        wishes[number].account.add(bookings[place])
    return [booking for place, booking in enumerate(bookings) if place not in holder]


class _Shelf:
    """Bookings by time, and by amount and time."""

    def __init__(self, bookings: Sequence[Booking]) -> None:
        self._bookings = bookings
        self._all = range(len(bookings))
        self._by_amount: dict[int, list[int]] = defaultdict(list)
        for place, booking in enumerate(bookings):
            self._by_amount[abs(booking.coins)].append(place)

    def fitting(self, wish: _Wish) -> Iterator[int]:
        """The places of the bookings that a wish may be given."""
        places: Sequence[int] = self._all
        if wish.coins is not None:
            places = self._by_amount.get(wish.coins, [])

        def moment(place: int) -> datetime:
            return self._bookings[place].at

        first = bisect_left(places, wish.begin, key=moment)
        for place in places[first : bisect_right(places, wish.end, key=moment)]:
            if wish.takes_named or not self._bookings[place].names_task:
                yield place
