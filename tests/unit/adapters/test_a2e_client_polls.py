"""Polls: what A2E says of a task, and how little of what goes wrong counts against the task."""

from typing import Any

import httpx
import pytest
from image_to_video.domain.errors import (
    GeneratorAccessError,
    GeneratorError,
    GeneratorUnavailableError,
)
from image_to_video.domain.generator import Failed, Incomplete, Missing, PollAnswer, Ready, Running
from image_to_video.domain.task import FailureCode, WaitingFor
from image_to_video.observability import metrics

from tests.support.fake_a2e import (
    ID,
    TOKEN,
    FakeA2E,
    Reply,
    accepted,
    pages,
    record,
    texts_of,
)

URL = "https://3days.example/stable/users/u1/clip.mp4"
NOTHING = accepted(None)
RUNNING_WORDS = (
    *("initialized", "sent", "pending", "processing"),
    *("init", "start", "process", "copy"),
    *("queued", "in_progress", "running", "waiting"),
)
DONE_WORDS = ("completed", "complete", "success", "succeeded", "succeed", "done", "finished")
TENTATIVE_WORDS = ("error", "canceled", "cancelled", "rejected", "timeout")


def look(**fields: Any) -> PollAnswer:
    return FakeA2E(detail=accepted(record(**fields))).client.check(ID)


@pytest.fixture
def counted() -> dict[str, Any]:
    """The metrics of this test, by name."""
    metrics.clear_metrics()
    return metrics.metric_set


@pytest.mark.parametrize("word", RUNNING_WORDS)
def test_words_of_work_mean_running(word: str, counted: dict[str, Any]) -> None:
    assert look(current_status=word) == Running(word, refundable=word == "initialized")
    assert not counted


@pytest.mark.parametrize("word", ["", None, "rendering", "not completed", 7, ["x"]])
def test_unknown_words_mean_running_and_are_counted(word: object, counted: dict[str, Any]) -> None:
    assert isinstance(look(current_status=word), Running)
    assert list(counted) == ["UnknownGeneratorStatus"]


def test_a_missing_word_means_running() -> None:
    assert FakeA2E(detail=accepted({"_id": ID})).client.check(ID) == Running("unknown")


@pytest.mark.parametrize("word", ["Processing", " processing ", "PROCESSING\n"])
def test_words_are_compared_in_lower_case_without_blanks(word: str) -> None:
    assert look(current_status=word) == Running("processing")


def test_a_long_word_is_cut() -> None:
    assert look(current_status="x" * 500) == Running("x" * 40)


def test_half_a_surrogate_pair_does_not_get_through() -> None:
    halves = {"current_status": r"\ud800", "result_url": r"https://a\ud800"}
    for field, value in halves.items():
        status = "" if field == "current_status" else '"current_status": "completed", '
        content = f'{{"code": 0, "data": {{"_id": "{ID}", {status}"{field}": "{value}"}}}}'
        reply = httpx.Response(200, content=content.encode())
        result = FakeA2E(detail=reply).client.check(ID)
        assert result in (Running("?"), Incomplete("completed"))


@pytest.mark.parametrize("word", DONE_WORDS)
def test_done_with_a_link_is_ready(word: str) -> None:
    assert look(current_status=word.upper(), result_url=URL) == Ready(word, URL)


@pytest.mark.parametrize("word", DONE_WORDS)
@pytest.mark.parametrize(
    "url",
    [
        *("", None, " ", "soon", "/clip.mp4", "clip.mp4", "ftp://a/b", "https://", "https://a b"),
        *(
            7,
            True,
            [],
            ["soon"],
            {"url": "soon"},
            [[[URL]]],
            "https://" + "a" * 301,
            f"{URL}/" + "a" * 4001,
        ),
        *("null", "undefined", "https://a\\b", "https://a.example/\u2028b", "\n"),
    ],
)
def test_done_without_a_usable_link_is_incomplete(word: str, url: object) -> None:
    assert look(current_status=word, result_url=url) == Incomplete(word)


