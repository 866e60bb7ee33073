"""The words of the application as types: the task, its statuses, and what can happen to it."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from image_to_video.domain.records import OPEN_NUMBER, OPEN_WORD, Moment, Stored
from image_to_video.domain.statuses import TaskStatus


class WaitingFor(StrEnum):
    """Why a queued task is still queued."""

    START = "start"
    SLOT = "slot"
    GENERATOR = "generator"
    COINS = "coins"
    ACCESS = "access"
    CONFIRMATION = "confirmation"


class FailureCode(StrEnum):
    """Why a task failed. Closed list: callers may switch on it."""

    INVALID_REQUEST = "invalid_request"
    INVALID_IMAGE = "invalid_image"
    CONTENT_REFUSED = "content_refused"
    START_REFUSED = "start_refused"
    START_UNCONFIRMED = "start_unconfirmed"
    START_DEADLINE_EXCEEDED = "start_deadline_exceeded"
    GENERATION_FAILED = "generation_failed"
    GENERATION_DEADLINE_EXCEEDED = "generation_deadline_exceeded"
    COMPLETED_WITHOUT_VIDEO = "completed_without_video"
    VIDEO_UNAVAILABLE = "video_unavailable"


# The generator may still be at work, or may still turn out to have the video that was paid for.
_GIVEN_UP: Final = frozenset(
    {FailureCode.START_UNCONFIRMED, FailureCode.GENERATION_DEADLINE_EXCEEDED}
)
_WITHOUT_VIDEO: Final = frozenset(
    {FailureCode.COMPLETED_WITHOUT_VIDEO, FailureCode.VIDEO_UNAVAILABLE}
)


class Cancellation(StrEnum):
    """What a cancel request achieved."""

    REFUNDED = "refunded"
    TOO_LATE = "too_late"
    ALREADY_FINAL = "already_final"


class ModelVersion(StrEnum):
    """The generator's models by the names of A2E's own API."""

    A2E = "a2e"
    A2E_V2 = "a2e-v2"
    A2E_V2_FLASH = "a2e-v2-flash"


type VideoSeconds = Literal[5, 10, 15, 20]


class Failure(Stored):
    """Why a task failed: `code` for programs, `message` for people."""

    code: Annotated[FailureCode, OPEN_WORD]
    message: str


class Video(Stored):
    """The stored video: its object, and what was measured of it; None where it does not say."""

    bucket: str
    key: str
    bytes: int
    sha256: str
    content_type: str
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None


class Attempt(Stored):
    """One start call that was, or may have been, accepted by the generator.

    It is stored before the call. Until its outcome is known it is *in flight*: while the lease
    runs, an actor works on it; afterwards it must be looked up at the generator by `name`.
    `refusal` is what the generator said instead of accepting it. `absent_since` is when a
    complete reading of the generator's list first did not show it. `hinted`: a hint was asked for.
    `restored`: nobody knows whether it was made, because the record came from a backup.
    """

    name: str
    lease_owner: str
    sent_at: Moment
    lease_until: Moment
    coins_reserved: int = 0
    in_flight: bool = True
    refusal: Failure | None = None
    absent_since: Moment | None = None
    hinted: bool = False
    restored: bool = False


class Task(Stored):
    """One image to be turned into one video, exactly as the table keeps it.

    `needs` names what a release must know to move it; see `compatibility`.
    """

    task_id: str
    owner: str
    # Of a test token or a test upload: it never reaches the generator that is paid.
    test: bool = False
    fingerprint: str
    version: int = 1
    needs: tuple[str, ...] = ()
    status: Annotated[TaskStatus, OPEN_WORD] = TaskStatus.QUEUED
    late: bool = False
    waiting_for: Annotated[WaitingFor, OPEN_WORD] | None = None
    # Its place in line, since when it stands there, how long it did before; the slot it held last.
    line_entry: str | None = None
    line_since: Moment | None = None
    waited_seconds: int = 0
    slot: str | None = None
    slot_until: Moment | None = None

    name: str
    image_url: str
    image_version: str | None = None
    prompt: str
    negative_prompt: str
    video_time: Annotated[VideoSeconds, OPEN_NUMBER]
    model_version: Annotated[ModelVersion, OPEN_WORD]
    extend_prompt: bool = False
    end_image_url: str | None = None
    skip_face_enhance: bool = False
    lora: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)

    created_at: Moment
    updated_at: Moment
    started_at: Moment | None = None
    ended_at: Moment | None = None
    reopened_at: Moment | None = None
    cancel_requested_at: Moment | None = None
    refund_requested_at: Moment | None = None
    missing_since: Moment | None = None
    next_poll_at: Moment | None = None
    hinted_at: Moment | None = None
    hints_taken: int = 0

    attempts: tuple[Attempt, ...] = ()
    generator_task_id: str | None = None
    generator_status: str | None = None
    completed_at: Moment | None = None
    result_url: str | None = None
    copy_failures: int = 0
    execution: str

    coins: int | None = None
    failure: Failure | None = None
    video: Video | None = None
    cancellation: Annotated[Cancellation, OPEN_WORD] | None = None

    def attempt_name(self, number: int) -> str:
        """The name of one of its attempts, 1 for the first, by which the generator shows it."""
        return f"{self.task_id}-{number}"

    @property
    def attempts_made(self) -> int:
        """How many starts it has had; those that only a backup leaves open are not among them."""
        return sum(not attempt.restored for attempt in self.attempts)

    @property
    def unresolved_attempt(self) -> Attempt | None:
        """The attempt whose outcome is not known yet, if there is one."""
        last = self.attempts[-1] if self.attempts else None
        return last if last and last.in_flight else None

    @property
    def may_be_at_work(self) -> bool:
        """True where the generator may be working on it, also after we have closed it."""
        if self.status is TaskStatus.CANCELED:
            return self.cancellation is Cancellation.TOO_LATE and self.completed_at is None
        is_given_up = self.failure is not None and self.failure.code in _GIVEN_UP
        return is_given_up or self.status is TaskStatus.GENERATING

    @property
    def occupies_slot(self) -> bool:
        """True while it counts among the tasks that the generator works on at once."""
        is_starting = self.status is TaskStatus.QUEUED and self.unresolved_attempt is not None
        return is_starting or self.may_be_at_work

    @property
    def in_line(self) -> bool:
        """True while it waits for our own limits alone."""
        return self.line_since is not None

    def waited(self, now: datetime) -> timedelta:
        """How long it has waited for our own limits; its start deadline stands still meanwhile."""
        standing = max(now - (self.line_since or now), timedelta())
        return timedelta(seconds=self.waited_seconds) + standing

    def out_of_line(self, now: datetime) -> dict[str, Any]:
        """The changes by which it leaves the line; none where it does not stand there."""
        waited = 1 + int(self.waited(now).total_seconds())
        return {"line_since": None, "waited_seconds": waited} if self.in_line else {}

    @property
    def may_be_mended(self) -> bool:
        """True where it failed, and the video that was paid for may be had after all."""
        if self.failure is None:
            return False
        is_unknown = bool(self.attempts) and self.generator_task_id is None
        return is_unknown or self.failure.code in _GIVEN_UP | _WITHOUT_VIDEO

    @property
    def generation_began_at(self) -> datetime:
        """From when the generation deadline counts."""
        return self.reopened_at or self.started_at or self.created_at

    def changed(self, now: datetime, **changes: Any) -> "Task":
        """Return the next version of this task.

        Raises `ValueError` for a change of status that the table does not permit.
        """
        status = changes.get("status", self.status)
        if not self.status.may_become(status):
            raise ValueError(f"a task cannot go from {self.status} to {status}")
        if status is not TaskStatus.QUEUED:
            changes |= {"waiting_for": None, **self.out_of_line(now)}
        if status.is_final:
            changes |= {"next_poll_at": None, "ended_at": self.ended_at or now}
        changes |= {"version": self.version + 1, "updated_at": now}
        return self._with(changes)

    def _with(self, changes: dict[str, Any]) -> "Task":
        if unknown := changes.keys() - Task.model_fields:
            raise ValueError(f"a task has no {', '.join(sorted(unknown))}")
        return self.model_validate(dict(self) | changes)

    def reopened(self, now: datetime, **changes: Any) -> "Task":
        """Return this task open again, which failed although its video may exist, or lost it.

        The one way out of a final status: it is paid, and the generator has it after all.
        Raises `ValueError` for a task that ended in any other way.
        """
        if not self.may_be_mended and self.status is not TaskStatus.SUCCEEDED:
            raise ValueError(f"a task that is {self.status} is not opened again")
        changes |= {"failure": None, "video": None, "ended_at": None, "slot": None}
        changes |= {"reopened_at": now, "next_poll_at": now, "updated_at": now}
        return self._with(changes | {"version": self.version + 1})

    def failed(self, now: datetime, code: FailureCode, message: str, **changes: Any) -> "Task":
        """Return this task closed as failed."""
        changes |= {"failure": Failure(code=code, message=message)}
        return self.changed(now, status=TaskStatus.FAILED, **changes)

    def canceled(self, now: datetime, achieved: Cancellation, **changes: Any) -> "Task":
        """Return this task closed as canceled."""
        return self.changed(now, status=TaskStatus.CANCELED, cancellation=achieved, **changes)
