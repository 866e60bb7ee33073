"""What a task's record says of its coins."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from image_to_video.domain.coin_statements import Claim, statement_of
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Attempt, Cancellation, Failure, FailureCode, Task

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REFUSAL = Failure(code=FailureCode.CONTENT_REFUSED, message="no")
UNKNOWN = Failure(code=FailureCode.START_UNCONFIRMED, message="?")
WITHOUT = Failure(code=FailureCode.GENERATION_FAILED, message="no face")


def attempt(number: int = 1, **fields: Any) -> Attempt:
    sent = NOW + timedelta(minutes=10 * number)
    usual = {"lease_owner": f"l{number}", "sent_at": sent, "lease_until": sent}
    return Attempt(**{"name": f"T1-{number}", "coins_reserved": 25, **usual, **fields})


def task(**fields: Any) -> Task:
    usual = {
        "task_id": "T1",
        "owner": "anna",
        "fingerprint": "f",
        "name": "a",
        "image_url": "https://pictures.example.com/a.png",
        "prompt": "smile",
        "negative_prompt": "blur",
        "video_time": 5,
        "model_version": "a2e",
        "created_at": NOW,
        "updated_at": NOW,
        "execution": "T1",
    }
    return Task.model_validate(usual | fields)


S, C = TaskStatus, Cancellation
ENDED = {"ended_at": NOW}
STARTED = {"attempts": (attempt(),), "generator_task_id": "Gen-1", "coins": 30}


@pytest.mark.parametrize(
    ("fields", "claim", "recorded"),
    [
        ({}, Claim.NOTHING, 0),
        ({"attempts": (attempt(),)}, Claim.PERHAPS, 25),
        ({"status": S.GENERATING} | STARTED, Claim.PAID, 30),
        ({"status": S.SUCCEEDED} | STARTED | ENDED, Claim.PAID, 30),
        ({"status": S.SUCCEEDED} | STARTED | ENDED | {"coins": None}, Claim.PAID, 25),
        ({"status": S.FAILED, "failure": WITHOUT} | STARTED | ENDED, Claim.PAID, 30),
        ({"status": S.CANCELED, "cancellation": C.TOO_LATE} | STARTED | ENDED, Claim.PAID, 30),
        ({"status": S.CANCELED, "cancellation": C.REFUNDED} | STARTED | ENDED, Claim.REFUNDED, 0),
        ({"status": S.CANCELED, "cancellation": C.REFUNDED} | ENDED, Claim.REFUNDED, 0),
        ({"status": S.FAILED, "failure": REFUSAL} | ENDED, Claim.NOTHING, 0),
        (
            {"status": S.FAILED, "failure": REFUSAL, "attempts": (attempt(refusal=REFUSAL),)}
            | ENDED,
            Claim.NOTHING,
            0,
        ),
        (
            {"status": S.FAILED, "failure": UNKNOWN, "attempts": (attempt(), attempt(2))} | ENDED,
            Claim.PERHAPS,
            25,
        ),
    ],
)
def test_what_a_task_claims(fields: dict[str, Any], claim: Claim, recorded: int) -> None:
    statement = statement_of(task(**fields))
    assert (statement.claim, statement.recorded) == (claim, recorded)


def test_names_are_compared_without_their_case() -> None:
    assert statement_of(task(status=S.GENERATING, **STARTED)).names == {"t1", "gen-1"}


def test_a_task_that_was_opened_again_has_not_ended() -> None:
    assert statement_of(task(status=S.GENERATING, ended_at=NOW, **STARTED)).ended_at is None


def test_only_a_video_excludes_that_it_cost_nothing() -> None:
    for status in (S.FAILED, S.CANCELED, S.GENERATING):
        assert not statement_of(task(status=status, **STARTED)).ended_well
    assert statement_of(task(status=S.SUCCEEDED, **STARTED)).ended_well