@pytest.mark.parametrize(
    ("written", "url"),
    [
        (f"{URL}\n", URL),
        (f" \t{URL}\r\n ", URL),
        (f"\ufeff{URL}\u200b", URL),
        (f"\u00a0{URL}\u3000", URL),
        (URL.replace("users/", "users/\n"), URL),
        ("https://a.example/my clip.mp4", "https://a.example/my%20clip.mp4"),
        ("//a.example/v.mp4", "https://a.example/v.mp4"),
        ("http://a.example:80/v.mp4", "https://a.example/v.mp4"),
        (f"{URL}?Expires=1&Signature=a%2Fb ", f"{URL}?Expires=1&Signature=a%2Fb"),
        ([" ", f"{URL} "], URL),
        ({"url": URL}, URL),
        ([{"url": f" {URL}"}], URL),
        (f'"{URL}"', URL),
        (f"<{URL}>", URL),
    ],
)
@pytest.mark.parametrize("key", ["result_url", "resultUrl", "Result_URL"])
def test_a_usable_link_is_read_however_it_is_written(key: str, written: Any, url: str) -> None:
    assert look(current_status=" Completed\n", **{key: written}) == Ready("completed", url)


def test_an_unusable_link_does_not_hide_a_usable_one() -> None:
    fields = {"result_url": "pending", "video_url": f" {URL}"}
    assert look(current_status="completed", **fields) == Ready("completed", URL)


def test_a_picture_is_taken_for_the_video_only_where_nothing_else_is_linked() -> None:
    cover = "https://a.example/cover.JPG?w=1"
    fields = {"current_status": "completed", "result_url": cover}
    assert look(**fields, video_url=URL) == Ready("completed", URL)
    assert look(**fields) == Ready("completed", cover)


@pytest.mark.parametrize("shown", [f" {ID}", f"{ID}\n", f"\ufeff{ID}"])
def test_a_task_is_known_by_its_id_with_blanks_around_it(shown: str) -> None:
    a2e = FakeA2E(detail=accepted(record(_id=shown)))
    assert a2e.client.check(ID) == Running("processing")
    a2e = FakeA2E(detail=accepted([record(_id=shown)]))
    assert a2e.client.check(ID) == Running("processing")
    a2e = FakeA2E(detail=NOTHING, batch=accepted({shown: record(_id=shown)}))
    assert a2e.client.check(ID) == Running("processing")


@pytest.mark.parametrize("key", ["display_result_url", "video_url", "url_download"])
def test_other_link_fields_serve_where_the_first_is_empty(key: str) -> None:
    assert look(current_status="completed", result_url="", **{key: URL}) == Ready("completed", URL)
    other = {key: "https://other.example/x.mp4"}
    ready = look(current_status="completed", result_url=URL, **other)
    assert ready == Ready("completed", URL)


def test_the_source_image_is_never_taken_for_the_result() -> None:
    result = look(current_status="completed", image_url=URL, url=URL, data={"result_url": URL})
    assert result == Incomplete("completed")


@pytest.mark.parametrize("word", [*RUNNING_WORDS, "", "rendering"])
def test_a_link_before_the_end_counts_for_nothing(word: str) -> None:
    assert isinstance(look(current_status=word, result_url=URL), Running)


@pytest.mark.parametrize("word", ["failed", "fail", "Failed"])
def test_failed_is_failed_at_once(word: str) -> None:
    result = look(current_status=word, failed_message="out of memory", result_url=URL)
    assert result == Failed(word.lower(), FailureCode.GENERATION_FAILED, "out of memory")


