"""The REST API. Routes translate; what can go wrong becomes a problem document in one place."""

import re
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from inspect import signature
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.api_gateway import Route
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query
from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video import __version__
from image_to_video.contract import cors
from image_to_video.contract.asyncapi import event_catalogue
from image_to_video.contract.openapi import describe
from image_to_video.contract.problem_details import pointer_to, problem
from image_to_video.contract.requests import GivenMoment, TaskRequest, UploadRequest
from image_to_video.contract.responses import Health, TaskList, TaskView, UploadTicket
from image_to_video.domain.errors import (
    GeneratorRejectedError,
    IdempotencyKeyReusedError,
    ImageToVideoError,
    InvalidCursorError,
    InvalidTaskError,
    SettingsError,
    TaskNotFoundError,
    VideoNotReadyError,
)
from image_to_video.domain.task import Cancellation, FailureCode, Task, TaskStatus
from image_to_video.observability import count, logger, metrics
from image_to_video.wiring import settings, video_tasks

app = APIGatewayRestResolver(enable_validation=True, debug=False)  # debugging prints whole events

# What a caller is told: HTTP status and `code` for each error; any other one is a 503.
_ANSWERS: Final[dict[type[ImageToVideoError], tuple[HTTPStatus, str]]] = {
    InvalidTaskError: (HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request"),
    IdempotencyKeyReusedError: (HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
    InvalidCursorError: (HTTPStatus.BAD_REQUEST, "malformed_request"),
    TaskNotFoundError: (HTTPStatus.NOT_FOUND, "task_not_found"),
    VideoNotReadyError: (HTTPStatus.CONFLICT, "not_ready"),
}
# What the generator may refuse at the start; the record of such a task stays and says the same.
_REFUSALS: Final = (FailureCode.INVALID_IMAGE, FailureCode.CONTENT_REFUSED)
_JSON: Final = "application/json"
_ENDLESS_NUMBER: Final = re.compile(r"\d{4300}")
_KEPT: Final = {"Cache-Control": "max-age=300"}
_RETRY: Final = {"Retry-After": "10"}

TaskId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


@app.post("/tasks", status_code=HTTPStatus.ACCEPTED)
def create_task(
    request: TaskRequest,
    idempotency_key: Annotated[
        str | None, Header(alias="Idempotency-Key", min_length=1, max_length=255)
    ] = None,
) -> Response[TaskView]:
    """Start a task; with the same `Idempotency-Key` the same task, however often."""
    task = video_tasks().create(_owner(), request, idempotency_key)
    if task.failure and task.generator_task_id is None and task.failure.code in _REFUSALS:
        raise GeneratorRejectedError(task.failure.message, code=task.failure.code)
    return _show(task, HTTPStatus.ACCEPTED, {"Location": f"/v1/tasks/{task.task_id}"})


@app.get("/tasks")
def list_tasks(
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query()] = None,
    status: Annotated[TaskStatus | None, Query()] = None,
    created_after: Annotated[GivenMoment | None, Query()] = None,
    created_before: Annotated[GivenMoment | None, Query()] = None,
) -> TaskList:
    """List your tasks, newest first."""
    return video_tasks().list(
        _owner(),
        limit=limit,
        cursor=cursor,
        status=status,
        created_after=created_after,
        created_before=created_before,
    )


@app.head("/tasks/<task_id>", include_in_schema=False)
@app.get("/tasks/<task_id>")
def get_task(task_id: TaskId) -> Response[TaskView]:
    """Show one of your tasks, in whatever status."""
    return _show(video_tasks().get(_owner(), task_id), HTTPStatus.OK, {})


@app.post("/tasks/<task_id>/cancel")
def cancel_task(task_id: TaskId) -> Response[TaskView]:
    """Close a task; with the coins back where the generator still gives them."""
    task, cancellation = video_tasks().cancel(_owner(), task_id)
    return _show(task, HTTPStatus.OK if cancellation else HTTPStatus.ACCEPTED, {}, cancellation)


@app.head("/tasks/<task_id>/video", include_in_schema=False)
@app.get("/tasks/<task_id>/video", status_code=HTTPStatus.FOUND)
def get_video(task_id: TaskId) -> Response[None]:
    """Lead to the finished video: a link of a few minutes, a fresh one each time."""
    logger.append_keys(task_id=task_id)
    head = app.current_event.http_method == "HEAD"
    link = video_tasks().video_link(_owner(), task_id, head=head)
    return Response(HTTPStatus.FOUND, headers={"Location": link, "Cache-Control": "no-store"})


@app.post("/uploads", status_code=HTTPStatus.CREATED)
def create_upload(request: UploadRequest) -> Response[UploadTicket]:
    """Let the image itself be sent; it starts the task whose id is told here."""
    ticket = video_tasks().reserve_upload(_owner(), request)
    logger.append_keys(task_id=ticket.task_id)
    return Response(
        status_code=HTTPStatus.CREATED,
        content_type=_JSON,
        body=ticket,
        headers={"Cache-Control": "no-store"},
    )


@app.head("/health", include_in_schema=False)
@app.get("/health")
def get_health() -> Health:
    """Tell that the API answers."""
    return Health(version=__version__)


@app.head("/openapi.json", include_in_schema=False)
@app.get("/openapi.json")
def get_contract() -> Response[dict[str, Any]]:
    """The contract of this API, as OpenAPI."""
    return Response(HTTPStatus.OK, _JSON, describe(app, __version__), _KEPT)


@app.head("/asyncapi.json", include_in_schema=False)
@app.get("/asyncapi.json")
def get_event_catalogue() -> Response[dict[str, Any]]:
    """Show the catalogue of events, as AsyncAPI; its schemas are where events say they are."""
    return Response(HTTPStatus.OK, _JSON, event_catalogue(), _KEPT)


@app.exception_handler(ImageToVideoError)
def answer_error(error: ImageToVideoError) -> Response[str]:
    """Everything raised on purpose."""
    if isinstance(error, GeneratorRejectedError):
        return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, error.code, str(error))
    status, code = _ANSWERS.get(
        type(error), (HTTPStatus.SERVICE_UNAVAILABLE, "temporarily_unavailable")
    )
    if isinstance(error, VideoNotReadyError) and error.may_come:
        return _problem(status, code, str(error), headers=_RETRY)
    if isinstance(error, InvalidTaskError):
        return _problem(status, code, "A field is wrong.", [(error.pointer, error.detail)])
    return _problem(status, code, str(error))


