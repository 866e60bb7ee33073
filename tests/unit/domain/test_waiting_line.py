"""Who is next: nobody overtakes, whatever is free."""

import pytest
from image_to_video.domain.task import WaitingFor
from image_to_video.domain.waiting_line import (
    Budget,
    Entry,
    OwnerBudgets,
    entry_key,
    entry_of,
    may_start,
    moment_tag,
    owner_key,
    waits_for_owner,
)

from tests.support.samples import NOW, a_task

SLOT, COINS = WaitingFor.SLOT, WaitingFor.COINS


def line(*coins: int) -> list[Entry]:
    """Tasks `0`, `1` and so on, of these prices."""
    return [
        Entry(
            key=entry_key(moment_tag(NOW) + number, str(number)),
            task_id=str(number),
            owner="anna",
            coins=price,
            joined_at=NOW,
        )
        for number, price in enumerate(coins)
    ]


@pytest.mark.parametrize(
    ("free", "left", "holders", "chosen", "others_wait_for"),
    [
        (0, None, "", "", SLOT),
        (-1, None, "", "", SLOT),
        (2, None, "", "01", SLOT),
        (None, 60, "", "01", COINS),
        (None, 29, "", "", COINS),
        (1, 60, "", "0", SLOT),
        (9, 45, "", "0", COINS),
        # Who died with a slot in its hands uses it, whoever waits before it.
        (0, None, "2", "2", SLOT),
        (1, None, "0", "01", SLOT),
    ],
)
def test_the_first_start_with_what_is_free(
    free: int | None, left: int | None, holders: str, chosen: str, others_wait_for: WaitingFor
) -> None:
    budget = None if left is None else Budget(100, left)
    found = may_start(line(30, 30, 5, 5), free=free, budget=budget, holders=holders)
    assert "".join(entry.task_id for entry in found.entries) == chosen
    assert found.others_wait_for is others_wait_for


def test_who_costs_more_than_a_day_has_keeps_nobody_waiting() -> None:
    found = may_start(line(101, 30), free=1, budget=Budget(100, 30), holders=())
    assert [entry.task_id for entry in found.entries] == ["0", "1"]


def test_keys_sort_by_tag() -> None:
    assert entry_key(9, "b") < entry_key(10, "a") < entry_key(moment_tag(NOW), "a")
    assert line(1)[0].tag == moment_tag(NOW)


def of_owners(owners: str, *coins: int) -> list[Entry]:
    """Tasks of these owners, a letter each."""
    prices = coins or (30,) * len(owners)
    entries = zip(line(*prices), owners, strict=True)
    return [entry.model_copy(update={"owner": owner}) for entry, owner in entries]


@pytest.mark.parametrize(
    ("owners", "coins", "left", "chosen", "short", "blocked"),
    [
        # Whose owner has nothing left is passed over, and keeps no place.
        ("aabb", (), {"a": 0, "b": 60}, "23", "01", None),
        ("abab", (), {"a": 30, "b": 60}, "013", "2", None),
        # Behind its dear task the cheap ones of the same owner wait as well.
        ("aab", (30, 5, 30), {"a": 10, "b": 60}, "2", "01", None),
        # The coins of all are for three, whoever is passed over.
        ("abbbb", (), {"a": 0, "b": 900}, "123", "0", "4"),
        # One that no day of an owner has the coins for comes up to be refused.
        ("ab", (101, 30), {"a": 0, "b": 30}, "01", "", None),
    ],
)
def test_an_owner_without_coins_keeps_nobody_else_waiting(
    owners: str,
    coins: tuple[int, ...],
    left: dict[str, int],
    chosen: str,
    short: str,
    blocked: str | None,
) -> None:
    found = may_start(
        of_owners(owners, *coins),
        free=None,
        budget=Budget(1000, 90 if len(owners) == 5 else 1000),
        holders=(),
        owners=OwnerBudgets(100, left.__getitem__),
    )
    assert "".join(entry.task_id for entry in found.entries) == chosen
    assert "".join(entry.task_id for entry in found.short) == short
    assert (found.blocked and found.blocked.task_id) == blocked


def test_no_budget_of_an_owner_is_read_twice_or_where_no_slot_is_free() -> None:
    asked: list[str] = []

    def left(owner: str) -> int:
        asked.append(owner)
        return 60

    for free in (2, 0):
        owners = OwnerBudgets(100, left)
        may_start(of_owners("aabbb"), free=free, budget=None, holders=(), owners=owners)
    assert asked == ["a"]


def test_a_place_among_those_of_an_owner_is_told_by_its_key() -> None:
    """The older release reads it as one of the line: it sorts there, and has a tag."""
    task = a_task()
    apart = a_task(line_entry=owner_key(task), line_since=NOW)
    assert waits_for_owner(apart)
    assert entry_of(apart, 30).tag == moment_tag(NOW)
    assert not waits_for_owner(a_task(line_entry=entry_key(1, "a")))
    assert not waits_for_owner(task)
    assert owner_key(task) < owner_key(task.model_copy(update={"version": 2}))


def test_what_does_not_stand_in_line_has_no_entry() -> None:
    with pytest.raises(ValueError, match="does not stand in line"):
        entry_of(a_task(), 30)
