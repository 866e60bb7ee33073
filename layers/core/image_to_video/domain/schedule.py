"""When to poll next: pure functions of the time that has passed, every number a setting.

The values of a release stand here, as defaults. A stack has a value of its own only where its
operator set one, so a better default reaches every stack with its release.
"""

import re
from datetime import timedelta
from typing import Annotated, Final, Self
from zlib import crc32

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from image_to_video.domain.task import Task

# Where a hint is expected, polls are only for one that never comes: so many times rarer, and not
# further apart than this many seconds, unless they are that anyway.
_HINTED_FACTOR: Final = 24
_HINTED_MOST: Final = 240
_PACE: Final = re.compile(r"0=[1-9][0-9]{0,6}(,[1-9][0-9]{0,6}=[1-9][0-9]{0,6})*")


def written_number(value: object) -> object:
    """A whole number as the template's parameters are written; anything but a text passes through.

    Raises `ValueError` for other texts, some of which Pydantic would take: 5.0, 1_000, +5.
    """
    if isinstance(value, str) and not re.fullmatch(r"0|[1-9][0-9]{0,8}", value):
        raise ValueError("a whole number is needed, in digits alone")
    return value


type Seconds = Annotated[int, BeforeValidator(written_number), Field(ge=1, le=9_999_999)]


class Pace(BaseModel):
    """How long to wait, by how much time has passed: `0=10,180=20` waits 10 s, after 180 s 20 s."""

    model_config = ConfigDict(frozen=True)

    steps: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, text: object) -> object:
        """Read `from=wait` pairs separated by commas; anything but a text passes through.

        Their order does not matter, and of two that begin alike the latter counts: a pattern of the
        template cannot compare numbers, and what it lets through must not fail here.
        Raises `ValueError` for a pair that is not two whole numbers.
        """
        if not isinstance(text, str):
            return text
        if not _PACE.fullmatch(text):
            raise ValueError("a pace is written as from=wait pairs from 0 on, such as 0=10,180=20")
        pairs = (pair.split("=") for pair in text.split(","))
        steps = {int(start): int(wait) for start, wait in pairs}
        return cls(steps=tuple(sorted(steps.items())))

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


def _pace(text: str) -> Pace:
    """The pace that a release has."""
    return Pace.model_validate(Pace.parse(text))


def spread(seconds: float, seed: str) -> int:
    """A wait of so long, or up to a quarter longer, always the same for the same seed."""
    return int(seconds * (1 + crc32(seed.encode()) / 2**34))


class Schedule(BaseModel):
    """Every waiting time and deadline, in seconds. Each field is a parameter of the template.

    The defaults are the release's values, and in force where a parameter is empty.
    """

    model_config = ConfigDict(frozen=True)

    first_poll_seconds: Seconds = 20
    poll_pace: PaceText = _pace("0=10,180=20,600=60,3600=600")
    window_seconds: Seconds = 600
    start_retry_pace: PaceText = _pace("0=15,120=60,600=300,7200=900")
    start_deadline_seconds: Seconds = 86_400
    lease_seconds: Seconds = 150
    confirmation_pace: PaceText = _pace("0=5,5=15,20=40,60=120,900=600")
    quiet_seconds: Seconds = 300
    incomplete_seconds: Seconds = 600
    copy_retry_pace: PaceText = _pace("0=5,60=30,600=300,7200=1800")
    generation_deadline_seconds: Seconds = 259_200
    trouble_wait_seconds: Seconds = 60
    overdue_seconds: Seconds = 300

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
