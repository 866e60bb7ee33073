"""What the application asks of an outside generator, in words that name no vendor."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from image_to_video.domain.task import FailureCode, ModelVersion, VideoSeconds


@dataclass(frozen=True, slots=True)
class HintRequest:
    """Where the generator is to call when a task has changed, and the `token` that it sends along.

    Never log the token.
    """

    url: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StartRequest:
    """One paid start. `name` is unique for each attempt and is how the attempt is found again.

    `extend_prompt` lets the generator rewrite the prompt. `end_image_url` is the last frame. A
    `lora` (A2E's id of one) takes the place of both prompts, which are empty then. Without `hint`
    the generator calls nobody.
    """

    name: str
    image_url: str
    prompt: str
    negative_prompt: str
    video_time: VideoSeconds
    model_version: ModelVersion
    extend_prompt: bool = False
    end_image_url: str | None = None
    skip_face_enhance: bool = False
    lora: str | None = None
    hint: HintRequest | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The generator accepted a start and, as far as it says, charged `coins` for it."""

    generator_task_id: str
    coins: int | None


@dataclass(frozen=True, slots=True)
class Running:
    """Still at work; `word` is the generator's own status. A `refundable` start has not begun."""

    word: str
    refundable: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """The video can be fetched from `url`, which is public and short-lived: never log it."""

    word: str
    url: str


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The generator says completed but gives no usable link."""

    word: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The generator gave up. `tentative` words count only when two polls in a row answer them."""

    word: str
    code: FailureCode
    message: str
    tentative: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """The generator does not show this task, now."""

    word: str = "missing"


type PollAnswer = Running | Ready | Incomplete | Failed | Missing


class Generator(Protocol):
    """The outside service. Every method may raise `GeneratorUnavailableError` or
    `GeneratorAccessError`; `start` also `GeneratorRejectedError` and `StartUnconfirmedError`."""

    def start(self, request: StartRequest) -> Started:
        """Start, and pay for, one video. Sends its request at most once."""

    def check(self, generator_task_id: str) -> PollAnswer:
        """Ask once how it is going."""

    def find(self, name: str, *, since: datetime) -> Started | None:
        """Look up a start by its attempt's name among the records made after `since`.

        None only where the whole list was read and does not show it.
        """

    def cancel(self, generator_task_id: str) -> bool:
        """Delete a start that has not begun, with its refund. False: it has begun or is gone."""
