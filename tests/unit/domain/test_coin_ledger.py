"""Where bookings and statements differ: each kind, and planted ones among many that agree."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_to_video.domain.coin_ledger import Kind, Reconciliation, reconcile
from image_to_video.domain.coin_statements import Booking, Claim, Statement

NOON: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SINCE: Final = NOON.replace(hour=0)
UNTIL: Final = SINCE + timedelta(days=1)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def stated(number: int = 1, **fields: Any) -> Statement:
    """A task that was sent at noon or so, and has its video four minutes later."""
    usual: dict[str, Any] = {
        "task_id": f"t{number}",
        "owner": "anna",
        "claim": Claim.PAID,
        "recorded": 30,
        "exact": 30,
        "sent": (after(number),),
        "names": frozenset({f"t{number}", f"gen{number}"}),
        "ended_at": after(number + 240),
        "ended_well": True,
        "is_accepted": True,
    }
    return Statement(**(usual | fields))


UNCONFIRMED: Final[dict[str, Any]] = {
    "claim": Claim.PERHAPS,
    "exact": None,
    "ended_well": False,
    "is_accepted": False,
    "names": frozenset({"t1"}),
}
FAILED: Final[dict[str, Any]] = {"ended_well": False}
REFUNDED: Final[dict[str, Any]] = {"claim": Claim.REFUNDED, "recorded": 0, "ended_well": False}
REFUSED: Final = UNCONFIRMED | {"claim": Claim.NOTHING, "recorded": 0}


def charge(name: str = "gen1", coins: int = 30, at: float = 2, **fields: Any) -> Booking:
    return Booking(-coins, after(at), frozenset({name} - {""}), bool(name), **fields)


def refund(name: str = "gen1", coins: int = 30, at: float = 100) -> Booking:
    return Booking(coins, after(at), frozenset({name} - {""}), bool(name))


def compared(statements: list[Statement], bookings: list[Booking], **more: Any) -> Reconciliation:
    window = {"since": SINCE, "until": UNTIL, "read_since": SINCE - timedelta(hours=1)}
    return reconcile(statements, bookings, **(window | more))


def kinds(found: Reconciliation) -> list[tuple[str, bool]]:
    return [(one.kind.value, one.permitted) for one in found.differences]


@pytest.mark.parametrize(
    ("fields", "bookings", "kind", "permitted"),
    [
        ({}, [charge()], None, False),
        ({}, [charge("T1-1")], None, False),
        ({"exact": None, "recorded": 25}, [charge()], None, False),
        ({}, [charge(coins=29)], Kind.OTHER_AMOUNT, False),
        ({}, [charge(), charge()], Kind.CHARGED_TWICE, False),
        ({}, [charge(), charge("t1-2", at=400)], Kind.CHARGED_TWICE, False),
        ({}, [charge(), charge(), refund()], None, False),
        ({}, [], Kind.NOT_CHARGED, False),
        ({}, [charge(), refund()], Kind.REFUND_UNEXPECTED, False),
        (FAILED, [charge()], None, False),
        (FAILED, [], Kind.NOT_CHARGED, True),
        (FAILED, [charge(), refund()], Kind.REFUND_UNEXPECTED, True),
        (REFUNDED, [charge(), refund()], None, False),
        (REFUNDED, [], None, False),
        (REFUNDED, [charge()], Kind.REFUND_MISSING, False),
        (REFUNDED, [charge(), refund(coins=40)], Kind.REFUND_UNEXPECTED, False),
        (REFUSED, [], None, False),
        (REFUSED, [charge("t1-1")], Kind.CHARGED_THOUGH_NOT_PAID, False),
        (UNCONFIRMED, [], Kind.NOT_CHARGED, True),
        (UNCONFIRMED, [charge("t1-1")], Kind.UNCONFIRMED_BUT_CHARGED, True),
        (UNCONFIRMED, [charge("t1-1"), charge("t1-2")], Kind.CHARGED_TWICE, False),
    ],
)
def test_each_kind_of_difference(
    fields: dict[str, Any], bookings: list[Booking], kind: Kind | None, permitted: bool
) -> None:
    found = compared([stated(**fields)], bookings)
    assert kinds(found) == ([] if kind is None else [(kind.value, permitted)])


def test_a_charge_of_nobody_here_has_a_line_of_its_own() -> None:
    found = compared([stated()], [charge(), charge("other", 70, label="avatar")])
    (one,) = found.differences
    assert (one.kind, one.owner, one.task_id) == (Kind.CHARGED_BY_NOBODY_HERE, None, None)
    assert (one.recorded, one.charged, one.label) == (0, 70, "avatar")
    assert [(line.owner, line.charged) for line in found.lines] == [("anna", 30), (None, 70)]
    assert (found.charged, found.by_nobody) == (100, 70)


def test_sums_stand_by_owner_and_day_of_the_end() -> None:
    midnight = (UNTIL - NOON).total_seconds()
    bert = stated(2, owner="bert", recorded=60, exact=60)
    later = stated(3, sent=(after(midnight - 60),), ended_at=after(midnight + 60))
    bookings = [charge(), charge("gen2", 60), charge("gen3", at=midnight - 59)]
    found = compared([stated(), bert, later], bookings, until=UNTIL + timedelta(days=1))
    day = date(2026, 11, 22)
    lines = [
        (line.owner, line.day, line.tasks, line.recorded, line.charged) for line in found.lines
    ]
    assert lines == [
        ("anna", day, 1, 30, 30),
        ("bert", day, 1, 60, 60),
        ("anna", day + timedelta(days=1), 1, 30, 30),
    ]


@pytest.mark.parametrize("fields", [{"ended_at": None}, {"ended_at": UNTIL}])
def test_what_has_not_ended_in_time_explains_and_is_not_judged(fields: dict[str, Any]) -> None:
    found = compared([stated(**fields)], [charge(), charge(coins=5)])
    assert (found.lines, found.differences) == ([], [])


def test_what_was_booked_outside_the_window_is_not_judged() -> None:
    early, late = charge("other", at=-50_000), charge("other", at=50_000)
    assert not compared([], [early, late]).differences


def test_a_task_that_was_sent_before_the_list_begins_is_left_out() -> None:
    found = compared([stated()], [], read_since=after(10))
    assert (found.differences, found.not_covered) == ([], 1)


def test_what_is_for_a_task_that_cannot_be_read_is_not_judged() -> None:
    found = compared([], [charge("Gen9"), charge("t9-1")], unread=frozenset({"gen9", "t9"}))
    assert (found.differences, found.lines) == ([], [])


def test_a_grant_is_no_difference() -> None:
    found = compared([stated()], [charge(), refund("", 5000)])
    assert (found.differences, found.granted) == ([], 5000)


class TestWithoutNames:
    """A2E's records may name no task, or one whose name is not known here."""

    def test_bookings_are_paired_by_moment_and_amount(self) -> None:
        tasks = [stated(n, recorded=30 * n, exact=30 * n) for n in (1, 2, 3)]
        bookings = [charge("", 30 * n, at=n) for n in (3, 1, 2)]
        assert not compared(tasks, bookings).differences

    def test_one_too_few_and_one_too_many_are_found(self) -> None:
        tasks = [stated(n) for n in (1, 2)]
        assert kinds(compared(tasks, [charge("")])) == [("not_charged", False)]
        found = compared(tasks, [charge("") for _ in range(3)])
        assert kinds(found) == [("charged_by_nobody_here", False)]

    def test_an_amount_that_is_wrong_is_given_to_who_lacks_one(self) -> None:
        assert kinds(compared([stated()], [charge("", 29)])) == [("other_amount", False)]

    def test_what_stands_where_a_name_would_is_no_name_where_none_is_known(self) -> None:
        assert not compared([stated()], [charge("order-77")]).differences

    def test_a_lack_that_is_permitted_yields_to_one_that_is_not(self) -> None:
        """A2E may charge nothing for what failed."""
        tasks = [stated(1, **FAILED), stated(2)]
        assert kinds(compared(tasks, [charge("")])) == [("not_charged", True)]

    def test_bookings_move_on_where_that_gives_each_a_task(self) -> None:
        """The first one fits both; the second one only the task that would take the first."""
        short, long = stated(1, ended_at=after(10)), stated(2, ended_at=after(9000))
        bookings = [charge("", at=5), charge("", at=8000)]
        assert not compared([long, short], bookings).differences
        assert not compared([short, long], bookings).differences

    def test_a_refund_without_a_name_is_one(self) -> None:
        found = compared([stated(**REFUNDED)], [charge(""), refund("")])
        assert (found.differences, found.granted) == ([], 0)

    def test_an_unconfirmed_start_explains_a_charge_of_an_unknown_name(self) -> None:
        found = compared([stated(2), stated(**UNCONFIRMED)], [charge("gen2"), charge("unknown")])
        assert kinds(found) == [("unconfirmed_but_charged", True)]

    def test_an_accepted_start_does_not(self) -> None:
        found = compared([stated(1), stated(2)], [charge("gen2"), charge("unknown")])
        assert sorted(kinds(found)) == [("charged_by_nobody_here", False), ("not_charged", False)]

    def test_of_two_attempts_the_lost_one_is_charged_twice(self) -> None:
        twice = stated(sent=(after(1), after(400)), ended_at=after(640))
        found = compared([twice], [charge("gen1", at=401), charge("unknown", at=2)])
        assert kinds(found) == [("charged_twice", False)]