@app.exception_handler(RequestValidationError)
def answer_invalid_request(error: RequestValidationError) -> Response[str]:
    """Everything that the schemas refuse."""
    kinds = {fault["type"] for fault in error.errors()}
    places = {fault["loc"][0] for fault in error.errors()}
    if "json_invalid" in kinds or ("body" in places and not app.current_event.body):
        return _problem(HTTPStatus.BAD_REQUEST, "malformed_request", "The body is not JSON.")
    if "path" in places:
        return _problem(HTTPStatus.NOT_FOUND, "task_not_found", "there is no such task")
    faults = [(pointer_to(fault["loc"]), fault["msg"]) for fault in error.errors()]
    return _problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", "Some fields are wrong.", faults
    )


@app.exception_handler([RequestUnsupportedContentType, RecursionError])
def answer_unreadable(error: Exception) -> Response[str]:
    """A body of another kind, or JSON that is nested deeper than Python reads it."""
    detail = "Send the body as JSON that can be read, with Content-Type: application/json."
    if isinstance(error, RecursionError):
        detail = "The JSON is nested too deeply."
    return _problem(HTTPStatus.BAD_REQUEST, "malformed_request", detail)


@app.exception_handler(Exception)
def answer_fault(_: Exception) -> Response[str]:
    """Whatever nobody meant: the caller may ask again, the log and a metric say what it was."""
    logger.exception("request failed")
    count("RequestsFailed")
    detail = "Something went wrong here; ask again, with the same Idempotency-Key."
    return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "temporarily_unavailable", detail)


@app.not_found
def answer_no_route(_: NotFoundError) -> Response[str]:
    """A path or a method that is not one of the API's; what browsers ask before a request."""
    methods = {r.method for r in _routes() if r.rule.match(app.current_event.path)}
    if not methods and "task_id" in (app.current_event.path_parameters or {}):
        return _problem(HTTPStatus.NOT_FOUND, "task_not_found", "there is no such task")
    if not methods:
        return _problem(HTTPStatus.NOT_FOUND, "route_not_found", "There is no such route.")
    allow = {"Allow": ", ".join(sorted(methods | {"OPTIONS"}))}
    if app.current_event.http_method != "OPTIONS":
        detail = f"Here is only {allow['Allow']}."
        return _problem(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", detail, headers=allow)
    allow |= cors.may_send(settings().cors_origin, allow["Allow"])
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=allow, body="")


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    answer = app.resolve(_without_forms(event), context)
    headers = answer["multiValueHeaders"]
    headers["X-Request-Id"] = [event["requestContext"]["requestId"]]
    if "origin" in {name.lower() for name in event.get("headers") or {}}:
        with suppress(SettingsError):
            headers.update(cors.readable_by(settings().cors_origin))
    if event["httpMethod"] == "HEAD" or answer["body"] is None:
        answer["body"] = ""
    return answer


def _without_forms(event: dict[str, Any]) -> dict[str, Any]:
    """Name the type of any body but JSON as one that Powertools refuses: it would read forms.

    So is JSON with a number that Python refuses to read; no field may be as long as that.
    """
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    kind = headers.get("content-type", _JSON).partition(";")[0].strip().lower()
    readable = kind == _JSON and not _ENDLESS_NUMBER.search(event.get("body") or "")
    return event | {"headers": headers | {"content-type": _JSON if readable else "refused"}}


def _owner() -> str:
    return str(app.current_event.request_context.authorizer["owner"])


def _show(
    task: Task,
    status: HTTPStatus,
    headers: dict[str, str],
    cancellation: Cancellation | None = None,
) -> Response[TaskView]:
    logger.append_keys(task_id=task.task_id)
    headers = headers if task.status.is_final else headers | _RETRY
    return Response(status, _JSON, video_tasks().show(task, cancellation), headers)


def refuse_unclear_parameters(
    app: APIGatewayRestResolver, proceed: Callable[[APIGatewayRestResolver], Response[Any]]
) -> Response[Any]:
    """Which one of two was meant? And a filter that is misspelt would narrow nothing, unseen."""
    event = app.current_event
    given = event.resolved_query_string_parameters if event.resource == "/tasks" else {}
    for name, values in given.items():
        if len(values) > 1:
            raise InvalidTaskError("must be given once", pointer=name)
        if name not in signature(list_tasks).parameters:
            raise InvalidTaskError("is no parameter of a list", pointer=name)
    return proceed(app)


app.use(middlewares=[refuse_unclear_parameters])


def _routes() -> list[Route]:
    return [*app._static_routes, *app._dynamic_routes]


def _problem(
    status: HTTPStatus,
    code: str,
    detail: str,
    faults: list[tuple[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response[str]:
    context = app.current_event.request_context
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers = _RETRY
    # Powertools writes only `application/json` as JSON by itself.
    return Response(
        status_code=status,
        content_type="application/problem+json",
        body=problem(
            status,
            code,
            detail,
            instance=context.path or app.current_event.path,
            request_id=context.request_id or "",
            faults=faults or [],
        ).model_dump_json(),
        headers=headers,
    )
