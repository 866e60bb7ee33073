"""A paid start: one request for each, whatever comes back, and what comes back read with care."""

import json
from typing import Any

import httpx
import pytest
from image_to_video.adapters.a2e_client import A2E
from image_to_video.domain.errors import (
    GeneratorAccessError,
    GeneratorError,
    GeneratorRejectedError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
)
from image_to_video.domain.generator import Started
from image_to_video.domain.task import FailureCode, WaitingFor

from tests.support.fake_a2e import ID, REQUEST, TOKEN, FakeA2E, Reply, accepted, texts_of

UNAVAILABLE, UNCONFIRMED = GeneratorUnavailableError, StartUnconfirmedError
ACCESS, REJECTED = GeneratorAccessError, GeneratorRejectedError
CONTENT = (REJECTED, FailureCode.CONTENT_REFUSED)
IMAGE = (REJECTED, FailureCode.INVALID_IMAGE)
REFUSED = (REJECTED, FailureCode.START_REFUSED)
NO_ACCESS, NO_COINS = (ACCESS, WaitingFor.ACCESS), (ACCESS, WaitingFor.COINS)
THROTTLED, AMBIGUOUS = (UNAVAILABLE, None), (UNCONFIRMED, None)
PLAN = "API access is not available to free users, please upgrade to Pro or Max"


def outcome(reply: Reply) -> tuple[type[GeneratorError], object]:
    """The error that a start ends in and its reason; the request was sent exactly once."""
    a2e = FakeA2E(start=reply)
    with pytest.raises(GeneratorError) as caught:
        a2e.client.start(REQUEST)
    assert a2e.kinds() == ["start"]
    error = caught.value
    assert all(TOKEN not in text for text in texts_of(error))
    return type(error), getattr(error, "code", None) or getattr(error, "waiting_for", None)


