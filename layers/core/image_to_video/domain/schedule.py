"""When to poll next: pure functions of the time that has passed, every number a setting."""

from datetime import timedelta
from typing import Annotated, Final, Self
from zlib import crc32

from pydantic import BaseModel, BeforeValidator, ConfigDict, PositiveInt, model_validator

from image_to_video.domain.task import Task

# Where a hint is expected, polls are only for one that never comes: so many times rarer, and not
# further apart than this many seconds, unless they are that anyway.
_HINTED_FACTOR: Final = 24
_HINTED_MOST: Final = 240


class Pace(BaseModel):
    """How long to wait, by how much time has passed: `0=10,180=20` waits 10 s, after 180 s 20 s."""

    model_config = ConfigDict(frozen=True)

    steps: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, text: object) -> object:
        """Read `from=wait` pairs separated by commas; anything but a text passes through.

        Raises `ValueError` for a pair that is not two whole numbers.
        """
        if not isinstance(text, str):
            return text
        pairs = (pair.split("=") for pair in text.split(","))
        return cls(steps=tuple((int(start), int(wait)) for start, wait in pairs))

    @model_validator(mode="after")
    def _rises_from_zero(self) -> Self:
        starts = [start for start, _ in self.steps]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError("a pace begins at 0 and its starts rise, for example 0=10,180=20")
        if any(wait < 1 for _, wait in self.steps):
            raise ValueError("a pace waits at least 1 second")
        return self

    def wait(self, passed: timedelta) -> int:
        """Seconds to wait when `passed` has gone by since the beginning."""
        seconds = passed.total_seconds()
        reached = [wait for start, wait in self.steps if start <= seconds]
        return reached[-1] if reached else self.steps[0][1]


type PaceText = Annotated[Pace, BeforeValidator(Pace.parse)]


def spread(seconds: float, seed: str) -> int:
    """A wait of so long, or up to a quarter longer, always the same for the same seed."""
    return int(seconds * (1 + crc32(seed.encode()) / 2**34))


class Schedule(BaseModel):
    """Every waiting time and deadline, in seconds. Each field is a parameter of the template."""

    model_config = ConfigDict(frozen=True)

    first_poll_seconds: PositiveInt
    poll_pace: PaceText
    window_seconds: PositiveInt
    start_retry_pace: PaceText
    start_deadline_seconds: PositiveInt
    lease_seconds: PositiveInt
    confirmation_pace: PaceText
    quiet_seconds: PositiveInt
    incomplete_seconds: PositiveInt
    copy_retry_pace: PaceText
    generation_deadline_seconds: PositiveInt
    trouble_wait_seconds: PositiveInt
    overdue_seconds: PositiveInt

    def first_poll_wait(self, *, hinted: bool) -> int:
        """Seconds from the acceptance to the first poll; `hinted` where a hint is expected."""
        return _rarer(self.first_poll_seconds) if hinted else self.first_poll_seconds

    def poll_wait(self, passed: timedelta, *, hinted: bool) -> int:
        """Seconds to the next poll of a task that the generator has had for `passed`."""
        wait = self.poll_pace.wait(passed)
        return _rarer(wait) if hinted else wait


def expects_hint(task: Task) -> bool:
    """True while the generator owes a hint: it makes one, and one that came early is gone."""
    return task.hinted_at is None and bool(task.attempts) and task.attempts[-1].hinted


def _rarer(wait: int) -> int:
    return max(wait, min(wait * _HINTED_FACTOR, _HINTED_MOST))
