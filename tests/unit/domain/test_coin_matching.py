"""Bookings find their tasks: by name first, then as many as possible by moment and amount."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st
from image_to_video.domain.coin_matching import match
from image_to_video.domain.coin_statements import Booking, Claim, Statement

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def stated(number: int, sent: float, lasts: float, coins: int = 30) -> Statement:
    """It may be charged from five minutes before it is sent to an hour after its end."""
    return Statement(
        task_id=f"t{number}",
        owner="anna",
        claim=Claim.PAID,
        recorded=coins,
        exact=coins,
        sent=(after(sent),),
        names=frozenset({f"t{number}"}),
        ended_at=after(sent + lasts),
        ended_well=True,
        is_accepted=True,
    )


def best(statements: list[Statement], bookings: list[Booking]) -> int:
    """The most pairs that there can be, by trying every order."""

    def fits(one: Statement, booking: Booking) -> bool:
        end = (one.ended_at or NOON) + timedelta(hours=1)
        is_in_time = one.sent[0] - timedelta(minutes=5) <= booking.at <= end
        return is_in_time and one.exact == -booking.coins

    def pairs(order: tuple[Statement, ...]) -> int:
        left = list(bookings)
        for one in order:
            found = next((booking for booking in left if fits(one, booking)), None)
            if found is not None:
                left.remove(found)
        return len(bookings) - len(left)

    return max(map(pairs, permutations(statements)))


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 200)), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 600), st.sampled_from([30, 60])), max_size=6),
)
def test_no_pairing_leaves_fewer_tasks_without_a_charge(
    times: list[tuple[int, int]], booked: list[tuple[int, int]]
) -> None:
    statements = [
        stated(number, sent, lasts, 30 + 30 * (number % 2))
        for number, (sent, lasts) in enumerate(times)
    ]
    bookings = sorted(
        (Booking(-coins, after(minute)) for minute, coins in booked), key=lambda one: one.at
    )
    accounts, left = match(statements, bookings, frozenset())
    given_out = [booking for account in accounts for booking in account.charges]
    # Bookings of another amount are given out last, to who is left.
    exact = sum(
        -booking.coins == account.statement.exact
        for account in accounts
        for booking in account.charges
    )
    assert exact >= best(statements, bookings)
    assert sorted([*given_out, *left], key=lambda one: (one.at, one.coins)) == sorted(
        bookings, key=lambda one: (one.at, one.coins)
    )
    assert all(len(account.charges) <= 1 for account in accounts)


def test_a_name_decides_before_moment_and_amount() -> None:
    named = Booking(-7, after(5000), frozenset({"T1-2"}), names_task=True)
    (one, other), left = match([stated(1, 0, 4), stated(2, 0, 4)], [named], frozenset())
    assert (one.charges, other.charges, left) == ([named], [], [])


def test_what_is_for_an_unread_task_is_nobody_s() -> None:
    _, left = match([], [Booking(-7, NOON, frozenset({"t9-1"}))], frozenset({"t9"}))
    assert left == []
