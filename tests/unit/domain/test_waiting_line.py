"""Who is next: nobody overtakes, whatever is free."""

import pytest
from image_to_video.domain.task import WaitingFor
from image_to_video.domain.waiting_line import Budget, Entry, entry_key, may_start, moment_tag

from tests.support.samples import NOW

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
