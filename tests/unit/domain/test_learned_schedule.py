"""The learned schedule: what is counted, and that polls stand where finishing is likely."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_to_video.domain.learned_schedule import (
    FEWEST,
    LONGEST_PART,
    LONGEST_WAIT,
    Durations,
    Plan,
    bucket_of,
    planned,
)

FIRST = 20.0


def counted(*seconds: float) -> Durations:
    return Durations(Counter(bucket_of(each) for each in seconds))


def plan_of(durations: Durations) -> Plan:
    plan = planned(durations, first=FIRST)
    assert plan is not None
    return plan


def usual(median: float = 240, spread: float = 0.35, tasks: int = 200) -> Durations:
    draw = random.Random(1)
    return counted(*(median * math.exp(spread * draw.gauss(0, 1)) for _ in range(tasks)))


@given(st.floats(0, 1e9))
def test_every_duration_has_its_bucket_and_there_are_few(seconds: float) -> None:
    assert 0 <= bucket_of(seconds) < 120
    assert bucket_of(seconds) <= bucket_of(seconds * 1.01 + 1)


def test_a_quantile_is_as_exact_as_a_bucket_is_wide() -> None:
    durations = counted(*range(100, 301))
    for share, seconds in ((0.1, 120), (0.5, 200), (0.9, 280)):
        assert durations.quantile(share) == pytest.approx(seconds, rel=0.07)
    with pytest.raises(ValueError, match="nothing"):
        Durations().quantile(0.5)


def test_half_the_weight_keeps_the_shape() -> None:
    half = usual(tasks=400).halved()
    assert 150 < half.total <= 200
    assert half.quantile(0.5) == pytest.approx(usual(tasks=400).quantile(0.5), rel=0.07)


def test_too_few_durations_give_no_plan() -> None:
    assert planned(usual(tasks=FEWEST - 1), first=FIRST) is None
    assert planned(usual(tasks=FEWEST), first=FIRST) is not None


def test_polls_stand_where_finishing_is_likely() -> None:
    plan = plan_of(usual())
    assert (plan.wait(30) or 0) > 60, "nothing ends so soon"
    assert 0 < (plan.wait(240) or 0) < 25, "here most tasks end"
    assert len([moment for moment in plan.moments if moment <= 240]) < 9, "the fixed pace has 20"


def test_between_two_modes_there_are_few_polls() -> None:
    plan = plan_of(counted(*[60 + n % 7 for n in range(100)], *[600 + n % 70 for n in range(100)]))
    between = [moment for moment in plan.moments if 120 < moment < 500]
    assert len(between) <= 4


@given(
    st.dictionaries(st.integers(0, 119), st.integers(1, 200), min_size=1, max_size=40),
    st.sampled_from([1.0, 20.0, 300.0]),
)
def test_no_wait_of_any_plan_is_longer_than_promised(counts: dict[int, int], first: float) -> None:
    plan = planned(Durations(counts), first=first)
    if plan is None:
        assert sum(counts.values()) < FEWEST
        return
    # The workflow comes by at `first`, whatever is planned.
    before = [first, *plan.moments]
    for earlier, later in zip(before, plan.moments, strict=False):
        assert later - earlier <= max(LONGEST_WAIT, earlier * LONGEST_PART)
    assert list(plan.moments) == sorted(set(plan.moments))
    assert plan.moments[0] >= first


def test_after_the_last_planned_poll_nothing_is_planned() -> None:
    plan = plan_of(usual())
    assert plan.wait(plan.moments[-1]) is None
    assert plan.wait(plan.moments[-2]) == plan.moments[-1] - plan.moments[-2]


def test_a_poll_a_little_early_stands_for_the_planned_one() -> None:
    plan = plan_of(usual())
    one, two, three = plan.moments[3:6]
    assert plan.wait(two - 1) == three - (two - 1)
    assert plan.wait(two - 5) == 5
    assert (plan.latest(two), plan.latest(two - 1), plan.latest(two + 4)) == (one, one, two)
    assert plan.latest(plan.moments[0]) == 0


def test_whether_the_first_poll_is_still_to_come() -> None:
    plan = plan_of(usual())
    assert plan.begins_after(20)
    assert not plan.begins_after(plan.moments[0])


@given(st.floats(0, 1), st.floats(0, 3000), st.floats(0, 600))
def test_an_end_is_drawn_from_between_its_polls(share: float, low: float, length: float) -> None:
    drawn = plan_of(usual()).between(low, low + length, share)
    assert low <= drawn <= low + length


def test_an_end_before_the_first_poll_is_drawn_as_tasks_end() -> None:
    """Not evenly: that would make early ends out of late ones, and then early polls."""
    plan = plan_of(usual())
    assert plan.between(0, plan.moments[0], 0.5) > plan.moments[0] * 0.6