def test_the_whole_request_is_what_the_contract_names_and_nothing_else() -> None:
    a2e = FakeA2E(start=accepted({"_id": ID, "coins": 30}))
    assert a2e.client.start(REQUEST) == Started(ID, 30)
    [request] = a2e.requests
    assert (request.method, request.url.path) == ("POST", "/api/v1/userImage2Video/start")
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert json.loads(request.content) == {
        "name": "0123456789abcdef-1",
        "image_url": "https://images.example/cat.png",
        "prompt": "the cat yawns",
        "negative_prompt": "blurry",
        "video_time": 5,
        "model_version": "a2e",
        "extend_prompt": False,
    }


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        # Access: the account's trouble, shown by the status, by the code, or by the plan's words.
        (401, {"code": 401, "msg": "unauthorized"}, NO_ACCESS),
        (401, {"code": 0}, NO_ACCESS),
        (401, {"message": "Unauthorized"}, NO_ACCESS),
        (200, {"code": 401, "msg": "invalid token"}, NO_ACCESS),
        (200, {"code": "403", "msg": "forbidden"}, NO_ACCESS),
        (403, {"code": 403, "msg": PLAN}, NO_ACCESS),
        (403, {"code": 403, "msg": f"{PLAN} for sensitive content"}, NO_ACCESS),
        (403, {"message": "Forbidden"}, NO_ACCESS),
        # Moderation.
        (403, {"code": 403, "msg": "NSFW image"}, CONTENT),
        (200, {"code": 7, "msg": "violates our content policy"}, CONTENT),
        (400, {"code": 400, "msg": "sensitive words in prompt"}, CONTENT),
        (200, {"code": 7, "msg": "a minor was detected"}, CONTENT),
        # Throttling: surely not accepted.
        (429, {"code": 429, "msg": "slow down"}, THROTTLED),
        (200, {"code": 429, "msg": ""}, THROTTLED),
        (429, {"code": 0, "data": {"_id": ID}}, AMBIGUOUS),
        (200, {"code": 9, "msg": "Too many tasks"}, THROTTLED),
        (200, {"code": 9, "msg": "the server is busy"}, THROTTLED),
        (200, {"code": 9, "msg": "rate limit"}, THROTTLED),
        (400, {"code": 9, "msg": "queue is full"}, THROTTLED),
        # Coins.
        (200, {"code": 9, "msg": "Insufficient balance"}, NO_COINS),
        (402, {"code": 402, "message": "not enough COINS"}, NO_COINS),
        (400, {"code": 400, "err_message": "please recharge"}, NO_COINS),
        (200, {"code": 1, "error": "no credits left"}, NO_COINS),
        # Bad parameters: for good.
        (400, {"code": 400, "msg": "bad request"}, REFUSED),
        (400, {"msg": "bad request"}, REFUSED),
        (413, {"code": 1}, REFUSED),
        (415, {"code": 1}, REFUSED),
        (422, {"code": 1}, REFUSED),
        (400, {"code": 0}, AMBIGUOUS),
        (200, {"code": 3, "msg": "prompt is required"}, REFUSED),
        (400, {"code": 400, "msg": "image_url must be http"}, IMAGE),
        (200, {"code": 3, "msg": "invalid picture"}, IMAGE),
        (422, {"code": 3, "msg": "no face found"}, IMAGE),
        # Everything that explains nothing may have been paid.
        (200, {"code": 5001, "msg": "internal trouble"}, AMBIGUOUS),
        (200, {"code": -1}, AMBIGUOUS),
        (200, {"code": None, "data": {"_id": ID}}, AMBIGUOUS),
        (200, {"code": True, "data": {"_id": ID}}, AMBIGUOUS),
        (200, {"code": "zero", "data": {"_id": ID}}, AMBIGUOUS),
        (200, {"data": {"_id": ID}}, AMBIGUOUS),
        (200, {"code": 0.5, "data": {"_id": ID}}, AMBIGUOUS),
        (200, [], AMBIGUOUS),
        (200, "ok", AMBIGUOUS),
        (404, {"code": 404, "msg": "not found"}, AMBIGUOUS),
        (409, {"code": 9, "msg": "conflict"}, AMBIGUOUS),
        (302, {"code": 0, "data": {"_id": ID}}, AMBIGUOUS),
        (408, {"code": 0, "data": {"_id": ID}}, AMBIGUOUS),
        (408, {"code": 408, "msg": "the image is required"}, AMBIGUOUS),
        (500, {"code": 0, "data": {"_id": ID}}, AMBIGUOUS),
        (500, {"code": 401, "msg": "unauthorized"}, AMBIGUOUS),
        (502, {"code": 400, "msg": "image_url is invalid"}, AMBIGUOUS),
        (503, {"code": 9, "msg": "insufficient coins"}, AMBIGUOUS),
        (504, {"msg": "timeout"}, AMBIGUOUS),
    ],
)
def test_each_refusal_is_read_as_the_contract_says(
    status: int, body: Any, expected: tuple[type[GeneratorError], object]
) -> None:
    assert outcome(httpx.Response(status, json=body)) == expected


@pytest.mark.parametrize("status", [200, 201, 301, 400, 401, 403, 404, 408, 422, 500, 502, 503])
@pytest.mark.parametrize(
    "content",
    [b"", b"<html>nginx</html>", b"\xff\xfe\x00", b'{"code": 0, "data"', b"[" * 100_000, b"NaN"],
)
def test_an_answer_that_is_not_an_envelope_leaves_the_start_unconfirmed(
    status: int, content: bytes
) -> None:
    assert outcome(httpx.Response(status, content=content)) == AMBIGUOUS


