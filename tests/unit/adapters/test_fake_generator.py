"""The generator of test tasks: ids and time tell everything; the paid one's port, word for word."""

from dataclasses import replace
from datetime import timedelta

import pytest
from image_to_video.adapters.fake_generator import FakeGenerator
from image_to_video.domain.errors import (
    GeneratorAccessError,
    GeneratorRejectedError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
)
from image_to_video.domain.generator import Failed, Incomplete, Ready, Running, StartRequest
from image_to_video.domain.task import Task, WaitingFor
from image_to_video.domain.test_mode import Outcome

from tests.conftest import Clock
from tests.support.fake_a2e import REQUEST
from tests.support.samples import a_task


class Clips:
    """Links that say what they lead to."""

    def whole(self) -> str:
        return "whole"

    def cut(self) -> str:
        return "cut"

    def dead(self) -> str:
        return "dead"


class Made:
    """A task with a prompt, and the generator that is asked about it."""

    def __init__(self, clock: Clock, outcome: Outcome) -> None:
        self.task = a_task(prompt=f"test:{outcome}", created_at=clock(), test=True)
        self.request = self.request_of(1)
        self.generator = FakeGenerator(Clips(), self._task_of, now=clock)

    def request_of(self, number: int) -> StartRequest:
        name = f"{self.task.task_id}-{number}"
        return replace(REQUEST, name=name, prompt=self.task.prompt)

    def _task_of(self, task_id: str) -> Task:
        assert task_id == self.task.task_id
        return self.task


def test_a_task_is_made_in_seconds_and_costs_nothing(clock: Clock) -> None:
    made = Made(clock, Outcome.SUCCEEDED)
    started = made.generator.start(made.request)
    assert started.coins == 0
    assert made.generator.check(started.generator_task_id) == Running("processing")
    clock.advance(4)
    assert made.generator.check(started.generator_task_id) == Ready("completed", "whole")


@pytest.mark.parametrize(
    ("outcome", "first"),
    [(Outcome.DEAD_LINK, "dead"), (Outcome.CUT_FILE, "cut"), (Outcome.VIDEO_UNAVAILABLE, "dead")],
)
def test_a_link_that_is_bad_at_first_is_good_later(
    clock: Clock, outcome: Outcome, first: str
) -> None:
    made = Made(clock, outcome)
    task = made.generator.start(made.request).generator_task_id
    clock.advance(4)
    assert made.generator.check(task) == Ready("completed", first)
    clock.advance(6)
    later = "dead" if outcome is Outcome.VIDEO_UNAVAILABLE else "whole"
    assert made.generator.check(task) == Ready("completed", later)


def test_what_ends_without_a_video(clock: Clock) -> None:
    answers = []
    for outcome in (
        Outcome.GENERATION_FAILED,
        Outcome.COMPLETED_WITHOUT_VIDEO,
        Outcome.GENERATION_DEADLINE_EXCEEDED,
    ):
        made = Made(clock, outcome)
        task = made.generator.start(made.request).generator_task_id
        clock.advance(3600)
        answers.append(type(made.generator.check(task)))
    assert answers == [Failed, Incomplete, Running]


@pytest.mark.parametrize("outcome", [Outcome.INVALID_IMAGE, Outcome.CONTENT_REFUSED])
def test_what_is_refused_says_why(clock: Clock, outcome: Outcome) -> None:
    made = Made(clock, outcome)
    with pytest.raises(GeneratorRejectedError) as caught:
        made.generator.start(made.request)
    assert caught.value.code.value == outcome.value
    assert made.generator.find(made.request.name, since=clock()) is None


@pytest.mark.parametrize("outcome", [Outcome.WAITING_FOR_COINS, Outcome.WAITING_FOR_ACCESS])
def test_what_waits_for_the_account_waits_a_while(clock: Clock, outcome: Outcome) -> None:
    made = Made(clock, outcome)
    with pytest.raises(GeneratorAccessError) as caught:
        made.generator.start(made.request)
    assert caught.value.waiting_for is WaitingFor(outcome.removeprefix("waiting_for_"))
    clock.advance(10)
    assert made.generator.start(made.request).coins == 0


def test_what_is_busy_is_so_for_a_while_or_for_ever(clock: Clock) -> None:
    short = Made(clock, Outcome.WAITING_FOR_GENERATOR)
    lasting = Made(clock, Outcome.START_DEADLINE_EXCEEDED)
    for made in (short, lasting):
        with pytest.raises(GeneratorUnavailableError):
            made.generator.start(made.request)
    clock.advance(10)
    assert short.generator.start(short.request).coins == 0
    with pytest.raises(GeneratorUnavailableError):
        lasting.generator.start(lasting.request)


def test_a_lost_answer_is_found_a_while_later(clock: Clock) -> None:
    made, since = Made(clock, Outcome.WAITING_FOR_CONFIRMATION), clock()
    with pytest.raises(StartUnconfirmedError):
        made.generator.start(made.request)
    assert made.generator.find(made.request.name, since=since) is None
    clock.advance(10)
    found = made.generator.find(made.request.name, since=since)
    assert found is not None
    assert isinstance(made.generator.check(found.generator_task_id), Ready)


@pytest.mark.parametrize("outcome", [Outcome.START_UNCONFIRMED, Outcome.START_REFUSED])
def test_what_is_never_found(clock: Clock, outcome: Outcome) -> None:
    made = Made(clock, outcome)
    with pytest.raises(StartUnconfirmedError) as caught:
        made.generator.start(made.request)
    assert (caught.value.refusal is not None) is (outcome is Outcome.START_REFUSED)
    clock.advance(3600)
    assert made.generator.find(made.request.name, since=clock() - timedelta(hours=1)) is None


def test_only_the_second_attempt_is_accepted(clock: Clock) -> None:
    made = Made(clock, Outcome.SECOND_ATTEMPT)
    with pytest.raises(StartUnconfirmedError):
        made.generator.start(made.request)
    assert made.generator.find(made.request.name, since=clock()) is None
    second = made.request_of(2)
    started = made.generator.start(second)
    assert made.generator.find(second.name, since=clock()) == started


def test_a_start_that_died_on_its_way_is_found_as_it_was_asked_for(clock: Clock) -> None:
    made = Made(clock, Outcome.GENERATION_FAILED)
    found = made.generator.find(made.request.name, since=clock())
    assert found == made.generator.start(made.request)


def test_polls_fail_for_a_while(clock: Clock) -> None:
    made = Made(clock, Outcome.OUTAGE)
    task = made.generator.start(made.request).generator_task_id
    with pytest.raises(GeneratorUnavailableError):
        made.generator.check(task)
    clock.advance(10)
    assert isinstance(made.generator.check(task), Ready)


def test_a_cancel_request_is_refunded_or_too_late(clock: Clock) -> None:
    early = Made(clock, Outcome.CANCEL_REFUNDED)
    task = early.generator.start(early.request).generator_task_id
    assert early.generator.check(task) == Running("processing", refundable=True)
    assert early.generator.cancel(task)
    clock.advance(40)
    assert not early.generator.cancel(task)
    late = Made(clock, Outcome.CANCEL_TOO_LATE)
    task = late.generator.start(late.request).generator_task_id
    assert late.generator.check(task) == Running("processing")
    assert not late.generator.cancel(task)
