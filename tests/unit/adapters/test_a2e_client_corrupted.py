"""Whatever A2E answers, every call ends as documented: answers corrupted a little, and noise."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_to_video.adapters.a2e_client import A2E
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
)

from tests.support.corrupted_json import BOUNDED, ODD, RETRY_AFTER, corrupted
from tests.support.fake_a2e import ID, REQUEST, TOKEN, FakeA2E, accepted

SINCE: Final = datetime(2026, 11, 22, tzinfo=UTC)
LINK: Final = "https://3days-apac.example/stable/v.mp4"
FAILING: Final = {"failed", "fail", "error", "canceled", "cancelled", "rejected", "timeout"}
RECORD: Final = {
    "_id": ID,
    "name": REQUEST.name,
    "current_status": "completed",
    "coins": 30,
    "createdAt": "2026-11-22T12:00:00.000Z",
    "failed_message": "",
    "failed_code": "",
    "result_url": LINK,
    "image_url": "https://images.example/cat.png",
}
# Valid answers, each with the kind of call that it belongs to.
ANSWERS: Final[list[Any]] = [
    {"code": 0, "data": RECORD, "trace_id": "t"},
    {"code": 0, "data": [RECORD]},
    {"code": 0, "data": {"rows": [RECORD, RECORD], "total": 2}},
    {"code": 0, "data": RECORD | {"current_status": "initialized", "result_url": ""}},
    {"code": 0, "data": RECORD | {"current_status": "failed", "failed_message": "no face"}},
    {"code": 0, "data": None},
    {"code": 403, "msg": "not offered to free users"},
    {"code": 1, "message": "insufficient coins"},
]


# Any JSON, some of it in words that A2E uses.
WORDS: Final = st.text(st.characters(codec=None), max_size=20) | st.sampled_from(
    ["code", "data", "msg", "_id", "name", "current_status", "result_url", "rows", "createdAt"]
)
NOISE: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6),
)


def _written(value: Any) -> bytes:
    return json.dumps(value).encode()


@st.composite
def bodies(draw: st.DrawFn) -> bytes:  # noqa: PLR0911 - a list of ways to go wrong
    """Near misses most of the time; else a key given twice, a cut, a flipped byte, or noise."""
    whole = draw(st.sampled_from(ANSWERS))
    if "data" in whole and draw(st.sampled_from([True, True, True, False])):
        body = _written(whole | {"data": draw(corrupted(whole["data"]))})
    else:
        body = _written(draw(corrupted(whole)))
    match draw(
        st.sampled_from(
            ["whole"] * 12 + ["json", "noise", "cut", "flipped", "twice", "deep", "big"]
        )
    ):
        case "json":
            return _written(draw(NOISE))
        case "noise":
            return draw(st.binary(max_size=200))
        case "cut":
            return body[: draw(st.integers(0, len(body)))]
        case "flipped":
            place = draw(st.integers(0, len(body) - 1))
            return body[:place] + draw(st.binary(min_size=1, max_size=1)) + body[place + 1 :]
        case "twice":
            return body[:-1] + b',"code":0,"data":' + _written(draw(ODD)) + b"}"
        case "deep":
            return b"[" * 30_000 + body
        case "big":
            return body.replace(b"30", b"9" * 5000).replace(b'"t"', b"1e999")
        case _:
            return body


STATUSES: Final = st.sampled_from(
    [200] * 30 + [201, 302, 400, 401, 403, 404, 408, 429, 500, 503]
) | st.integers(200, 599)
REPLIES: Final = st.builds(
    lambda status, body, wait: httpx.Response(
        status, content=body, headers=[(b"Retry-After", wait.encode(errors="replace"))]
    ),
    STATUSES,
    bodies(),
    RETRY_AFTER,
)


def check_error(error: GeneratorError) -> None:
    """Its text is short, can be stored, and its wait is one that can be waited."""
    assert len(str(error)) < 1000
    assert str(error).encode()
    wait = getattr(error, "retry_after", None)
    assert wait is None or 0 <= wait <= 24 * 3600


def check_started(started: Started) -> None:
    assert started.generator_task_id.replace("_", "").replace("-", "").isalnum()
    assert 6 <= len(started.generator_task_id) <= 64
    assert started.coins is None or 0 <= started.coins < 10**9


@BOUNDED
@given(reply=REPLIES)
def test_a_corrupted_start_is_never_started_without_a_usable_id(reply: httpx.Response) -> None:
    a2e = FakeA2E(start=reply)
    try:
        started = a2e.client.start(REQUEST)
    except (
        GeneratorUnavailableError,
        GeneratorAccessError,
        GeneratorRejectedError,
        StartUnconfirmedError,
    ) as error:
        check_error(error)
    else:
        check_started(started)
        assert started.generator_task_id.encode() in reply.content
        assert reply.status_code < 300
    assert a2e.kinds() == ["start"]


@BOUNDED
@given(detail=REPLIES, batch=REPLIES, listed=REPLIES)
def test_a_corrupted_poll_is_never_ready_without_https_or_failed_without_a_known_word(
    detail: httpx.Response, batch: httpx.Response, listed: httpx.Response
) -> None:
    a2e = FakeA2E(detail=detail, batch=batch, list=listed)
    try:
        answer: PollAnswer = a2e.client.check(ID)
    except (GeneratorUnavailableError, GeneratorAccessError) as error:
        check_error(error)
        return
    assert len(answer.word) <= 40
    assert answer.word.encode()
    match answer:
        case Ready():
            assert answer.url.lower().startswith("https://")
            assert answer.url.split("/")[2].strip()
            assert len(answer.url.encode()) < 20_000
        case Failed():
            assert answer.word in FAILING
            assert len(answer.message) <= 300
            assert answer.message.encode()
        case _:
            assert isinstance(answer, Running | Incomplete | Missing)


@BOUNDED
@given(listed=REPLIES)
def test_a_corrupted_list_finds_a_usable_id_or_nothing(listed: httpx.Response) -> None:
    try:
        found = FakeA2E(list=[listed, accepted([])]).client.find(REQUEST.name, since=SINCE)
    except (GeneratorUnavailableError, GeneratorAccessError) as error:
        check_error(error)
    else:
        if found is not None:
            check_started(found)
        # That nothing was found permits another paid start: only a list may say so.
        assert listed.status_code < 300
        assert isinstance(listed.json()["data"], list | dict)


@BOUNDED
@given(detail=REPLIES, delete=REPLIES)
def test_a_corrupted_deletion_is_never_a_refund(
    detail: httpx.Response, delete: httpx.Response
) -> None:
    a2e = FakeA2E(detail=detail, delete=delete, batch=delete, list=delete)
    with suppress(GeneratorUnavailableError, GeneratorAccessError):
        if a2e.client.cancel(ID):
            assert delete.status_code < 300
            assert float(str(delete.json()["code"]).strip()) == 0
    assert a2e.kinds() == ["delete"]


@pytest.mark.parametrize("depth", [990, 4990, 9990, 9995, 9998, 9999, 10_000, 30_000])
@pytest.mark.parametrize("place", ["msg", "trace_id", "_id", "current_status", "createdAt", "name"])
def test_nesting_to_the_edge_of_what_can_be_read_breaks_nothing(depth: int, place: str) -> None:
    nest = b"[" * depth + b"]" * depth
    fields = RECORD | {"current_status": "failed", place: "NEST"}
    body = _written({"code": 0, "data": [fields], place: "NEST"}).replace(b'"NEST"', nest)
    a2e = FakeA2E(
        **dict.fromkeys(["start", "detail", "batch", "list"], httpx.Response(200, content=body))
    )
    calls: list[Callable[[], Any]] = [
        lambda: a2e.client.start(REQUEST),
        lambda: a2e.client.check(ID),
        lambda: a2e.client.find(REQUEST.name, since=SINCE),
    ]
    for call in calls:
        with suppress(GeneratorError):
            call()


@pytest.mark.parametrize(
    ("link", "over_tls"),
    [
        *(
            (link, True)
            for link in (LINK, "HTTPS://A.example/v.mp4", "https://a.example:8443/?s=1")
        ),
        *((link, False) for link in ("http://127.0.0.1:9/v.mp4", "HTTP://a.example/v.mp4")),
    ],
)
def test_plain_http_is_followed_only_where_it_is_permitted_and_else_tried_over_tls(
    link: str, over_tls: bool
) -> None:
    answer = {"code": 0, "data": RECORD | {"result_url": link}}
    for permit_http in (False, True):
        transport = httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
        with httpx.Client(base_url="https://a2e.example", transport=transport) as http:
            a2e = A2E(http, lambda: TOKEN, start_timeout_seconds=1, permit_http=permit_http)
            as_given = over_tls or permit_http
            expected = link if as_given else "https:" + link.partition(":")[2]
            found = a2e.check(ID)
            assert isinstance(found, Ready)
            assert found.url.partition(":")[0].lower() == expected.partition(":")[0].lower()
            assert found.url.partition(":")[2] == expected.partition(":")[2]


@BOUNDED
@given(secret=st.text(max_size=20) | st.sampled_from(["sk_CANARY\nX-A: b", "sk_CANARY\0", "sk_é"]))
def test_no_content_of_the_secret_breaks_a_call_or_is_quoted(secret: str) -> None:
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Authorization"])
        return httpx.Response(200, json={"code": 0, "data": {"_id": ID}})

    with httpx.Client(
        base_url="https://a2e.example", transport=httpx.MockTransport(answer)
    ) as http:
        a2e = A2E(http, lambda: secret, start_timeout_seconds=1)
        try:
            a2e.start(REQUEST)
        except GeneratorAccessError as error:
            check_constant(error)
        assert sent in ([], [f"Bearer {secret.strip()}"])


def check_constant(error: GeneratorAccessError) -> None:
    assert str(error) == "the A2E token is empty or cannot be sent"
    assert error.__cause__ is error.__context__ is None
