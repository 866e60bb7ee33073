"""How to read an answer of A2E: three levels (HTTP status, JSON, `code`), one verdict.

The order of the decisions follows A2E's public reference and the reports of public clients; the
texts and codes of most refusals are published nowhere, so words are matched, and whatever stays
unexplained is UNCLEAR, which never counts as a success or a refusal.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

import httpx

from image_to_video.observability import without_secrets

# The longest `Retry-After` that is honored, in seconds.
_LONGEST_WAIT: Final = 24 * 3600.0
# How much of a text is examined, in characters.
_LONGEST_READ: Final = 4096

_PLAN_WORDS: Final = re.compile(r"\b(free|plan|upgrade|pro|max|subscri\w+)\b", re.I)
_COIN_WORDS: Final = re.compile(r"\b(coins?|credits?|balance|insufficient|recharge)\b", re.I)
_THROTTLE_WORDS: Final = re.compile(r"too many|\bbusy\b|rate limit|queue (is )?full", re.I)
CONTENT_WORDS: Final = re.compile(
    r"nsfw|sensitive|content.polic|moderat|copyright|portrait right|likeness|celebrit|\bminors?\b",
    re.I,
)
_PARAMETER_WORDS: Final = re.compile(r"invalid|required|missing|parameter|must be", re.I)


# A surrogate's half, which JSON can carry, can be neither stored nor sent. The longest link
# accepted is far longer than any that was seen, and far shorter than a record may be.
_LINK: Final = re.compile(r"(https?)://[^\s/?#\ud800-\udfff][^\s\ud800-\udfff]{0,4000}", re.I)


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


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer on its three levels: HTTP status, whether it was JSON, and `code`."""

    http_status: int
    is_envelope: bool
    code: int | None
    data: Any
    message: str
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
        texts = (body.get(key) for key in ("msg", "message", "err_message", "error"))
        wait = response.headers.get("Retry-After", "")
        return cls(
            http_status=response.status_code,
            is_envelope=isinstance(parsed, dict),
            code=whole_number(body.get("code")),
            data=body.get("data"),
            message=fit_for_a_record(next((str(text) for text in texts if text), "")),
            trace_id=fit_for_a_record(str(body.get("trace_id", ""))),
            retry_after=min(float(wait), _LONGEST_WAIT) if wait.isdecimal() else None,
        )

    def verdict(self) -> Verdict:  # noqa: PLR0911 - a decision list, first match wins
        """Judge the answer. Anything unexplained is UNCLEAR, never a success or a refusal."""
        status, code, text = self.http_status, self.code, self.message
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
        if 403 in (status, code):
            refused = CONTENT_WORDS.search(text) and not _PLAN_WORDS.search(text)
            return Verdict.CONTENT if refused else Verdict.ACCESS
        if 404 in (status, code):
            return Verdict.NOT_FOUND
        if _COIN_WORDS.search(text):
            return Verdict.COINS
        if _THROTTLE_WORDS.search(text):
            return Verdict.THROTTLED
        if CONTENT_WORDS.search(text):
            return Verdict.CONTENT
        if status in (400, 413, 415, 422) or _PARAMETER_WORDS.search(text):
            return Verdict.INVALID
        return Verdict.UNCLEAR

    @property
    def reason(self) -> str:
        """What callers are told about a refusal."""
        return self.message or f"The generator refused without a reason (code {self.code})."

    def describe(self) -> str:
        """One line for logs and error messages, without secrets or link queries."""
        return f"HTTP {self.http_status}, code {self.code}, trace {self.trace_id}: {self.message}"


def whole_number(value: Any) -> int | None:
    """The whole number in a JSON number or text, or None."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return int(value) if re.fullmatch(r"-?\d{1,9}", str(value)) else None


def fit_for_a_record(text: str) -> str:
    """Without links' queries and tokens, short, and without what cannot be stored.

    Halves of surrogate pairs, which JSON can carry and nothing can store, become `?`.
    """
    # Cut before it is read through: a text may be as long as an answer.
    text = without_secrets(text[:_LONGEST_READ])[:300]
    return text.encode(errors="replace").decode()


def is_link(value: Any, *, permit_http: bool) -> bool:
    """True for a link with a host: https, or plain http where that is permitted."""
    link = _LINK.fullmatch(value) if isinstance(value, str) else None
    return link is not None and (permit_http or link[1].lower() == "https")