@pytest.mark.parametrize("word", TENTATIVE_WORDS)
def test_words_met_nowhere_officially_fail_only_tentatively(word: str) -> None:
    result = look(current_status=word)
    assert result == Failed(word, FailureCode.GENERATION_FAILED, "no reason given", tentative=True)


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"failed_message": "NSFW content"}, FailureCode.CONTENT_REFUSED, "NSFW content"),
        ({"failed_message": "portrait rights"}, FailureCode.CONTENT_REFUSED, "portrait rights"),
        (
            {"failed_message": "a", "failed_code": "moderation"},
            FailureCode.CONTENT_REFUSED,
            "a",
        ),
        ({"failed_code": 17}, FailureCode.GENERATION_FAILED, "17"),
        (
            {"failed_message": None, "failed_code": None},
            FailureCode.GENERATION_FAILED,
            "no reason given",
        ),
        (
            {"failed_message": " ", "failed_code": 0, "error": False},
            FailureCode.GENERATION_FAILED,
            "no reason given",
        ),
        # Other spellings, A2E's own misspelling among them.
        (
            {"faild_message": "nsfw content detected"},
            FailureCode.CONTENT_REFUSED,
            "nsfw content detected",
        ),
        (
            {"failed_message": "", "faild_message": " No face.\n", "error_code": "face"},
            FailureCode.GENERATION_FAILED,
            "No face.",
        ),
        ({"error_message": "Out of memory"}, FailureCode.GENERATION_FAILED, "Out of memory"),
        ({"errorMsg": "内容违规"}, FailureCode.CONTENT_REFUSED, "内容违规"),
        ({"error_code": "NSFW_DETECTED"}, FailureCode.CONTENT_REFUSED, "NSFW_DETECTED"),
        ({"faild_code": "7", "errorCode": 9}, FailureCode.GENERATION_FAILED, "7"),
        (
            {"failed_message": "Rejected", "error_code": "content_policy"},
            FailureCode.CONTENT_REFUSED,
            "Rejected",
        ),
        (
            {"error": {"code": 3, "message": "portrait rights"}},
            FailureCode.CONTENT_REFUSED,
            "portrait rights; 3",
        ),
        ({"fail_reason": ["a", "b"]}, FailureCode.GENERATION_FAILED, "a; b"),
        # What is no refusal of content.
        (
            {"failed_message": "A minor error occurred"},
            FailureCode.GENERATION_FAILED,
            "A minor error occurred",
        ),
        (
            {"failed_message": "Content moderation: internal error"},
            FailureCode.GENERATION_FAILED,
            "Content moderation: internal error",
        ),
        (
            {"prompt": "nsfw", "image_url": "https://a.example/nsfw.png", "failed_message": "x"},
            FailureCode.GENERATION_FAILED,
            "x",
        ),
        (
            {"failed_message": "cannot read https://a.example/b.png?sig=s3cret"},
            FailureCode.GENERATION_FAILED,
            "cannot read https://a.example/b.png",
        ),
    ],
)
def test_a_failure_says_why_as_far_as_it_is_known(
    fields: dict[str, Any], code: FailureCode, message: str
) -> None:
    assert look(current_status="failed", **fields) == Failed("failed", code, message)


@pytest.mark.parametrize(
    "detail",
    [
        NOTHING,
        accepted({}),
        accepted([]),
        accepted("text"),
        accepted({"_id": "another-task", "current_status": "failed"}),
        httpx.Response(404, json={"code": 404, "msg": "not found"}),
        httpx.Response(404, json={"message": "not found"}),
        httpx.Response(200, json={"code": 404}),
        httpx.Response(400, json={"code": 400, "msg": "bad id"}),
    ],
)
def test_a_task_not_shown_is_sought_in_the_batch_then_in_the_list(
    detail: httpx.Response,
) -> None:
    a2e = FakeA2E(detail=detail, batch=accepted([]), list=pages([]))
    assert a2e.client.check(ID) == Missing()
    assert a2e.kinds() == ["detail", "batch", "list"]
    assert a2e.requests[1].content == b'{"ids":["%s"]}' % ID.encode()

    batch = accepted([{"_id": "another-task", "current_status": "failed"}, record()])
    a2e = FakeA2E(detail=detail, batch=batch)
    assert a2e.client.check(ID) == Running("processing")

    others = [record(_id=f"other-{number:04}") for number in range(250)]
    a2e = FakeA2E(detail=detail, batch=NOTHING, list=pages([*others[:150], record()]))
    assert a2e.client.check(ID) == Running("processing")
    assert a2e.kinds() == ["detail", "batch", "list", "list"]
    # A longer search might outlast the function that asks.
    a2e = FakeA2E(detail=detail, batch=NOTHING, list=pages([*others, record()]))
    assert a2e.client.check(ID) == Missing()
    assert a2e.kinds() == ["detail", "batch", "list", "list"]


