"""Every error of the domain has its status and code; what is unexpected is logged and counted."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import BaseRouter
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestUnsupportedContentType
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from image_to_video.contract import rest_errors
from image_to_video.contract.rest_errors import (
    answer_error,
    answer_other_content,
    answer_unexpected,
    answer_unreadable,
)
from image_to_video.domain import errors
from image_to_video.domain.errors import ImageToVideoError
from image_to_video.domain.task import FailureCode, WaitingFor

ANSWERS: list[tuple[ImageToVideoError, int, str, bool]] = [
    (errors.InvalidTaskError("wrong", pointer="/name"), 422, "invalid_request", False),
    (errors.IdempotencyKeyReusedError("used"), 422, "idempotency_key_reused", False),
    (errors.InvalidCursorError("not ours"), 400, "malformed_request", False),
    (errors.TaskNotFoundError("none"), 404, "task_not_found", False),
    (errors.VideoNotReadyError("not yet"), 409, "not_ready", True),
    (errors.NoVideoError("never"), 409, "no_video", False),
    (
        errors.GeneratorRejectedError("no face", code=FailureCode.INVALID_IMAGE),
        *(422, "invalid_image", False),
    ),
    *(
        (error, 503, "temporarily_unavailable", True)
        for error in (
            ImageToVideoError("anything"),
            errors.SettingsError("TASKS_TABLE is missing"),
            errors.TaskConflictError("changed"),
            errors.TaskNotUnderstoodError("a"),
            errors.UnreadableImageError("encrypted"),
            errors.DurationsUnavailableError("down"),
            errors.WorkflowUnavailableError("down"),
            errors.WorkflowBusyError("busy"),
            errors.SigningKeyUnavailableError("denied"),
            errors.UnauthorizedError(),
            errors.GeneratorError("down"),
            errors.GeneratorUnavailableError("down"),
            errors.GeneratorAccessError("no coins", waiting_for=WaitingFor.COINS),
            errors.StartUnconfirmedError("no answer"),
            errors.VideoDownloadError("gone"),
            errors.VideoLinkExpiredError("expired"),
        )
    ),
]


def request(**context: str) -> APIGatewayProxyEvent:
    return APIGatewayProxyEvent({"path": "/tasks", "requestContext": context})


@pytest.fixture(autouse=True)
def _current_request() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        event = request(requestId="a-request", path="/v1/tasks")
        patch.setattr(BaseRouter, "current_event", event, raising=False)
        yield


def document(answer: Response[str]) -> dict[str, Any]:
    assert answer.content_type == "application/problem+json"
    content: dict[str, Any] = json.loads(answer.body or "")
    assert content["status"] == answer.status_code
    return content


@pytest.mark.parametrize(
    ("error", "status", "code", "again"), ANSWERS, ids=[type(row[0]).__name__ for row in ANSWERS]
)
def test_an_error_has_its_status_and_code(
    error: ImageToVideoError, status: int, code: str, again: bool
) -> None:
    answer = answer_error(error)

    content = document(answer)
    assert (content["status"], content["code"]) == (status, code)
    assert (content["instance"], content["request_id"]) == ("/v1/tasks", "a-request")
    assert ("Retry-After" in answer.headers) is again


def test_no_error_of_the_domain_is_left_out() -> None:
    tree, waiting = {ImageToVideoError}, [ImageToVideoError]
    while waiting:
        children = waiting.pop().__subclasses__()
        tree |= {*children}
        waiting += children
    ours = {error for error in tree if error.__module__ == errors.__name__}
    assert ours == {type(error) for error, *_ in ANSWERS}


def test_a_wrong_field_is_named() -> None:
    content = document(answer_error(errors.InvalidTaskError("is private", pointer="/image_url")))
    assert content["errors"] == [{"pointer": "/image_url", "detail": "is private"}]


def test_json_that_cannot_be_read_is_malformed() -> None:
    content = document(answer_unreadable(RecursionError()))
    assert (content["status"], content["code"]) == (400, "malformed_request")
    assert "nested" in content["detail"]


def test_another_content_type_is_not_supported() -> None:
    content = document(answer_other_content(RequestUnsupportedContentType("text/plain", [])))
    assert (content["status"], content["code"]) == (415, "unsupported_media_type")
    assert "application/json" in content["detail"]


def test_an_unexpected_error_is_counted_and_its_text_kept_from_the_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(rest_errors, "count", counted.append)

    answer = answer_unexpected(KeyError("internal"))

    content = document(answer)
    assert (content["status"], content["code"]) == (503, "temporarily_unavailable")
    assert "internal" not in json.dumps(content)
    assert answer.headers["Retry-After"] == "10"
    assert counted == ["RequestsFailed"]


def test_the_path_stands_in_where_the_gateway_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BaseRouter, "current_event", request(requestId="", path=""))
    content = document(rest_errors.no_such_task())
    assert (content["instance"], content["request_id"]) == ("/tasks", "")
