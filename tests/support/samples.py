"""Tasks as the table keeps them, for tests that need one and care about little of it."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import (
    Attempt,
    Cancellation,
    Failure,
    FailureCode,
    ModelVersion,
    Task,
    Video,
)

NOW: Final = datetime(2026, 11, 22, 12, 0, 0, 123000, tzinfo=UTC)


def a_task(**fields: Any) -> Task:
    """A queued task of anna."""
    return Task.model_validate(
        {
            "task_id": "0123456789abcdef0123456789abcdef",
            "owner": "anna",
            "fingerprint": "f" * 64,
            "name": "cat.png",
            "image_url": "https://images.example/cat.png",
            "prompt": "the cat yawns",
            "negative_prompt": "blurry",
            "video_time": 5,
            "model_version": ModelVersion.A2E,
            "created_at": NOW,
            "updated_at": NOW,
            "next_poll_at": NOW + timedelta(seconds=20),
            "execution": "0123456789abcdef0123456789abcdef",
        }
        | fields
    )


def a_full_task(**fields: Any) -> Task:
    """A task with a value in every field, secrets included."""
    attempt = Attempt(
        name="0123456789abcdef0123456789abcdef-1",
        lease_owner="secret-lease-owner",
        sent_at=NOW,
        lease_until=NOW + timedelta(seconds=150),
        refusal=Failure(code=FailureCode.START_REFUSED, message="secret-refusal"),
        absent_since=NOW,
    )
    full = {
        "version": 7,
        "status": TaskStatus.SUCCEEDED,
        "late": True,
        "image_version": "secret-image-version",
        "metadata": {"order": "4711", "empty": "", "ключ": "значение"},
        "updated_at": NOW + timedelta(seconds=90),
        "started_at": NOW + timedelta(seconds=1),
        "ended_at": NOW + timedelta(seconds=90),
        "attempts": (attempt, attempt.model_copy(update={"in_flight": False})),
        "generator_task_id": "secret-generator-id",
        "generator_status": "secret-word",
        "completed_at": NOW + timedelta(seconds=80),
        "result_url": "https://results.example/secret-result.mp4?token=secret",
        "copy_failures": 3,
        "coins": 30,
        "failure": Failure(code=FailureCode.VIDEO_UNAVAILABLE, message="gone"),
        "video": Video(
            bucket="videos",
            key="anna/0123456789abcdef0123456789abcdef.mp4",
            bytes=2_300_001,
            sha256="a" * 64,
            content_type="video/mp4",
            width=1280,
            height=720,
            duration_seconds=5.042,
        ),
        "cancellation": Cancellation.TOO_LATE,
    }
    return a_task(**full | fields)
