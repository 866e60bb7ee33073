"""Test mode: which outcome a prompt asks for, and the waits by which it comes within a minute.

docs/test-mode.md is what integrators read of this.
"""

from enum import StrEnum
from typing import Final

from image_to_video.domain.schedule import Schedule

# Records of test tasks, and so their idempotency keys, are kept so long after their end. The
# bucket keeps their videos a day longer, as template.yaml says.
TEST_RETENTION_DAYS: Final = 7
# A test task is late after 30 s, and has ended after 80 s, whatever becomes of it. The lease and
# the search for stranded tasks are about processes that die, not about outcomes.
TEST_SCHEDULE: Final = Schedule.model_validate(
    {
        "first_poll_seconds": 2,
        "poll_pace": "0=2,10=5",
        "window_seconds": 30,
        "start_retry_pace": "0=4",
        "start_deadline_seconds": 60,
        "lease_seconds": 150,
        "confirmation_pace": "0=3",
        "quiet_seconds": 10,
        "incomplete_seconds": 10,
        "copy_retry_pace": "0=5,20=15",
        "generation_deadline_seconds": 60,
        "trouble_wait_seconds": 5,
        "overdue_seconds": 300,
    }
)
_RESERVED: Final = "test:"


class Outcome(StrEnum):
    """What a test task does. Each but the first is asked for by the prompt `test:` and its name.

    Those named after a failure's code fail with it; those named after what a task waits for wait
    for it a few seconds, and succeed.
    """

    SUCCEEDED = "succeeded"
    LATE = "late"
    INVALID_IMAGE = "invalid_image"
    CONTENT_REFUSED = "content_refused"
    START_REFUSED = "start_refused"
    START_UNCONFIRMED = "start_unconfirmed"
    START_DEADLINE_EXCEEDED = "start_deadline_exceeded"
    GENERATION_FAILED = "generation_failed"
    GENERATION_DEADLINE_EXCEEDED = "generation_deadline_exceeded"
    COMPLETED_WITHOUT_VIDEO = "completed_without_video"
    VIDEO_UNAVAILABLE = "video_unavailable"
    WAITING_FOR_GENERATOR = "waiting_for_generator"
    WAITING_FOR_COINS = "waiting_for_coins"
    WAITING_FOR_ACCESS = "waiting_for_access"
    WAITING_FOR_CONFIRMATION = "waiting_for_confirmation"
    SECOND_ATTEMPT = "second_attempt"
    OUTAGE = "outage"
    DEAD_LINK = "dead_link"
    CUT_FILE = "cut_file"
    CANCEL_REFUNDED = "cancel_refunded"
    CANCEL_TOO_LATE = "cancel_too_late"


def outcome_of(prompt: str) -> Outcome:
    """What a test task with this prompt does; any prompt that is not reserved succeeds."""
    name = prompt.strip().removeprefix(_RESERVED)
    is_reserved = name != prompt.strip() and name in set(Outcome)
    return Outcome(name) if is_reserved else Outcome.SUCCEEDED


def fault_of_prompt(prompt: str | None) -> str | None:
    """Why a test task cannot have this prompt, for people; None where it can."""
    name = (prompt or "").strip()
    if not name.startswith(_RESERVED) or name.removeprefix(_RESERVED) in set(Outcome):
        return None
    known = ", ".join(f"{_RESERVED}{outcome}" for outcome in Outcome)
    return f"no test task does that; the reserved prompts are {known}"