def test_a_page_of_a_gateway_that_throttles_was_no_start() -> None:
    assert outcome(httpx.Response(429, content=b"<html>429</html>")) == THROTTLED


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("[Errno 111] Connection refused"),
        httpx.ConnectError("[Errno -2] Name or service not known"),
        httpx.ConnectTimeout("timed out"),
        httpx.PoolTimeout("no connection"),
    ],
)
def test_what_never_reached_the_generator_is_surely_not_accepted(error: Exception) -> None:
    assert outcome(error) == THROTTLED


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout("timed out"),
        httpx.WriteTimeout("timed out"),
        httpx.ReadError("[Errno 104] Connection reset by peer"),
        httpx.WriteError("[Errno 32] Broken pipe"),
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
        httpx.DecodingError("Error -3 while decompressing data"),
    ],
)
def test_what_broke_after_sending_may_be_paid(error: Exception) -> None:
    assert outcome(error) == AMBIGUOUS


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"_id": ID, "coins": 30}, Started(ID, 30)),
        ([{"_id": ID, "coins": "60"}], Started(ID, 60)),
        ([{"_id": ID}, {"_id": "another-id"}], Started(ID, None)),
        ([{"name": "no id"}, None, {"_id": ID}], Started(ID, None)),
        ({"_id": 1234567, "coins": True}, Started("1234567", None)),
        ({"_id": f" {ID}\n", "coins": " 30 "}, Started(ID, 30)),
        ({"_id": f"\ufeff{ID}", "coins": 30.0}, Started(ID, 30)),
        ({"_id": ID, "coins": "30.00"}, Started(ID, 30)),
        ({"_id": ID, "Coins": 30}, Started(ID, 30)),
        ({"_id": None, "id": ID, "coins": 30}, Started(ID, 30)),
        ({"0": {"_id": ID, "coins": 30}}, Started(ID, 30)),
        ({"rows": [{"_id": ID}]}, Started(ID, None)),
        ({"_id": ID, "coins": None, "current_status": "failed", "new": {}}, Started(ID, None)),
    ],
)
def test_the_id_is_found_in_every_shape_of_an_accepted_start(data: Any, expected: Started) -> None:
    assert FakeA2E(start=accepted(data)).client.start(REQUEST) == expected


@pytest.mark.parametrize("code", [0, "0", " 0\n", 0.0])
@pytest.mark.parametrize("status", [200, 201])
def test_success_is_code_zero_as_a_number_or_a_text(status: int, code: object) -> None:
    reply = httpx.Response(status, json={"code": code, "data": {"_id": ID}})
    assert FakeA2E(start=reply).client.start(REQUEST).generator_task_id == ID


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        [],
        "text",
        0,
        {"_id": None},
        {"_id": ""},
        {"_id": "short"},
        {"_id": "a/../../admin"},
        {"_id": f"{ID[:12]}\n{ID[12:]}"},
        {"_id": "x" * 65},
        {"_id": [ID]},
        {"task_id": ID},
        {"user": {"_id": ID}},
        [[{"_id": ID}]],
    ],
)
def test_an_accepted_start_without_a_usable_id_is_unconfirmed(data: Any) -> None:
    assert outcome(accepted(data)) == AMBIGUOUS


def test_several_tasks_of_one_start_are_all_logged(caplog: pytest.LogCaptureFixture) -> None:
    FakeA2E(start=accepted([{"_id": ID}, {"_id": "another-id"}])).client.start(REQUEST)
    [line] = caplog.records
    assert (line.levelname, vars(line)["generator_task_ids"]) == ("ERROR", [ID, "another-id"])


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("86401", 86400.0),
        ("9" * 400, 86400.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("Sun, 22 Nov 2026 12:00:00 GMT", None),
        (None, None),
    ],
)
def test_retry_after_is_read_where_it_is_a_number(
    header: str | None, seconds: float | None
) -> None:
    headers = {} if header is None else {"Retry-After": header}
    a2e = FakeA2E(start=httpx.Response(429, headers=headers))
    with pytest.raises(GeneratorUnavailableError) as caught:
        a2e.client.start(REQUEST)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("status", "body", "refusal"),
    [
        (200, {"code": 5001, "msg": "no luck"}, "no luck"),
        (200, {"code": 5001}, "The generator refused without a reason (code 5001)."),
        (404, {"code": 404, "msg": "gone"}, "gone"),
        (500, {"code": 5001, "msg": "no luck"}, None),
        (200, {"msg": "no luck"}, None),
    ],
)
def test_an_unexplained_refusal_keeps_the_words_of_the_generator(
    status: int, body: dict[str, Any], refusal: str | None
) -> None:
    a2e = FakeA2E(start=httpx.Response(status, json=body))
    with pytest.raises(StartUnconfirmedError) as caught:
        a2e.client.start(REQUEST)
    assert caught.value.refusal == refusal


