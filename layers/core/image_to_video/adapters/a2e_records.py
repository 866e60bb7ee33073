"""How to read task records of A2E, and lists of them.

Fields beside the documented ones are those that public client programs of A2E know.
"""

import re
from datetime import UTC, datetime
from typing import Any, Final

from image_to_video.adapters.a2e_messages import refuses_content
from image_to_video.adapters.a2e_values import (
    fit_for_a_record,
    link,
    moment,
    read,
    squashed,
    text_of,
    trimmed,
    whole_number,
)
from image_to_video.domain.errors import GeneratorUnavailableError
from image_to_video.domain.generator import Failed, Incomplete, PollAnswer, Ready, Running, Started
from image_to_video.domain.task import FailureCode
from image_to_video.observability import count, logger

type Record = dict[str, Any]

_ID: Final = re.compile(r"[0-9A-Za-z_-]{6,64}")
_LINKS: Final = (
    *("result_url", "display_result_url", "video_url", "url_download"),
    *("result_urls", "output_url"),
)
# The link to a picture may stand before that to the video.
_PICTURE: Final = re.compile(r"\.(?:jpe?g|png|webp|gif)(?:[?#]|$)", re.I)
_LISTS: Final = ("rows", "list", "records", "items", "data")

# Keys without case and underscores. `faild_message` is A2E's own misspelling.
FAILURE_TEXT: Final = re.compile(
    r"(fail(e?d|ure)?|err(or)?s?)(message|msg|reason|text|detail|info)?"
)
_FAILURE_CODE: Final = re.compile(r"(fail(e?d|ure)?|err(or)?)code")

# Status words. `completed` and `failed` are A2E's documented ends; the others were met in sister
# families or are guesses of public clients. Every word not listed means: still running.
_DONE: Final = frozenset(
    {"completed", "complete", "success", "succeeded", "succeed", "done", "finished"}
)
_FAILED: Final = frozenset({"failed", "fail"})
_PERHAPS_FAILED: Final = frozenset({"error", "canceled", "cancelled", "rejected", "timeout"})
_REFUNDABLE: Final = "initialized"
_RUNNING: Final = frozenset(
    {
        *(_REFUNDABLE, "sent", "pending", "processing", "init", "start", "process", "copy"),
        *("queued", "in_progress", "running", "waiting"),
    }
)


def id_of(record: Record) -> str | None:
    """The usable id of a record: `_id`, or `id`, which is its other name in A2E's database."""
    ids = (text_of(value) for value in read(record, "_id") if isinstance(value, str | int))
    return next((one for one in ids if _ID.fullmatch(one)), None)


def is_named(record: Record, name: str) -> bool:
    """True for the record of this attempt. Names of attempts differ in more than their case."""
    shown = (text_of(value).casefold() for value in read(record, "name"))
    return name.casefold() in shown


def started_from(record: Record) -> Started | None:
    """The start that a record shows, with the coins charged as far as it says; None without id."""
    generator_task_id = id_of(record)
    if generator_task_id is None:
        return None
    coins = (whole_number(value) for value in read(record, "coins"))
    charged = next((one for one in coins if one is not None and one >= 0), None)
    return Started(generator_task_id=generator_task_id, coins=charged)


def records_in(data: Any) -> list[Record]:
    """The records in an answer: one, or a list, or an object whose keys number them."""
    if isinstance(data, dict) and id_of(data) is not None:
        return [data]
    return [row for row in rows_in(data) or [] if isinstance(row, dict)]


def rows_in(data: Any) -> list[Any] | None:
    """The list in an answer, whatever it is called there; None where there is none."""
    if not isinstance(data, dict):
        return data if isinstance(data, list) else None
    for value in read(data, *_LISTS):
        if isinstance(value, list):
            return value
    numbered = [
        value
        for key, value in data.items()
        if isinstance(value, dict) and (key.isdecimal() or trimmed(key) == id_of(value))
    ]
    return numbered or None


def with_id(records: list[Record], generator_task_id: str) -> Record | None:
    """The record of this id, or None."""
    return next((record for record in records if id_of(record) == generator_task_id), None)


def oldest_first(records: list[Record]) -> list[Record]:
    """By their dates; without one, A2E's order is believed, which is from new to old."""
    never = datetime.max.replace(tzinfo=UTC)
    from_last = enumerate(reversed(records))
    dated = sorted((_made_at(record) or never, place, record) for place, record in from_last)
    return [record for _, _, record in dated]


