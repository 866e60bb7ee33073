"""Polls: when the next one is, and which of them a record must tell of."""

from datetime import timedelta

import pytest
from image_to_video.domain.learned_schedule import Durations, bucket_of, planned
from image_to_video.domain.polls import Polls
from image_to_video.domain.schedule import Schedule

from tests.support.samples import NOW, a_task


@pytest.mark.parametrize(("seconds", "wait"), [(0, 10), (179, 10), (180, 20), (700, 60)])
def test_the_wait_is_that_of_the_pace(schedule: Schedule, seconds: float, wait: int) -> None:
    assert Polls(schedule).next_wait(timedelta(seconds=seconds)) == wait


@pytest.mark.parametrize(
    ("due", "slot_seconds", "recorded"),
    [
        (20, None, False),
        (20 + 240, None, False),
        (20 + 241, None, True),
        # The slot was renewed by the latest write, at 0.
        (48, 60, False),
        (49, 60, True),
        (20 + 240, 1800, False),
    ],
)
def test_a_record_tells_of_a_poll_before_somebody_takes_its_task_for_dead(
    schedule: Schedule, due: float, slot_seconds: int | None, recorded: bool
) -> None:
    until = NOW + timedelta(seconds=slot_seconds) if slot_seconds else None
    task = a_task(updated_at=NOW, next_poll_at=NOW + timedelta(seconds=20), slot_until=until)
    polls = Polls(schedule, slot_seconds)
    assert schedule.overdue_seconds == 300
    assert polls.must_be_recorded(task, NOW + timedelta(seconds=due)) is recorded


def test_a_task_that_was_started_without_a_limit_is_given_a_slot(schedule: Schedule) -> None:
    task = a_task(updated_at=NOW, next_poll_at=NOW + timedelta(seconds=20))
    assert Polls(schedule, 1800).must_be_recorded(task, NOW + timedelta(seconds=20))


def test_a_slot_is_renewed_in_time_although_a_hint_is_expected(schedule: Schedule) -> None:
    at_60 = timedelta(seconds=60)
    assert Polls(schedule).next_wait(at_60, hinted=True) > 100
    assert Polls(schedule, slot_seconds=200).next_wait(at_60, hinted=True) == 100


def test_a_poll_that_was_asked_for_at_once_is_recorded(schedule: Schedule) -> None:
    """The execution before it looks there whether its successor has begun."""
    task = a_task(updated_at=NOW, next_poll_at=NOW)
    assert Polls(schedule).must_be_recorded(task, NOW + timedelta(seconds=10))


def test_a_record_that_names_no_poll_must_name_one(schedule: Schedule) -> None:
    assert Polls(schedule).must_be_recorded(a_task(next_poll_at=None), NOW)


def test_a_slot_is_renewed_in_time_whatever_is_planned(schedule: Schedule) -> None:
    plan = planned(Durations({bucket_of(240): 100}), first=20)
    assert plan is not None
    at_20 = timedelta(seconds=20)
    assert Polls(schedule).next_wait(at_20, plan) > 60
    assert Polls(schedule, slot_seconds=80).next_wait(at_20, plan) == 40
    assert Polls(schedule).next_wait(timedelta(hours=2), plan) == schedule.poll_pace.wait(
        timedelta(hours=2)
    )
