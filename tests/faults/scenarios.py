"""Each scenario ends well without faults, and says how it may end with one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.test_mode import Outcome

from tests.faults.plays import (
    aborted,
    answer_lost,
    beside_a_test_task,
    by_test_token,
    cancel_after_storing_died,
    cancel_during_an_outage,
    cancel_generating,
    cancel_in_line,
    cancel_queued,
    cancel_storing,
    cancel_too_late,
    cancel_unconfirmed,
    cut_for_hours,
    cut_in_the_bucket,
    cut_video,
    dead_link,
    hint,
    hint_early,
    hint_forged,
    hint_never,
    hint_twice,
    hint_unconfirmed,
    list_fails_after_the_match,
    list_repeats_after_the_match,
    never_started,
    odd_video,
    owner_coins_come_free,
    owner_until_midnight,
    redrive,
    refused,
    rest,
    rest_by_plan,
    second_attempt,
    second_attempt_postponed,
    second_attempt_refused,
    start_unconfirmed,
    two_share_a_slot,
    upload,
    waiting_for_coins,
    waits_until_midnight,
)
from tests.faults.world import World

S = TaskStatus


@dataclass(frozen=True)
class Scenario:
    """What is done, how A2E behaves, how many tasks come of it, how they may end.

    Faults are injected from `after_seconds` on, for scenarios that begin like another one. With
    `hints` A2E is asked for them.
    """

    name: str
    play: Callable[[World], None]
    ends: frozenset[TaskStatus]
    after_seconds: float = 0
    generation_seconds: float = 25
    tasks: int = 1
    hints: bool = False


FOUND = Outcome.WAITING_FOR_CONFIRMATION
DONE = frozenset({S.SUCCEEDED})
# A cancel that meets a fault may come after the end; what it must never do is lose or pay twice.
CANCELED = frozenset({S.CANCELED})
FAILED = frozenset({S.FAILED})
SCENARIOS = [
    Scenario("rest start", rest, DONE),
    Scenario("rest start by plan", rest_by_plan, DONE, after_seconds=15, generation_seconds=115),
    Scenario("upload", upload, DONE),
    Scenario("late", rest, DONE, after_seconds=50, generation_seconds=640),
    Scenario("start refused", refused, FAILED),
    Scenario("start answer lost", answer_lost, DONE),
    Scenario("list fails after the match", list_fails_after_the_match, DONE, after_seconds=15),
    Scenario("list repeats after the match", list_repeats_after_the_match, DONE, after_seconds=15),
    Scenario("waiting for coins", waiting_for_coins, DONE),
    Scenario("dead link", dead_link, DONE),
    Scenario("cut video", cut_video, DONE, after_seconds=20),
    Scenario("odd video", odd_video, DONE, after_seconds=20),
    Scenario("cut for hours", cut_for_hours, DONE, after_seconds=66_000),
    Scenario("cut in the bucket", cut_in_the_bucket, DONE, after_seconds=30),
    Scenario("cancel while queued", cancel_queued, CANCELED),
    Scenario("cancel with refund", cancel_generating, CANCELED, generation_seconds=250),
    Scenario("cancel too late", cancel_too_late, CANCELED),
    Scenario("cancel while storing", cancel_storing, CANCELED),
    Scenario("cancel after storing died", cancel_after_storing_died, CANCELED),
    Scenario("cancel unconfirmed", cancel_unconfirmed, CANCELED, generation_seconds=9000),
    Scenario("cancel during an outage", cancel_during_an_outage, CANCELED, generation_seconds=9000),
    Scenario("redrive", redrive, DONE, after_seconds=350),
    Scenario("second attempt", second_attempt, DONE | FAILED, after_seconds=200),
    Scenario(
        "second attempt postponed", second_attempt_postponed, DONE | FAILED, after_seconds=320
    ),
    Scenario("second attempt refused", second_attempt_refused, DONE | FAILED, after_seconds=320),
    Scenario("execution aborted", aborted, DONE),
    Scenario("start unconfirmed", start_unconfirmed, DONE | FAILED, after_seconds=1800),
    Scenario("never started", never_started, FAILED, after_seconds=1260),
    Scenario("test task", by_test_token, DONE | FAILED),
    Scenario("test task unconfirmed", partial(by_test_token, outcome=FOUND), DONE | FAILED),
    Scenario("beside a test task", beside_a_test_task, DONE | FAILED, tasks=2),
    Scenario("two share a slot", two_share_a_slot, DONE, tasks=2),
    Scenario("cancel in line", cancel_in_line, DONE | CANCELED, after_seconds=5, tasks=3),
    Scenario("coins at midnight", waits_until_midnight, DONE, after_seconds=43_190, tasks=2),
    Scenario("owner at midnight", owner_until_midnight, DONE, after_seconds=43_140, tasks=4),
    Scenario("owner's coins come free", owner_coins_come_free, DONE | FAILED, tasks=2),
    Scenario("hint", hint, DONE, hints=True),
    Scenario("hint early", hint_early, DONE, after_seconds=1, hints=True),
    Scenario("hint twice", hint_twice, DONE, after_seconds=20, hints=True),
    Scenario("hint never", hint_never, DONE, after_seconds=20, hints=True),
    Scenario("hint unconfirmed", hint_unconfirmed, DONE, after_seconds=1, hints=True),
    Scenario("hint forged", hint_forged, DONE, hints=True),
]
