"""The client of A2E's image-to-video API; it implements `Generator`.

This module and those beside it that are named after A2E are the only ones that know this vendor.

Facts come from A2E's public reference (https://video.a2e.ai, https://api.a2e.ai) and from what
public client programs report. Where no source says what A2E does, the careful reading is taken.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import httpx

from image_to_video.adapters.a2e_records import (
    ListReading,
    Record,
    is_named,
    oldest_first,
    poll_answer_of,
    records_in,
    rows_in,
    started_from,
    with_id,
)
from image_to_video.adapters.a2e_requests import start_body
from image_to_video.adapters.a2e_responses import Answer, Verdict
from image_to_video.adapters.a2e_values import fit_for_a_record
from image_to_video.domain.errors import (
    GeneratorAccessError,
    GeneratorError,
    GeneratorRejectedError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
)
from image_to_video.domain.generator import Missing, PollAnswer, Started, StartRequest
from image_to_video.domain.task import FailureCode, WaitingFor
from image_to_video.observability import count, logger

_FAMILY: Final = "/api/v1/userImage2Video"
_PAGE: Final = 100
_NEWEST: Final = 2 * _PAGE
_MOST_PAGES: Final = 100
# A2E's clock and ours need not agree; records are read back this much further.
_CLOCK_SLACK: Final = timedelta(minutes=5)
_LOOK_TIMEOUT: Final = httpx.Timeout(20, connect=5)

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
        verdict = answer.verdict()
        if verdict is not Verdict.SUCCESS and _started_in(records_in(answer.data)):
            # A task with an id was made, whatever is said beside it.
            raise StartUnconfirmedError(answer.describe(), refusal=answer.reason)
        match verdict:
            case Verdict.SUCCESS:
                return _started(answer)
            case Verdict.CONTENT:
                raise GeneratorRejectedError(answer.reason, code=FailureCode.CONTENT_REFUSED)
            case Verdict.INVALID if answer.is_about_the_image:
                raise GeneratorRejectedError(answer.reason, code=FailureCode.INVALID_IMAGE)
            case Verdict.INVALID:
                raise GeneratorRejectedError(answer.reason, code=FailureCode.START_REFUSED)
            case Verdict.UNCLEAR | Verdict.NOT_FOUND:
                answered = answer.http_status < 500 and answer.code is not None
                is_refusal = answered and not answer.blames_itself
                raise StartUnconfirmedError(
                    answer.describe(), refusal=answer.reason if is_refusal else None
                )
            case _:
                raise _trouble(answer)

    def check(self, generator_task_id: str) -> PollAnswer:
        """Ask for one task; where it is not shown, ask in the two other ways A2E offers."""
        answer = self._ask("GET", f"/{generator_task_id}")
        records = records_in(answer.data) if answer.verdict() is Verdict.SUCCESS else []
        record = with_id(records, generator_task_id) or self._search(generator_task_id)
        return (
            Missing() if record is None else poll_answer_of(record, permit_http=self._permit_http)
        )

    def find(self, name: str, *, since: datetime) -> Started | None:
        """Find a start by its attempt's name. Of several the oldest is taken, and an error logged.

        What the list shows is accepted, whatever becomes of its later pages. Raises
        `GeneratorUnavailableError` where the list does not show the start and could not be read
        to its end, or shows it without its id: only a whole reading may say that it is absent.
        """
        found: list[Record] = []
        try:
            for records in self._pages(since - _CLOCK_SLACK):
                was_found = bool(_started_in(found))
                found += [record for record in records if is_named(record, name)]
                if was_found:
                    # Several starts under one name were made at the same time, so they stand
                    # together: on one page, or on two that follow each other.
                    break
        except GeneratorError as error:
            if not _started_in(found):
                raise
            logger.warning("the list shows the start, then fails", extra={"reason": str(error)})
        started = _started_in(oldest_first(found))
        if found and not started:
            raise GeneratorUnavailableError("the list shows the start without an id")
        if len(started) > 1:
            count("StartsDoubled")
            logger.error("several generator tasks under one name", extra={"attempt": name})
        return started[0] if started else None

    def cancel(self, generator_task_id: str) -> bool:
        """Delete a task, which refunds it while it is `initialized`; A2E refuses one at work."""
        return self._ask("DELETE", f"/{generator_task_id}").verdict() is Verdict.SUCCESS

    def _search(self, generator_task_id: str) -> Record | None:
        batch = self._ask("POST", "/batchDetail", json={"ids": [generator_task_id]})
        if found := with_id(records_in(batch.data), generator_task_id):
            return found
        seen = 0
        for records in self._pages(None):
            if found := with_id(records, generator_task_id):
                return found
            seen += len(records)
            # Only the newest: who asks must get an answer while the function lives.
            if seen >= _NEWEST:
                break
        return None

    def _pages(self, since: datetime | None) -> Iterator[list[Record]]:
        """Read `allRecords` page by page to its end, or to records older than `since`.

        Raises `GeneratorUnavailableError` or `GeneratorAccessError` where a page could not be read
        and the list may have more than was seen.
        """
        reading = ListReading(since)
        for page in range(1, _MOST_PAGES + 1):
            try:
                data, rows = self._page(page)
            except GeneratorError:
                if reading.is_whole:
                    return
                raise
            yield [row for row in rows if isinstance(row, dict)]
            if reading.add(data, rows):
                return
        raise GeneratorUnavailableError(f"the list is longer than {_MOST_PAGES} pages")

    def _page(self, number: int) -> tuple[Any, list[Any]]:
        answer = self._ask("GET", "/allRecords", params={"pageNum": number, "pageSize": _PAGE})
        rows = rows_in(answer.data)
        if answer.verdict() is not Verdict.SUCCESS or rows is None:
            raise GeneratorUnavailableError(f"the list could not be read: {answer.describe()}")
        return answer.data, rows

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
    accepted = _started_in(records_in(answer.data))
    if not accepted:
        raise StartUnconfirmedError(f"accepted without an id: {answer.describe()}")
    if len(accepted) > 1:
        count("StartsDoubled")
        ids = [one.generator_task_id for one in accepted]
        logger.error("one start made several generator tasks", extra={"generator_task_ids": ids})
    return accepted[0]


def _started_in(records: list[Record]) -> list[Started]:
    """The starts that these records show, each once, also where a list shows it on two pages."""
    found: dict[str, Started] = {}
    for started in map(started_from, records):
        if started is not None:
            found.setdefault(started.generator_task_id, started)
    return list(found.values())


def _kind(error: httpx.HTTPError | httpx.InvalidURL) -> str:
    """What went wrong on the way; the error's own text may quote what the other side sent."""
    return f"{type(error).__name__}: {fit_for_a_record(str(error))}"