@pytest.mark.parametrize(("status", "code"), [(200, 5001), (400, 3), (401, 1), (429, 1), (500, 1)])
@pytest.mark.parametrize(
    "link",
    [
        "https://b.s3.amazonaws.com/cat.png?X-Amz-Signature=s3cret",
        "HTTPS://b.s3.amazonaws.com/cat.png?X-Amz-Signature=s3cret",
        "http://b.example#s3cret",
        "https://b.example?a=1&s=s3cret).",
    ],
)
def test_no_error_tells_the_query_of_a_link_or_the_token(status: int, code: int, link: str) -> None:
    body = {"code": code, "msg": f"cannot get {link} with {TOKEN}", "trace_id": f"{link} {TOKEN}"}
    a2e = FakeA2E(start=httpx.Response(status, json=body))
    with pytest.raises(GeneratorError) as caught:
        a2e.client.start(REQUEST)
    for text in texts_of(caught.value):
        assert "s3cret" not in text
        assert "top_secret" not in text


def test_messages_are_capped_and_can_always_be_stored() -> None:
    a2e = FakeA2E(
        start=httpx.Response(400, content=b'{"code": 1, "msg": "\\ud800' + b"x" * 9999 + b'"}')
    )
    with pytest.raises(GeneratorRejectedError) as caught:
        a2e.client.start(REQUEST)
    assert str(caught.value) == "?" + "x" * 299


@pytest.mark.parametrize("token", ["", " ", "\n", "sk_a b", "sk_a\nb", "sk_ü", "sk_\x00"])
def test_a_token_that_cannot_be_sent_is_the_accounts_trouble_and_stays_secret(token: str) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return accepted({"_id": ID})

    http = httpx.Client(base_url="https://a2e.example", transport=httpx.MockTransport(answer))
    with pytest.raises(GeneratorAccessError) as caught:
        A2E(http, lambda: token, start_timeout_seconds=20).start(REQUEST)
    assert caught.value.waiting_for is WaitingFor.ACCESS
    assert not sent
    assert all("sk_" not in text for text in texts_of(caught.value))


def test_the_token_is_asked_for_each_call_and_freed_of_blanks() -> None:
    tokens = iter(["sk_old\n", " sk_new"])
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Authorization"])
        return accepted({"_id": ID})

    http = httpx.Client(base_url="https://a2e.example", transport=httpx.MockTransport(answer))
    a2e = A2E(http, lambda: next(tokens), start_timeout_seconds=20)
    a2e.start(REQUEST)
    a2e.start(REQUEST)
    assert sent == ["Bearer sk_old", "Bearer sk_new"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"code": 1001, "msg": "The server is busy, your task has been queued."}),
        (200, {"code": 1, "msg": "Low balance: please recharge soon"}),
        (200, {"code": 200, "msg": "success, 5 credits left, please top up soon"}),
        (429, {"code": 0}),
        (400, {"code": 400, "msg": "Internal error"}),
        (403, {"code": 403, "msg": "nsfw"}),
    ],
)
@pytest.mark.parametrize("shape", ["object", "list"])
def test_a_start_that_names_a_task_is_never_taken_for_refused(
    status: int, body: dict[str, Any], shape: str
) -> None:
    """It is looked up, so that it is neither paid again nor lost, whatever is said beside it."""
    record = {"_id": ID, "coins": 30}
    data = record if shape == "object" else [record]
    reply = httpx.Response(status, json=body | {"data": data})
    assert outcome(reply)[0] is StartUnconfirmedError


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"code": 500, "msg": "系统繁忙"}),
        (200, {"code": 1001, "msg": "Request timed out, the service is busy"}),
        (400, {"code": 400, "msg": "Request timeout"}),
        (400, {"code": 400, "msg": "Cannot read properties of undefined"}),
        (400, {"code": 400, "msg": "fetch failed"}),
        (422, {"code": 422, "msg": "database error"}),
    ],
)
def test_after_trouble_of_its_own_a_start_is_looked_up_and_refuses_nothing(
    status: int, body: dict[str, Any]
) -> None:
    a2e = FakeA2E(start=httpx.Response(status, json=body))
    with pytest.raises(StartUnconfirmedError) as caught:
        a2e.client.start(REQUEST)
    assert not caught.value.refusal
