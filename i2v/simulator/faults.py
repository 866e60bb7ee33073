"""The faults that a test can inject: their kinds, the calls of each kind, and the queue."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator


class Call(StrEnum):
    """The calls that a fault can be injected into."""

    START = "start"
    DETAIL = "detail"
    LIST = "list"
    BATCH = "batch"
    DELETE = "delete"
    DOWNLOAD = "download"
    WEBHOOK = "webhook"
    HISTORY = "history"
    BALANCE = "balance"


class Kind(StrEnum):
    """What goes wrong.

    From `reset_before` to `moderated` the call is not accepted and not charged (`moderated` only
    on a start); from `reset_after` to `object_data` it is, and the answer is lost, late, corrupted
    or in another shape. From `unknown_status` to `more_fields` a call shows another record than
    the usual one, from `short_pages` to `fails_past_end` another list; `stuck`, `fails` and a later
    `moderated` change the task for good. From `link_expired` to `crafted` a download gives no
    video; the two after it give the whole video, with no durations in its index, or packed, as a
    part, and called a text. Three are those of a webhook. The last ones are those of the
    history of the coins: its records name no task, have other names, no sign; it does not look at
    the dates asked for, or shows what is younger than half an hour later.
    """

    RESET_BEFORE = "reset_before"
    HTTP_500 = "http_500"
    HTTP_502_HTML = "http_502_html"
    HTTP_429 = "http_429"
    HTTP_401 = "http_401"
    FREE_PLAN_403 = "free_plan_403"
    NO_COINS = "no_coins"
    CODE_NONZERO = "code_nonzero"
    NOT_JSON = "not_json"
    HTTP_400 = "http_400"
    MODERATED = "moderated"
    RESET_AFTER = "reset_after"
    TIMEOUT_AFTER = "timeout_after"
    HTTP_500_AFTER = "http_500_after"
    HTTP_502_HTML_AFTER = "http_502_html_after"
    NOT_JSON_AFTER = "not_json_after"
    NO_ID = "no_id"
    NULL_DATA = "null_data"
    SLOW = "slow"
    LIST_DATA = "list_data"
    OBJECT_DATA = "object_data"
    UNKNOWN_STATUS = "unknown_status"
    COMPLETED_WITHOUT_URL = "completed_without_url"
    MISSING_FROM_LIST = "missing_from_list"
    EARLY_LINK = "early_link"
    PADDED_RECORD = "padded_record"
    OTHER_LINK_FIELD = "other_link_field"
    OTHER_FAILURE_FIELDS = "other_failure_fields"
    MORE_FIELDS = "more_fields"
    SHORT_PAGES = "short_pages"
    OTHER_LIST_FIELD = "other_list_field"
    REPEATS_LAST_PAGE = "repeats_last_page"
    FAILS_PAST_END = "fails_past_end"
    STUCK = "stuck"
    FAILS = "fails"
    LINK_EXPIRED = "link_expired"
    TRUNCATED = "truncated"
    WRONG_CONTENT = "wrong_content"
    CUT_WITHOUT_LENGTH = "cut_without_length"
    CUT_WITH_LENGTH = "cut_with_length"
    CRAFTED = "crafted"
    WITHOUT_DURATIONS = "without_durations"
    MISLABELED = "mislabeled"
    NEVER_SENT = "never_sent"
    SENT_TWICE = "sent_twice"
    SENT_EARLY = "sent_early"
    NAMELESS_RECORDS = "nameless_records"
    OTHER_HISTORY_FIELDS = "other_history_fields"
    UNSIGNED_COINS = "unsigned_coins"
    IGNORES_DATES = "ignores_dates"
    LATE_RECORDS = "late_records"


_NETWORK = {Kind.RESET_BEFORE, Kind.TIMEOUT_AFTER, Kind.SLOW}
_GATEWAY = {Kind.HTTP_500, Kind.HTTP_502_HTML, Kind.HTTP_429}
_ANY_API_CALL = {
    *_NETWORK,
    *_GATEWAY,
    Kind.RESET_AFTER,
    Kind.HTTP_401,
    Kind.FREE_PLAN_403,
    Kind.CODE_NONZERO,
    Kind.NOT_JSON,
    Kind.NULL_DATA,
}
RECORD_KINDS = frozenset(
    {
        Kind.UNKNOWN_STATUS,
        Kind.COMPLETED_WITHOUT_URL,
        Kind.EARLY_LINK,
        Kind.PADDED_RECORD,
        Kind.OTHER_LINK_FIELD,
        Kind.OTHER_FAILURE_FIELDS,
        Kind.MORE_FIELDS,
    }
)
"""The kinds that show another record than the usual one."""
_LISTS = {
    Kind.LIST_DATA,
    Kind.SHORT_PAGES,
    Kind.OTHER_LIST_FIELD,
    Kind.REPEATS_LAST_PAGE,
    Kind.FAILS_PAST_END,
}
_CHANGES_SOMETHING = {Kind.HTTP_500_AFTER, Kind.HTTP_502_HTML_AFTER, Kind.NOT_JSON_AFTER}
_SHOWS_TASKS = {
    *RECORD_KINDS,
    Kind.MISSING_FROM_LIST,
    Kind.STUCK,
    Kind.FAILS,
    Kind.MODERATED,
}
_ODD_VIDEOS = {
    Kind.LINK_EXPIRED,
    Kind.TRUNCATED,
    Kind.WRONG_CONTENT,
    Kind.CUT_WITHOUT_LENGTH,
    Kind.CUT_WITH_LENGTH,
    Kind.CRAFTED,
    Kind.WITHOUT_DURATIONS,
    Kind.MISLABELED,
}
_ODD_BOOKINGS = {
    Kind.NAMELESS_RECORDS,
    Kind.OTHER_HISTORY_FIELDS,
    Kind.UNSIGNED_COINS,
    Kind.IGNORES_DATES,
    Kind.LATE_RECORDS,
}
ALLOWED: dict[Call, frozenset[Kind]] = {
    Call.START: frozenset(
        _ANY_API_CALL
        | _CHANGES_SOMETHING
        | {Kind.NO_COINS, Kind.HTTP_400, Kind.MODERATED, Kind.STUCK, Kind.FAILS}
        | {Kind.NO_ID, Kind.LIST_DATA, Kind.OBJECT_DATA, Kind.PADDED_RECORD, Kind.MORE_FIELDS}
    ),
    Call.DETAIL: frozenset(_ANY_API_CALL | _SHOWS_TASKS | {Kind.LIST_DATA}),
    Call.LIST: frozenset(_ANY_API_CALL | _SHOWS_TASKS | _LISTS),
    Call.BATCH: frozenset(_ANY_API_CALL | _SHOWS_TASKS),
    Call.DELETE: frozenset(_ANY_API_CALL | _CHANGES_SOMETHING),
    Call.DOWNLOAD: frozenset(_NETWORK | _GATEWAY | _ODD_VIDEOS),
    Call.WEBHOOK: frozenset({Kind.NEVER_SENT, Kind.SENT_TWICE, Kind.SENT_EARLY}),
    Call.HISTORY: frozenset(_ANY_API_CALL | _LISTS | _ODD_BOOKINGS),
    Call.BALANCE: frozenset(_ANY_API_CALL),
}
"""The kinds that make sense on each call."""

_DEFAULT_SECONDS = {
    Kind.TIMEOUT_AFTER: 120.0,
    Kind.SLOW: 3.0,
    Kind.HTTP_429: 2.0,
    Kind.LATE_RECORDS: 1800.0,
}


class Fault(BaseModel):
    """The next `times` calls of a kind fail like this, with `match` only those about that task."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    on: Call
    kind: Kind
    times: int = Field(default=1, ge=1)
    match: str | None = None
    """Name or identifier of a task."""
    seconds: float | None = Field(default=None, ge=0, le=120)
    """How long `slow` and `timeout_after` take, or `http_429` asks to wait."""
    text: str | None = None
    """What a refusal says: `http_400`, `free_plan_403`, `code_nonzero`, `moderated`."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        allowed = ALLOWED[self.on]
        if self.kind not in allowed:
            choices = ", ".join(sorted(allowed))
            raise ValueError(f"'{self.kind}' makes no sense on '{self.on}'; it takes {choices}")
        return self

    @property
    def duration(self) -> float:
        """Seconds, as given or the default of the kind."""
        return _DEFAULT_SECONDS.get(self.kind, 0.0) if self.seconds is None else self.seconds


FAULTS = TypeAdapter(list[Fault])
"""Validates the faults of a request, all or none."""


class FaultQueue:
    """The pending faults, in the order in which they were added."""

    def __init__(self) -> None:
        self._pending: list[Fault] = []

    @property
    def pending(self) -> list[Fault]:
        """The faults that are left, each with the number of calls that are left."""
        return list(self._pending)

    def add(self, faults: Sequence[Fault]) -> None:
        """Add faults at the end."""
        self._pending.extend(faults)

    def clear(self) -> None:
        """Remove all."""
        self._pending.clear()

    def take(self, call: Call, names: Sequence[str]) -> Fault | None:
        """Use up one call of the first fault for a call about tasks of these names and ids."""
        for index, fault in enumerate(self._pending):
            if fault.on is call and (fault.match is None or fault.match in names):
                if fault.times > 1:
                    self._pending[index] = fault.model_copy(update={"times": fault.times - 1})
                else:
                    del self._pending[index]
                return fault
        return None