# ------------------------------------------------------------------ planted among many that agree

PLANTED: Final = {
    "extra": Kind.CHARGED_BY_NOBODY_HERE,
    "doubled": Kind.CHARGED_TWICE,
    "amount": Kind.OTHER_AMOUNT,
    "removed": Kind.NOT_CHARGED,
    "no refund": Kind.REFUND_MISSING,
    "refund": Kind.REFUND_UNEXPECTED,
}


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Statement], list[list[Booking]]]:
    """Tasks of many kinds that end within the day, and the bookings that agree with each."""
    statements, bookings = [], []
    for number in range(draw(st.integers(1, 12))):
        sent = draw(st.integers(-36_000, 36_000))
        coins = draw(st.sampled_from([30, 60]))
        lasts = draw(st.integers(1, 4000))
        refunded = draw(st.booleans())
        fields = {"recorded": coins, "exact": coins} | ({**REFUNDED} if refunded else {})
        times = {"sent": (after(sent),), "ended_at": after(sent + lasts)}
        statements.append(stated(number, **fields, **times))
        made = [charge(f"gen{number}", coins, at=sent + draw(st.integers(-60, 60)))]
        if refunded:
            made.append(refund(f"gen{number}", coins, at=sent + lasts))
        bookings.append(made)
    return statements, bookings


