"""The REST API. Routes translate; what can go wrong becomes a problem document in one place."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query
from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video import __version__
from image_to_video.catalogue import event_catalogue
from image_to_video.errors import (
    GeneratorRejectedError,
    IdempotencyKeyReusedError,
    ImageToVideoError,
    InvalidCursorError,
    InvalidTaskError,
    TaskNotFoundError,
)
from image_to_video.models import FailureCode, Task, TaskStatus
from image_to_video.observability import count, logger, metrics
from image_to_video.requests import TaskRequest
from image_to_video.views import TaskList, TaskView
from image_to_video.wiring import video_tasks
from pydantic import AwareDatetime, BaseModel

app = APIGatewayRestResolver(enable_validation=True)

# What a caller is told: HTTP status and `code` for each error; any other one is a 503.
_ANSWERS: Final[dict[type[ImageToVideoError], tuple[HTTPStatus, str]]] = {
    InvalidTaskError: (HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request"),
    IdempotencyKeyReusedError: (HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
    InvalidCursorError: (HTTPStatus.BAD_REQUEST, "malformed_request"),
    TaskNotFoundError: (HTTPStatus.NOT_FOUND, "task_not_found"),
}
# What the generator may refuse at the start; the record of such a task stays and says the same.
_REFUSALS: Final = (FailureCode.INVALID_IMAGE, FailureCode.CONTENT_REFUSED)
_JSON: Final = "application/json"
# Moments at the ends of the calendar cannot always be written in UTC.
_FIRST_DAY: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_DAY: Final = datetime(9000, 1, 1, tzinfo=UTC)
# How soon asking again makes sense, while a task is open.
_RETRY_AFTER_SECONDS: Final = 10


class FieldError(BaseModel):
    """One field that is wrong."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """An error, as RFC 9457 has it, with a `code` for programs."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[FieldError] = []


class Health(BaseModel):
    """That the API answers, and which version of it."""

    status: str = "ok"
    version: str


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
    created_after: Annotated[AwareDatetime | None, Query(ge=_FIRST_DAY, le=_LAST_DAY)] = None,
    created_before: Annotated[AwareDatetime | None, Query(ge=_FIRST_DAY, le=_LAST_DAY)] = None,
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


@app.get("/tasks/<task_id>")
def get_task(task_id: Annotated[str, Path(max_length=64)]) -> Response[TaskView]:
    """Show one of your tasks, in whatever status."""
    return _show(video_tasks().get(_owner(), task_id), HTTPStatus.OK, {})


@app.get("/health")
def get_health() -> Health:
    """Tell that the API answers."""
    return Health(version=__version__)


@app.get("/asyncapi.json")
def get_event_catalogue() -> Response[dict[str, Any]]:
    """Show the catalogue of events, as AsyncAPI; its schemas are where events say they are."""
    return Response(status_code=HTTPStatus.OK, content_type=_JSON, body=event_catalogue())


@app.exception_handler(ImageToVideoError)
def answer_error(error: ImageToVideoError) -> Response[str]:
    """Everything raised on purpose."""
    if isinstance(error, GeneratorRejectedError):
        return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, error.code, str(error))
    status, code = _ANSWERS.get(
        type(error), (HTTPStatus.SERVICE_UNAVAILABLE, "temporarily_unavailable")
    )
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
    faults = [(_pointer(fault["loc"]), fault["msg"]) for fault in error.errors()]
    return _problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", "Some fields are wrong.", faults
    )


@app.exception_handler(RequestUnsupportedContentType)
def answer_content_type(_: RequestUnsupportedContentType) -> Response[str]:
    """A body of another kind."""
    detail = "Send the body as JSON, with Content-Type: application/json."
    return _problem(HTTPStatus.BAD_REQUEST, "malformed_request", detail)


@app.exception_handler(RecursionError)
def answer_deep_nesting(_: RecursionError) -> Response[str]:
    """JSON that is nested deeper than Python reads it."""
    return _problem(HTTPStatus.BAD_REQUEST, "malformed_request", "The JSON is nested too deeply.")


@app.exception_handler(Exception)
def answer_fault(_: Exception) -> Response[str]:
    """Whatever nobody meant: the caller may ask again, the log and a metric say what it was."""
    logger.exception("request failed")
    count("RequestsFailed")
    detail = "Something went wrong here; ask again, with the same Idempotency-Key."
    return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "temporarily_unavailable", detail)


@app.not_found
def answer_no_route(_: NotFoundError) -> Response[str]:
    """A path that is not one of the API's."""
    return _problem(HTTPStatus.NOT_FOUND, "route_not_found", "There is no such route.")


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    return app.resolve(_without_forms(event), context)


def _without_forms(event: dict[str, Any]) -> dict[str, Any]:
    """Name the type of any body but JSON as one that Powertools refuses: it would read forms."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    kind = headers.get("content-type", _JSON).partition(";")[0].strip().lower()
    return event | {"headers": headers | {"content-type": _JSON if kind == _JSON else "refused"}}


def _owner() -> str:
    return str(app.current_event.request_context.authorizer["owner"])


def _show(task: Task, status: HTTPStatus, headers: dict[str, str]) -> Response[TaskView]:
    logger.append_keys(task_id=task.task_id)
    wait = {} if task.status.is_final else {"Retry-After": str(_RETRY_AFTER_SECONDS)}
    return Response(
        status_code=status,
        content_type=_JSON,
        body=video_tasks().show(task),
        headers={**headers, **wait},
    )


def _problem(
    status: HTTPStatus, code: str, detail: str, faults: list[tuple[str, str]] | None = None
) -> Response[str]:
    problem = Problem(
        title=status.phrase,
        status=status,
        detail=detail,
        instance=app.current_event.path,
        code=code,
        request_id=app.current_event.request_context.request_id or "",
        errors=[FieldError(pointer=pointer, detail=text) for pointer, text in faults or []],
    )
    # Powertools writes only `application/json` as JSON by itself.
    return Response(
        status_code=status,
        content_type="application/problem+json",
        body=problem.model_dump_json(),
    )


def _pointer(place: tuple[str | int, ...]) -> str:
    """RFC 6901 for a place in the body; for a header or a query parameter its plain name."""
    where, *path = place
    if where != "body":
        return str(path[0]) if path else str(where)
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
