"""Thousands of overdue tasks: none is passed over for ever, and Step Functions is not flooded."""

from itertools import islice

import pytest
from image_to_video.lifecycle import overdue as module
from image_to_video.lifecycle.overdue import AT_ONCE, PER_SECOND, RUN_SECONDS, Overdue, Turns

from tests.conftest import Clock


def some(count: int) -> list[Overdue]:
    """Overdue tasks, oldest first."""
    return [(f"2026-11-22T{number:09}", f"task-{number}") for number in range(count)]


def ids(tasks: list[Overdue]) -> list[str]:
    return [task_id for _, task_id in tasks]


@pytest.fixture
def turns(clock: Clock) -> Turns:
    return Turns(now=clock, sleep=clock.advance, choose=lambda count: count // 2)


def test_few_have_their_turn_at_once_the_oldest_first(turns: Turns, clock: Clock) -> None:
    before = clock()
    for _ in range(2):
        assert list(turns.of(some(AT_ONCE))) == ids(some(AT_ONCE))
    assert list(turns.of([])) == []
    assert clock() == before


@pytest.mark.parametrize("seconds_for_each", [0.0, 0.03, 0.5])
def test_no_more_are_asked_for_than_the_quota_is_refilled(
    turns: Turns, clock: Clock, seconds_for_each: float
) -> None:
    began = clock()
    for number, _ in enumerate(turns.of(some(10_000))):
        elapsed = (clock() - began).total_seconds()
        assert number <= AT_ONCE + PER_SECOND * elapsed + 1e-6
        assert elapsed < RUN_SECONDS + 1
        clock.advance(seconds_for_each)


def test_a_run_goes_on_where_the_last_one_stopped(turns: Turns, clock: Clock) -> None:
    """Living ones stay in the list; those after them have their turn all the same."""
    tasks, seen, runs = some(10_000), set[str](), 0
    while len(seen) < len(tasks):
        seen.update(turns.of(tasks))
        clock.advance(300)
        runs += 1
    assert runs <= 5


def test_whoever_breaks_off_goes_on_with_the_same_task(turns: Turns) -> None:
    tasks = some(20)
    assert list(islice(turns.of(tasks), 6))[-1] == "task-5"
    assert list(turns.of(tasks)) == [*ids(tasks[5:]), *ids(tasks[:5])]
    assert next(turns.of(tasks)) == "task-0"


def test_tasks_that_are_no_more_overdue_do_not_disturb(turns: Turns) -> None:
    tasks = some(20)
    list(islice(turns.of(tasks), 6))
    left = tasks[:3] + tasks[8:]
    assert list(turns.of(left)) == [*ids(tasks[8:]), *ids(tasks[:3])]


def test_a_new_container_begins_anywhere_among_too_many(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each would begin with the same ones."""
    monkeypatch.setattr(module, "RUN_SECONDS", 1)
    tasks = some(AT_ONCE + PER_SECOND + 1)
    turns = Turns(now=clock, sleep=clock.advance, choose=lambda count: count - 1)
    assert next(turns.of(tasks)) == tasks[-1][1]
    assert next(Turns(now=clock).of(tasks[:-1])) == tasks[0][1]
