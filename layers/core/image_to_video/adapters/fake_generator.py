"""The generator of test tasks: every outcome that the paid one can have, without a coin.

It keeps nothing. Its ids say which outcome was asked for and when it began, and everything else
follows from the time that has passed since. What a start alone does not tell is read from the
task's record.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from image_to_video.domain.errors import (
    GeneratorAccessError,
    GeneratorRejectedError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
)
from image_to_video.domain.generator import (
    Failed,
    Incomplete,
    PollAnswer,
    Ready,
    Running,
    Started,
    StartRequest,
)
from image_to_video.domain.task import FailureCode, Task, WaitingFor
from image_to_video.domain.test_mode import Outcome, outcome_of

# How long a video is made; how long one that is late, or waits to be canceled.
_SECONDS: Final = 4
_LONG: Final = 40
# How long a trouble lasts that passes.
_TROUBLE: Final = 10
_REFUSALS: Final = {
    Outcome.INVALID_IMAGE: FailureCode.INVALID_IMAGE,
    Outcome.CONTENT_REFUSED: FailureCode.CONTENT_REFUSED,
}
_WITHOUT_ACCESS: Final = {
    Outcome.WAITING_FOR_COINS: WaitingFor.COINS,
    Outcome.WAITING_FOR_ACCESS: WaitingFor.ACCESS,
}
_UNAVAILABLE: Final = frozenset({Outcome.WAITING_FOR_GENERATOR, Outcome.START_DEADLINE_EXCEEDED})
_NEVER_FOUND: Final = frozenset({Outcome.START_REFUSED, Outcome.START_UNCONFIRMED})
_LONG_RUNNING: Final = frozenset({Outcome.LATE, Outcome.CANCEL_REFUNDED, Outcome.CANCEL_TOO_LATE})


class Clips(Protocol):
    """Links to the videos: `SampleClips`."""

    def whole(self) -> str:
        """A link to a whole video."""

    def cut(self) -> str:
        """A link to one that breaks off."""

    def dead(self) -> str:
        """A link to nothing."""


class FakeGenerator:
    """Makes no video of its own. `task_of` reads the record of a task by its id."""

    def __init__(
        self, clips: Clips, task_of: Callable[[str], Task], *, now: Callable[[], datetime]
    ) -> None:
        self._clips = clips
        self._task_of = task_of
        self._now = now

    def start(self, request: StartRequest) -> Started:
        """Accept it, or do what its prompt asks for instead."""
        outcome, (task_id, number) = outcome_of(request.prompt), _parts(request.name)
        if outcome in _REFUSALS:
            raise GeneratorRejectedError("Refused, as the prompt asks.", code=_REFUSALS[outcome])
        if outcome is Outcome.START_REFUSED:
            refusal = "Refused, as the prompt asks."
            raise StartUnconfirmedError("refused without a reason", refusal=refusal)
        is_lost = outcome in (Outcome.START_UNCONFIRMED, Outcome.WAITING_FOR_CONFIRMATION)
        if is_lost or (outcome is Outcome.SECOND_ATTEMPT and number == "1"):
            raise StartUnconfirmedError("the answer is lost, as the prompt asks")
        if outcome in _WITHOUT_ACCESS and self._is_troubled(task_id):
            waiting_for = _WITHOUT_ACCESS[outcome]
            raise GeneratorAccessError("no access, as the prompt asks", waiting_for=waiting_for)
        if outcome in _UNAVAILABLE:
            is_lasting = outcome is Outcome.START_DEADLINE_EXCEEDED
            if is_lasting or self._is_troubled(task_id):
                raise GeneratorUnavailableError("busy, as the prompt asks")
        return _started(outcome, self._now())

    def find(self, name: str, *, since: datetime) -> Started | None:
        """What became of a start whose answer was lost, or that died on its way."""
        task_id, number = _parts(name)
        outcome = outcome_of(self._task_of(task_id).prompt)
        is_late = outcome is Outcome.WAITING_FOR_CONFIRMATION
        if is_late and self._now() < since + timedelta(seconds=_TROUBLE):
            return None
        is_lost = outcome is Outcome.SECOND_ATTEMPT and number == "1"
        never = outcome in _NEVER_FOUND | _REFUSALS.keys()
        return None if is_lost or never else _started(outcome, since)

    def check(self, generator_task_id: str) -> PollAnswer:
        """How it is going, by the time that has passed."""
        outcome, seconds = self._read(generator_task_id)
        if outcome is Outcome.OUTAGE and seconds < _TROUBLE:
            raise GeneratorUnavailableError("it does not answer, as the prompt asks")
        if outcome is Outcome.GENERATION_DEADLINE_EXCEEDED or seconds < _duration(outcome):
            return Running("processing", refundable=outcome is Outcome.CANCEL_REFUNDED)
        match outcome:
            case Outcome.GENERATION_FAILED:
                message = "The generator could not make it, as the prompt asks."
                return Failed("failed", FailureCode.GENERATION_FAILED, message)
            case Outcome.COMPLETED_WITHOUT_VIDEO:
                return Incomplete("completed")
        return Ready("completed", self._link(outcome, seconds))

    def cancel(self, generator_task_id: str) -> bool:
        """Delete it, if it has not begun."""
        outcome, seconds = self._read(generator_task_id)
        return outcome is Outcome.CANCEL_REFUNDED and seconds < _duration(outcome)

    def _link(self, outcome: Outcome, seconds: float) -> str:
        match outcome:
            case Outcome.VIDEO_UNAVAILABLE:
                return self._clips.dead()
            case Outcome.DEAD_LINK if seconds < _TROUBLE:
                return self._clips.dead()
            case Outcome.CUT_FILE if seconds < _TROUBLE:
                return self._clips.cut()
        return self._clips.whole()

    def _is_troubled(self, task_id: str) -> bool:
        return self._now() < self._task_of(task_id).created_at + timedelta(seconds=_TROUBLE)

    def _read(self, generator_task_id: str) -> tuple[Outcome, float]:
        """The outcome that an id of ours asks for, and the seconds since it began."""
        _, outcome, began = generator_task_id.split("-")
        passed = self._now() - datetime.fromtimestamp(int(began) / 1000, UTC)
        return Outcome(outcome), passed.total_seconds()


def _duration(outcome: Outcome) -> int:
    return _LONG if outcome in _LONG_RUNNING else _SECONDS


def _started(outcome: Outcome, moment: datetime) -> Started:
    return Started(f"test-{outcome}-{round(moment.timestamp() * 1000)}", coins=0)


def _parts(name: str) -> tuple[str, str]:
    """The task and the number of an attempt."""
    task_id, _, number = name.rpartition("-")
    return task_id, number
