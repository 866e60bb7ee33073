"""The line: whose turn it is, and in what order."""

from datetime import timedelta
from itertools import cycle

import pytest
from image_to_video.adapters import waiting_line
from image_to_video.adapters.waiting_line import WaitingLine
from image_to_video.domain.waiting_line import Entry

from tests.conftest import Application, Clock
from tests.support.samples import NOW


@pytest.fixture
def line(application: Application) -> WaitingLine:
    return WaitingLine(application.table("LIMITS_TABLE"))


def join(line: WaitingLine, owner: str, task_id: str, clock: Clock) -> str:
    head = next(iter(line.first(1)), None)
    key = line.new_key(owner, task_id, head=head, now=clock())
    line.enter(Entry(key=key, task_id=task_id, owner=owner, coins=30, joined_at=clock()))
    return key


def names(line: WaitingLine) -> list[str]:
    return [entry.task_id for entry in line.first(100)]


def test_one_owners_tasks_keep_their_order(line: WaitingLine, clock: Clock) -> None:
    for task_id in ("c", "a", "b"):
        join(line, "anna", task_id, clock)
    assert names(line) == ["c", "a", "b"]


def test_owners_take_turns_however_many_tasks_one_of_them_has(
    line: WaitingLine, clock: Clock
) -> None:
    for number in range(6):
        join(line, "anna", f"a{number}", clock)
    for number in range(3):
        join(line, "bert", f"b{number}", clock)
    found = names(line)
    assert [name for name in found if name.startswith("a")] == [f"a{n}" for n in range(6)]
    assert [name for name in found if name.startswith("b")] == [f"b{n}" for n in range(3)]
    assert {found.index("b0"), found.index("b2")} <= {1, 2, 5, 6}


def test_nobody_pays_for_what_was_served_before(line: WaitingLine, clock: Clock) -> None:
    """An owner who had a hundred tasks in an earlier line is no later than a new one."""
    for number in range(100):
        line.leave(join(line, "anna", f"{number}", clock))
    clock.advance(60)
    turns = cycle(["bert", "anna"])
    for number in range(6):
        join(line, next(turns), f"{number}", clock)
    assert [names(line).index(str(number)) // 2 for number in range(6)] == [0, 0, 1, 1, 2, 2]


def test_an_entry_is_read_as_it_was_written(line: WaitingLine) -> None:
    entry = Entry(key="1-a", task_id="a", owner="anna ä", coins=7, joined_at=NOW)
    for _ in range(2):
        line.enter(entry)
    assert line.first(9) == [entry]


def test_who_has_left_may_leave_again(line: WaitingLine, clock: Clock) -> None:
    key = join(line, "anna", "a", clock)
    for _ in range(2):
        line.leave(key)
    assert names(line) == []


def test_places_are_counted_up_to_a_bound(
    line: WaitingLine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [join(line, "anna", str(number), clock) for number in range(5)]
    assert [line.place(key) for key in keys] == [1, 2, 3, 4, 5]
    monkeypatch.setattr(waiting_line, "MOST_COUNTED", 3)
    assert [line.place(key) for key in keys] == [1, 2, 3, 3, 3]


def test_only_the_head_is_read(line: WaitingLine, clock: Clock) -> None:
    for number in range(3):
        join(line, "anna", str(number), clock)
        clock.advance(timedelta(hours=-1).total_seconds())
    assert [entry.task_id for entry in line.first(2)] == ["0", "1"]