def nameless(booking: Booking) -> Booking:
    return replace(booking, mentions=frozenset(), names_task=False)


@given(histories(), st.randoms())
def test_nothing_is_invented(
    history: tuple[list[Statement], list[list[Booking]]], random: Any
) -> None:
    statements, made = history
    bookings = [booking for several in made for booking in several]
    random.shuffle(bookings)
    for shown in (bookings, [nameless(one) for one in bookings]):
        found = compared(statements, shown)
        assert not found.differences
        assert found.granted == 0
        assert sum(line.recorded for line in found.lines) == found.charged


@given(histories(), st.data())
def test_every_planted_difference_is_found_and_no_other(
    history: tuple[list[Statement], list[list[Booking]]], data: st.DataObject
) -> None:
    statements, made = history
    expected: Counter[tuple[Kind, str | None]] = Counter()
    foreign: list[Booking] = []
    for statement, bookings in zip(statements, made, strict=True):
        is_refunded = statement.claim is Claim.REFUNDED
        fitting = ["doubled", *(["no refund"] if is_refunded else ["amount", "removed", "refund"])]
        plant = data.draw(st.sampled_from(["none", "none", "extra", *fitting]))
        match plant:
            case "none":
                continue
            case "extra":
                foreign.append(replace(bookings[0], mentions=frozenset({"somebody"})))
            case "doubled":
                bookings.append(bookings[0])
            case "amount":
                bookings[0] = replace(bookings[0], coins=bookings[0].coins - 1)
            case "removed" | "no refund":
                bookings.pop()
            case _:
                bookings.append(refund(next(iter(bookings[0].mentions)), at=0))
        expected[PLANTED[plant], None if plant == "extra" else statement.task_id] += 1
    # One that agrees shows that A2E's records have names.
    statements = [*statements, stated(99)]
    bookings = [charge("gen99"), *foreign, *(one for several in made for one in several)]
    found = compared(statements, bookings)
    assert Counter((one.kind, one.task_id) for one in found.differences) == expected