@pytest.mark.parametrize("shape", ["rows", "list", "records", "items", "data"])
def test_the_batch_may_come_in_any_wrapping(shape: str) -> None:
    a2e = FakeA2E(detail=NOTHING, batch=accepted({shape: [None, 5, record()]}))
    assert a2e.client.check(ID) == Running("processing")


UNREADABLE = [
    httpx.Response(500, json={"code": 0, "data": record(current_status="failed")}),
    httpx.Response(502, content=b"<html>"),
    httpx.Response(404, content=b"<html>"),
    httpx.Response(200, content=b""),
    httpx.Response(200, json=record(current_status="failed")),
    httpx.Response(200, json={"code": 5001, "msg": "failed"}),
    httpx.Response(302, json={"code": 0, "data": record(current_status="failed")}),
    httpx.Response(429),
    httpx.ReadTimeout("timed out"),
    httpx.ConnectError("refused"),
    httpx.ReadError("reset"),
    httpx.DecodingError("no gzip"),
]


@pytest.mark.parametrize("trouble", UNREADABLE)
@pytest.mark.parametrize("kind", ["detail", "batch", "list"])
def test_a_poll_that_fails_is_never_an_answer(kind: str, trouble: Reply) -> None:
    replies: dict[str, Reply] = {"detail": NOTHING, "batch": NOTHING, "list": pages([])}
    with pytest.raises(GeneratorUnavailableError):
        FakeA2E(**replies | {kind: trouble}).client.check(ID)


@pytest.mark.parametrize(
    ("reply", "waiting_for"),
    [
        (httpx.Response(401, json={"code": 401}), WaitingFor.ACCESS),
        (httpx.Response(200, json={"code": 403, "msg": "upgrade"}), WaitingFor.ACCESS),
        (httpx.Response(403, json={"message": "Forbidden"}), WaitingFor.ACCESS),
        (httpx.Response(200, json={"code": 9, "msg": "no coins"}), WaitingFor.COINS),
    ],
)
def test_refused_access_has_an_error_of_its_own(
    reply: httpx.Response, waiting_for: WaitingFor
) -> None:
    with pytest.raises(GeneratorAccessError) as caught:
        FakeA2E(detail=reply).client.check(ID)
    assert caught.value.waiting_for is waiting_for


def test_polls_quote_no_secrets() -> None:
    body = {"code": 401, "msg": f"bad {TOKEN} for https://a.example/b?sig=s3cret"}
    with pytest.raises(GeneratorError) as caught:
        FakeA2E(detail=httpx.Response(401, json=body)).client.check(ID)
    for text in texts_of(caught.value):
        assert "s3cret" not in text
        assert "top_secret" not in text


def test_only_a_task_that_has_not_begun_is_refundable() -> None:
    assert look(current_status="Initialized") == Running("initialized", refundable=True)


@pytest.mark.parametrize(
    "word",
    [*RUNNING_WORDS[1:], *DONE_WORDS, "failed", "fail", *TENTATIVE_WORDS, "", "unheard of"],
)
def test_no_other_status_is_refundable(word: str) -> None:
    seen = look(current_status=word, result_url=URL)
    assert not isinstance(seen, Running) or not seen.refundable


def test_giving_back_deletes_the_record() -> None:
    a2e = FakeA2E(delete=accepted(None))
    assert a2e.client.cancel(ID) is True
    assert a2e.kinds() == ["delete"]
    assert a2e.requests[0].url.path.endswith(f"/{ID}")


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(400, json={"code": 400, "msg": "task in progress"}),
        httpx.Response(404, json={"code": 404}),
    ],
)
def test_a_refused_deletion_is_no_refund(reply: httpx.Response) -> None:
    assert FakeA2E(delete=reply).client.cancel(ID) is False


@pytest.mark.parametrize("reply", [httpx.Response(500), httpx.ReadTimeout("timed out")])
def test_a_deletion_without_an_answer_is_no_answer(reply: Reply) -> None:
    with pytest.raises(GeneratorUnavailableError):
        FakeA2E(delete=reply).client.cancel(ID)
