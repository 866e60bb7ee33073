"""Errors of the REST API: each exception becomes a problem document, in one place."""

from http import HTTPStatus
from typing import Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from image_to_video.contract.problem_details import pointer_to, problem
from image_to_video.domain.errors import (
    GeneratorRejectedError,
    IdempotencyKeyReusedError,
    ImageToVideoError,
    InvalidCursorError,
    InvalidTaskError,
    NoVideoError,
    SigningKeyUnavailableError,
    TaskNotFoundError,
    VideoNotReadyError,
)
from image_to_video.observability import count, logger

# HTTP status and `code` of each error; any other one is a 503.
_STATUSES: Final[dict[type[ImageToVideoError], tuple[HTTPStatus, str]]] = {
    InvalidTaskError: (HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request"),
    IdempotencyKeyReusedError: (HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
    InvalidCursorError: (HTTPStatus.BAD_REQUEST, "malformed_request"),
    TaskNotFoundError: (HTTPStatus.NOT_FOUND, "task_not_found"),
    VideoNotReadyError: (HTTPStatus.CONFLICT, "not_ready"),
    NoVideoError: (HTTPStatus.CONFLICT, "no_video"),
}
# How soon asking again makes sense.
RETRY_AFTER: Final = {"Retry-After": "10"}
# Marks what an earlier request with the same `Idempotency-Key` has brought about.
REPLAYED: Final = {"Idempotent-Replayed": "true"}

router = APIGatewayRouter()


@router.exception_handler(ImageToVideoError)
def answer_error(error: ImageToVideoError) -> Response[str]:
    """Everything raised on purpose."""
    if isinstance(error, SigningKeyUnavailableError):
        return _unexpected()
    if isinstance(error, GeneratorRejectedError):
        status, replayed = HTTPStatus.UNPROCESSABLE_ENTITY, REPLAYED if error.replayed else None
        return problem_response(status, error.code, str(error), headers=replayed)
    status, code = _STATUSES.get(
        type(error), (HTTPStatus.SERVICE_UNAVAILABLE, "temporarily_unavailable")
    )
    if isinstance(error, VideoNotReadyError):
        return problem_response(status, code, str(error), headers=RETRY_AFTER)
    if isinstance(error, InvalidTaskError):
        faults = [(error.pointer, error.detail)]
        return problem_response(status, code, "A field is wrong.", faults)
    return problem_response(status, code, str(error))


@router.exception_handler(RequestValidationError)
def answer_invalid_request(error: RequestValidationError) -> Response[str]:
    """Everything that the schemas refuse."""
    kinds = {fault["type"] for fault in error.errors()}
    places = {fault["loc"][0] for fault in error.errors()}
    if "json_invalid" in kinds or ("body" in places and not router.current_event.body):
        return problem_response(
            HTTPStatus.BAD_REQUEST, "malformed_request", "The body is not JSON that can be read."
        )
    if "path" in places:
        return no_such_task()
    faults = [(pointer_to(fault["loc"]), fault["msg"]) for fault in error.errors()]
    return problem_response(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", "Some fields are wrong.", faults
    )


@router.exception_handler(RequestUnsupportedContentType)
def answer_other_content(_: RequestUnsupportedContentType) -> Response[str]:
    """A body that is not said to be JSON."""
    return problem_response(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "Send the body as JSON, with Content-Type: application/json.",
    )


@router.exception_handler(RecursionError)
def answer_unreadable(_: RecursionError) -> Response[str]:
    """JSON that is nested deeper than Python reads it."""
    return problem_response(
        HTTPStatus.BAD_REQUEST, "malformed_request", "The JSON is nested too deeply."
    )


@router.exception_handler(Exception)
def answer_unexpected(_: Exception) -> Response[str]:
    """An unexpected error."""
    return _unexpected()


def _unexpected() -> Response[str]:
    """The log and a metric say what it was, the caller may ask again."""
    logger.exception("request failed")
    count("RequestsFailed")
    detail = "Something went wrong here; ask again, with the same Idempotency-Key."
    return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, "temporarily_unavailable", detail)


def no_such_task() -> Response[str]:
    """The answer for a task that does not exist, is somebody else's, or whose id cannot be one."""
    return problem_response(HTTPStatus.NOT_FOUND, "task_not_found", "there is no such task")


def problem_response(
    status: HTTPStatus,
    code: str,
    detail: str,
    faults: list[tuple[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response[str]:
    """The answer to the current request that says what is wrong; see `problem_details.problem`."""
    event = router.current_event
    context = event.request_context
    # Powertools writes only `application/json` as JSON by itself.
    return Response(
        status_code=status,
        content_type="application/problem+json",
        body=problem(
            status,
            code,
            detail,
            instance=context.path or event.path,
            request_id=context.request_id or "",
            faults=faults or [],
        ).model_dump_json(),
        headers=RETRY_AFTER if status is HTTPStatus.SERVICE_UNAVAILABLE else headers,
    )
