"""Paces: what can be written, and that waiting follows the passed time and nothing else."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_to_video.domain.schedule import Pace, Schedule
from pydantic import ValidationError


def pace(text: str) -> Pace:
    parsed = Pace.parse(text)
    assert isinstance(parsed, Pace)
    return parsed


@pytest.mark.parametrize(
    ("seconds", "wait"),
    [(-5, 10), (0, 10), (179.999, 10), (180, 20), (599, 20), (600, 60), (10**9, 60)],
)
def test_the_wait_is_that_of_the_last_step_reached(seconds: float, wait: int) -> None:
    assert pace("0=10,180=20,600=60").wait(timedelta(seconds=seconds)) == wait


def test_one_step_is_enough() -> None:
    assert pace("0=7").wait(timedelta(days=9)) == 7
    assert pace("0=7,5=8").steps == ((0, 7), (5, 8))


def test_the_order_of_the_steps_does_not_matter() -> None:
    assert pace("0=10,600=60,180=20").steps == ((0, 10), (180, 20), (600, 60))
    assert pace("0=10,180=20,180=30").steps == ((0, 10), (180, 30))


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "10",
        "0=10,",
        "0=10,180",
        "0=10=20",
        "0:10",
        "a=b",
        "0=1.5",
        "0=",
        "=10",
        "5=10",
        "-1=10",
        " 0 = 7 , 5 = 8 ",
        "600=60,0=10",
        "0=10,0=20",
        "0=10000000",
        "0=0",
        "0=10,5=-1",
        "0=10;5=20",
    ],
)
def test_what_is_no_pace_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - Pydantic turns it into its own error
        Pace.parse(text)


STEPS = st.lists(
    st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)), max_size=6, unique_by=lambda s: s[0]
).flatmap(lambda rest: st.integers(1, 10**6).map(lambda wait: [(0, wait), *sorted(rest)]))


@given(STEPS, st.floats(0, 2e6), st.floats(0, 2e6))
def test_a_pace_whose_waits_grow_never_waits_less_later(
    steps: list[tuple[int, int]], one: float, other: float
) -> None:
    waits = sorted(wait for _, wait in steps)
    growing = [(start, wait) for (start, _), wait in zip(steps, waits, strict=True)]
    written = pace(",".join(f"{start}={wait}" for start, wait in growing))
    sooner, later = sorted((one, other))
    first, second = (written.wait(timedelta(seconds=passed)) for passed in (sooner, later))
    assert first <= second
    assert {first, second} <= set(waits)


@given(STEPS)
def test_each_step_begins_at_its_very_second(steps: list[tuple[int, int]]) -> None:
    written = pace(",".join(f"{start}={wait}" for start, wait in steps))
    for number, (start, wait) in enumerate(steps):
        assert written.wait(timedelta(seconds=start)) == wait
        if number:
            just_before = timedelta(seconds=start) - timedelta(microseconds=1)
            assert written.wait(just_before) == steps[number - 1][1]


@pytest.mark.parametrize("field", sorted(Schedule.model_fields))
@pytest.mark.parametrize("value", ["0", "-1", "", "soon", None])
def test_no_waiting_time_may_be_nonsense(schedule: Schedule, field: str, value: Any) -> None:
    numbers = dict(schedule)
    assert Schedule.model_validate(numbers) == schedule
    with pytest.raises(ValidationError, match=field):
        Schedule.model_validate(numbers | {field: value})


def test_polls_are_frequent_inside_the_window_and_rare_when_late(schedule: Schedule) -> None:
    window = timedelta(seconds=schedule.window_seconds)
    assert schedule.poll_pace.wait(timedelta(0)) <= 30
    assert schedule.poll_pace.wait(window * 0.9) <= 60
    assert schedule.poll_pace.wait(window * 20) > schedule.poll_pace.wait(window * 0.9)


def test_where_a_hint_is_expected_polls_are_rarer_and_never_rarer_than_stated(
    schedule: Schedule,
) -> None:
    """docs/operations.md states how long a hint that never comes may cost."""
    for passed in (timedelta(seconds=seconds) for seconds in range(0, 90_000, 7)):
        usual = schedule.poll_wait(passed, hinted=False)
        hinted = schedule.poll_wait(passed, hinted=True)
        assert usual == schedule.poll_pace.wait(passed)
        assert usual <= hinted <= max(usual, 240)
    assert schedule.first_poll_wait(hinted=False) == schedule.first_poll_seconds
    assert schedule.first_poll_wait(hinted=True) == 240
