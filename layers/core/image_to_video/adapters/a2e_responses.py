"""How to read an answer of A2E: three levels (HTTP status, JSON, `code`), one verdict.

The order of the decisions follows A2E's public reference and the reports of public clients; the
texts and codes of most refusals are published nowhere, so phrases are matched (`a2e_messages`), and
whatever stays unexplained is UNCLEAR, which never counts as a success or a refusal.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

import httpx

from image_to_video.adapters.a2e_messages import Topic, blames_itself, mentions_image, topic_of
from image_to_video.adapters.a2e_records import FAILURE_TEXT, said_under
from image_to_video.adapters.a2e_values import fit_for_a_record, text_of, whole_number

# The longest `Retry-After` that is honored, in seconds.
_LONGEST_WAIT: Final = 24 * 3600.0

# Where an envelope has its text; other keys are read as in a record.
_TEXTS: Final = ("msg", "message", "err_message", "error")
_REFUSED_REQUEST: Final = frozenset({400, 413, 415, 422})


class Verdict(Enum):
    """What an answer of A2E means, before asking which call it answers."""

    SUCCESS = auto()
    ACCESS = auto()
    COINS = auto()
    THROTTLED = auto()
    CONTENT = auto()
    INVALID = auto()
    NOT_FOUND = auto()
    UNCLEAR = auto()


# What these topics mean, whatever the status: a refusal that says so accepted nothing.
_DECIDED: Final = {
    Topic.ACCESS: Verdict.ACCESS,
    Topic.COINS: Verdict.COINS,
    Topic.THROTTLED: Verdict.THROTTLED,
    Topic.CONTENT: Verdict.CONTENT,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer on its three levels: HTTP status, whether it was JSON, and `code`."""

    http_status: int
    is_envelope: bool
    code: int | None
    data: Any
    message: str
    topic: Topic | None
    blames_itself: bool
    trace_id: str
    retry_after: float | None

    @classmethod
    def read(cls, response: httpx.Response) -> "Answer":
        """Read any response; what is not a JSON object is no envelope and has no `code`."""
        try:
            parsed = response.json()
        except (ValueError, RecursionError):
            parsed = None
        body = parsed if isinstance(parsed, dict) else {}
        texts = said_under(FAILURE_TEXT, body, *_TEXTS)
        wait = response.headers.get("Retry-After", "")
        return cls(
            http_status=response.status_code,
            is_envelope=isinstance(parsed, dict),
            code=whole_number(body.get("code")),
            data=body.get("data"),
            message=fit_for_a_record("; ".join(texts)),
            topic=topic_of(". ".join(texts)),
            blames_itself=blames_itself(". ".join(texts)),
            trace_id=fit_for_a_record(text_of(body.get("trace_id"))),
            retry_after=min(float(wait), _LONGEST_WAIT) if wait.isdecimal() else None,
        )

    def verdict(self) -> Verdict:  # noqa: PLR0911 - a decision list, first match wins
        """Judge the answer. Anything unexplained is UNCLEAR, never a success or a refusal."""
        status, code = self.http_status, self.code
        if 429 in (status, code):
            return Verdict.THROTTLED
        if status >= 500 or status == 408:
            return Verdict.UNCLEAR
        if code is None and (status < 400 or not self.is_envelope):
            return Verdict.UNCLEAR
        if status < 300 and code == 0:
            return Verdict.SUCCESS
        if 401 in (status, code):
            return Verdict.ACCESS
        if 404 in (status, code) and 403 not in (status, code):
            return Verdict.NOT_FOUND
        if self.blames_itself and self.topic in (None, Topic.THROTTLED):
            # "Timed out, the service is busy": it may have accepted.
            return Verdict.UNCLEAR
        if self.topic in _DECIDED:
            return _DECIDED[self.topic]
        if 403 in (status, code):
            return Verdict.ACCESS
        if status == 402:
            return Verdict.COINS
        if (status in _REFUSED_REQUEST and code != 0) or self.topic in (
            Topic.IMAGE,
            Topic.PARAMETERS,
        ):
            return Verdict.INVALID
        return Verdict.UNCLEAR

    @property
    def is_about_the_image(self) -> bool:
        """True where a refused request was refused for its image, as far as the text says."""
        return self.topic is Topic.IMAGE or mentions_image(self.message)

    @property
    def reason(self) -> str:
        """What callers are told about a refusal."""
        return self.message or f"The generator refused without a reason (code {self.code})."

    def describe(self) -> str:
        """One line for logs and error messages, without secrets or link queries."""
        return f"HTTP {self.http_status}, code {self.code}, trace {self.trace_id}: {self.message}"
