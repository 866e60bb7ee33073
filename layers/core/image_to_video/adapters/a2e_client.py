"""The client of A2E's image-to-video API; it implements `Generator`.

This module, `a2e_requests` and `a2e_responses` are the only ones that know this vendor.

Facts come from A2E's public reference (https://video.a2e.ai, https://api.a2e.ai) and from what
public client programs report. Where no source says what A2E does, the careful reading is taken.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

import httpx

from image_to_video.adapters.a2e_requests import start_body
from image_to_video.adapters.a2e_responses import (
    CONTENT_WORDS,
    Answer,
    Verdict,
    fit_for_a_record,
    is_link,
    whole_number,
)
from image_to_video.domain.errors import (
    GeneratorAccessError,
    GeneratorError,
    GeneratorRejectedError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
)
from image_to_video.domain.generator import (
    Failed,
    Incomplete,
    Missing,
    PollAnswer,
    Ready,
    Running,
    Started,
    StartRequest,
)
from image_to_video.domain.task import FailureCode, WaitingFor
from image_to_video.observability import count, logger

_FAMILY: Final = "/api/v1/userImage2Video"
_ID: Final = re.compile(r"[0-9A-Za-z_-]{6,64}")
_PAGE: Final = 100
_NEWEST: Final = 2 * _PAGE
_MOST_PAGES: Final = 100
# A2E's clock and ours need not agree; records are read back this much further.
_CLOCK_SLACK: Final = timedelta(minutes=5)
_LOOK_TIMEOUT: Final = httpx.Timeout(20, connect=5)

# Status words. `completed` and `failed` are A2E's documented ends; the others were met in sister
# families or are guesses of public clients. Every word not listed means: still running.
_DONE: Final = frozenset({"completed", "success", "succeeded", "done", "finished"})
_FAILED: Final = frozenset({"failed", "fail"})
_PERHAPS_FAILED: Final = frozenset({"error", "canceled", "cancelled", "rejected", "timeout"})
_RUNNING: Final = frozenset(
    {
        "initialized",
        "sent",
        "pending",
        "processing",
        "init",
        "start",
        "process",
        "copy",
        "queued",
        "in_progress",
        "running",
        "waiting",
    }
)
_REFUNDABLE: Final = "initialized"

_IMAGE_WORDS: Final = re.compile(r"image|face|photo|picture", re.I)

# A redirect to an address that cannot be read raises the latter, also where none is followed.
_NO_ANSWER: Final = (httpx.HTTPError, httpx.InvalidURL)


class A2E:
    """The client. `token` is asked for each call, so that a changed secret is picked up.

    A result is an https link; a simulated A2E on this machine may give plain http.
    """

    def __init__(
        self,
        client: httpx.Client,
        token: Callable[[], str],
        *,
        start_timeout_seconds: float,
        permit_http: bool = False,
    ) -> None:
        self._client = client
        self._token = token
        self._permit_http = permit_http
        self._start_timeout = httpx.Timeout(start_timeout_seconds, connect=5)

    def start(self, request: StartRequest) -> Started:
        """Start one paid video. The request is sent at most once, whatever happens."""
        body = start_body(request)
        try:
            answer = self._send("POST", "/start", timeout=self._start_timeout, json=body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise GeneratorUnavailableError(f"A2E could not be reached: {_kind(error)}") from error
        except _NO_ANSWER as error:
            raise StartUnconfirmedError(f"the start got no answer: {_kind(error)}") from error
        match answer.verdict():
            case Verdict.SUCCESS:
                return _started(answer)
            case Verdict.CONTENT:
                raise GeneratorRejectedError(answer.reason, code=FailureCode.CONTENT_REFUSED)
            case Verdict.INVALID if _IMAGE_WORDS.search(answer.message):
                raise GeneratorRejectedError(answer.reason, code=FailureCode.INVALID_IMAGE)
            case Verdict.INVALID:
                raise GeneratorRejectedError(answer.reason, code=FailureCode.START_REFUSED)
            case Verdict.UNCLEAR | Verdict.NOT_FOUND:
                answered = answer.http_status < 500 and answer.code is not None
                refusal = answer.reason
                raise StartUnconfirmedError(
                    answer.describe(), refusal=refusal if answered else None
                )
            case _:
                raise _trouble(answer)

    def check(self, generator_task_id: str) -> PollAnswer:
        """Ask for one task; where it is not shown, ask in the two other ways A2E offers."""
        answer = self._ask("GET", f"/{generator_task_id}")
        records = [answer.data] if answer.verdict() is Verdict.SUCCESS else []
        record = _with_id(records, generator_task_id) or self._search(generator_task_id)
        return Missing() if record is None else _look(record, permit_http=self._permit_http)

    def find(self, name: str, *, since: datetime) -> Started | None:
        """Find a start by its attempt's name. Of several the oldest is taken, and an error logged.

        Raises `GeneratorUnavailableError` where the list could not be read to its end, or shows
        the start without its id: only a complete reading may say that a start is absent.
        """
        found = [record for record in self._records(since) if record.get("name") == name]
        found.sort(key=lambda record: str(record.get("createdAt", "")))
        # A record shows up twice where the list grew between two of its pages.
        started = list(dict.fromkeys(one for one in map(_started_from, found) if one is not None))
        if found and not started:
            raise GeneratorUnavailableError("the list shows the start without an id")
        if len(started) > 1:
            count("StartsDoubled")
            logger.error("several generator tasks under one name", extra={"attempt": name})
        return started[0] if started else None

    def cancel(self, generator_task_id: str) -> bool:
        """Delete a task, which refunds it while it is `initialized`; A2E refuses one at work."""
        return self._ask("DELETE", f"/{generator_task_id}").verdict() is Verdict.SUCCESS

    def _search(self, generator_task_id: str) -> dict[str, Any] | None:
        batch = self._ask("POST", "/batchDetail", json={"ids": [generator_task_id]})
        record = _with_id(_rows(batch.data) or [], generator_task_id)
        # Only the newest: who asks must get an answer while the function lives.
        return record or _with_id(islice(self._records(None), _NEWEST), generator_task_id)

    def _records(self, since: datetime | None) -> Iterator[dict[str, Any]]:
        """Read `allRecords` page by page, newest first as far as A2E keeps to it.

        A short page does not end the list: A2E might give fewer records than it was asked for.
        """
        before: list[Any] = []
        oldest = None if since is None else since - _CLOCK_SLACK
        for page in range(1, _MOST_PAGES + 1):
            answer = self._ask("GET", "/allRecords", params={"pageNum": page, "pageSize": _PAGE})
            rows = _rows(answer.data)
            if answer.verdict() is not Verdict.SUCCESS or rows is None:
                raise GeneratorUnavailableError(f"the list could not be read: {answer.describe()}")
            yield from (row for row in rows if isinstance(row, dict))
            if not rows or (oldest is not None and _falls_below(rows, oldest)):
                return
            if rows == before:
                raise GeneratorUnavailableError("the list gives the same page again and again")
            before = rows
        raise GeneratorUnavailableError(f"the list is longer than {_MOST_PAGES} pages")

    def _ask(self, method: str, path: str, **arguments: Any) -> Answer:
        """Send what costs nothing and may be repeated; only refused access and outages raise."""
        try:
            answer = self._send(method, path, timeout=_LOOK_TIMEOUT, **arguments)
        except _NO_ANSWER as error:
            raise GeneratorUnavailableError(f"A2E did not answer: {_kind(error)}") from error
        if answer.verdict() in (Verdict.SUCCESS, Verdict.NOT_FOUND, Verdict.INVALID):
            return answer
        raise _trouble(answer)

    def _send(self, method: str, path: str, **arguments: Any) -> Answer:
        token = self._token().strip()
        if not re.fullmatch(r"[!-~]+", token):
            raise GeneratorAccessError(
                "the A2E token is empty or cannot be sent", waiting_for=WaitingFor.ACCESS
            )
        headers = {"Authorization": f"Bearer {token}"}
        response = self._client.request(method, _FAMILY + path, headers=headers, **arguments)
        return Answer.read(response)


def _trouble(answer: Answer) -> GeneratorError:
    match answer.verdict():
        case Verdict.ACCESS:
            return GeneratorAccessError(answer.describe(), waiting_for=WaitingFor.ACCESS)
        case Verdict.COINS:
            return GeneratorAccessError(answer.describe(), waiting_for=WaitingFor.COINS)
        case _:
            return GeneratorUnavailableError(answer.describe(), retry_after=answer.retry_after)


def _started(answer: Answer) -> Started:
    """Read the accepted start: `data` is an object, in sister families a list of one."""
    records = answer.data if isinstance(answer.data, list) else [answer.data]
    started = [_started_from(record) for record in records if isinstance(record, dict)]
    accepted = [one for one in started if one is not None]
    if not accepted:
        raise StartUnconfirmedError(f"accepted without an id: {answer.describe()}")
    if len(accepted) > 1:
        count("StartsDoubled")
        ids = [one.generator_task_id for one in accepted]
        logger.error("one start made several generator tasks", extra={"generator_task_ids": ids})
    return accepted[0]


def _started_from(record: dict[str, Any]) -> Started | None:
    generator_task_id = str(record.get("_id", ""))
    if not _ID.fullmatch(generator_task_id):
        return None
    coins = whole_number(record.get("coins"))
    charged = coins if coins is not None and coins >= 0 else None
    return Started(generator_task_id=generator_task_id, coins=charged)


def _look(record: dict[str, Any], *, permit_http: bool) -> PollAnswer:
    word = fit_for_a_record(str(record.get("current_status") or "").strip().lower())
    message = str(record.get("failed_message") or record.get("failed_code") or "no reason given")
    refused = CONTENT_WORDS.search(f"{record.get('failed_code')} {message}")
    code = FailureCode.CONTENT_REFUSED if refused else FailureCode.GENERATION_FAILED
    if word in _DONE:
        keys = ("result_url", "display_result_url", "video_url", "url_download")
        links = (record.get(key) for key in keys)
        url = next((link for link in links if is_link(link, permit_http=permit_http)), None)
        return Incomplete(word) if url is None else Ready(word, url)
    if word in _FAILED | _PERHAPS_FAILED:
        return Failed(word, code, fit_for_a_record(message), tentative=word in _PERHAPS_FAILED)
    if word not in _RUNNING:
        count("UnknownGeneratorStatus")
        logger.warning("unknown status, taken as running", extra={"generator_status": word[:40]})
    return Running(word[:40] or "unknown", refundable=word == _REFUNDABLE)


def _rows(data: Any) -> list[Any] | None:
    """The list in an answer, whatever it is called there; None where there is none."""
    if isinstance(data, dict):
        keys = ("rows", "list", "records", "items", "data")
        data = next((data[key] for key in keys if isinstance(data.get(key), list)), None)
    return data if isinstance(data, list) else None


def _with_id(records: Any, generator_task_id: str) -> dict[str, Any] | None:
    shown = (record for record in records if isinstance(record, dict))
    return next((record for record in shown if str(record.get("_id")) == generator_task_id), None)


def _falls_below(rows: list[Any], oldest: datetime) -> bool:
    """True where a page runs from new to old and ends before `oldest`: no later page matters."""
    moments = [_moment(row.get("createdAt")) for row in rows if isinstance(row, dict)]
    known = [moment for moment in moments if moment is not None]
    ordered = len(known) == len(rows) and known == sorted(known, reverse=True)
    return ordered and known[0] > known[-1] and known[-1] < oldest


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _kind(error: httpx.HTTPError | httpx.InvalidURL) -> str:
    """What went wrong on the way; the error's own text may quote what the other side sent."""
    return f"{type(error).__name__}: {fit_for_a_record(str(error))}"