def poll_answer_of(record: Record, *, permit_http: bool) -> PollAnswer:
    """What a record says of its task. A link counts only where the status says that it is done."""
    words = (text_of(value) for value in read(record, "current_status"))
    word = fit_for_a_record(next(filter(None, words), "").lower())
    if word in _DONE:
        links = (link(value, permit_http=permit_http) for value in read(record, *_LINKS))
        # The first of those that name no picture, if there is one.
        urls = sorted(filter(None, links), key=lambda url: _PICTURE.search(url) is not None)
        return Ready(word, urls[0]) if urls else Incomplete(word)
    if word in _FAILED | _PERHAPS_FAILED:
        return _failure(word, record)
    if word not in _RUNNING:
        count("UnknownGeneratorStatus")
        logger.warning("unknown status, taken as running", extra={"generator_status": word[:40]})
    return Running(word[:40] or "unknown", refundable=word == _REFUNDABLE)


def _failure(word: str, record: Record) -> Failed:
    texts = said_under(FAILURE_TEXT, record, "failed_message")
    codes = said_under(_FAILURE_CODE, record, "failed_code")
    refused = refuses_content("; ".join([*texts, *codes]))
    return Failed(
        word,
        FailureCode.CONTENT_REFUSED if refused else FailureCode.GENERATION_FAILED,
        fit_for_a_record(next(iter([*texts, *codes]), "no reason given")),
        tentative=word in _PERHAPS_FAILED,
    )


def said_under(keys: re.Pattern[str], fields: dict[str, Any], *names: str) -> list[str]:
    """What is said under these names, in their order, then under all keys of this kind."""
    others = [key for key in fields if key not in names and keys.fullmatch(squashed(key))]
    texts = (text_of(fields[name]) for name in [*names, *others] if name in fields)
    return list(dict.fromkeys(text for text in texts if text))


def _made_at(record: Record) -> datetime | None:
    moments = (moment(value) for value in read(record, "createdAt"))
    return next((one for one in moments if one is not None), None)


class ListReading:
    """How much of A2E's list was read, page by page: only a whole reading may say "absent".

    `since`: what is older does not matter, where the list runs from new to old. A short page does
    not end the list: A2E might give fewer records than it was asked for.
    """

    def __init__(self, since: datetime | None) -> None:
        self._since = since
        self._ids: set[str] = set()
        self._without_id = 0
        self._rows: list[Any] = []
        self._totals: list[int] = []

    @property
    def is_whole(self) -> bool:
        """True where as many records were seen as the list says that it has.

        A total that counts something else, the records of one page perhaps, does not outlive the
        next page: then more was seen than it says.
        """
        return self._seen == max(self._totals, default=None)

    def add(self, data: Any, rows: list[Any]) -> bool:
        """Take note of a page; True where no later one matters.

        Raises `GeneratorUnavailableError` where later ones will not tell either.
        """
        before, seen_before = self._rows, self._seen
        ids = [id_of(row) if isinstance(row, dict) else None for row in rows]
        self._ids.update(one for one in ids if one is not None)
        self._without_id += ids.count(None)
        self._rows = [one or row for one, row in zip(ids, rows, strict=True)]
        totals = map(whole_number, read(data, "total", "total_count")) if data is not rows else ()
        self._totals += [total for total in totals if total is not None]
        if self.is_whole and self._seen == seen_before:
            return True
        is_over = not rows or (self._since is not None and _falls_below(rows, self._since))
        if is_over and self._shrank:
            # What moved from a page that was still to come to one that was read was not seen.
            raise GeneratorUnavailableError("the list became shorter while it was read")
        if not is_over and self._rows == before:
            raise GeneratorUnavailableError("the list gives the same page again and again")
        return is_over

    @property
    def _shrank(self) -> bool:
        """True where the total went down; not where it is disproved, and counts something else."""
        return bool(self._totals) and self._seen <= self._totals[-1] < max(self._totals)

    @property
    def _seen(self) -> int:
        return len(self._ids) + self._without_id


def _falls_below(rows: list[Any], oldest: datetime) -> bool:
    """True where a page runs from new to old and ends before `oldest`: no later page matters."""
    moments = [_made_at(row) for row in rows if isinstance(row, dict)]
    known = [one for one in moments if one is not None]
    ordered = len(known) == len(rows) and known == sorted(known, reverse=True)
    return ordered and known[0] > known[-1] and known[-1] < oldest
