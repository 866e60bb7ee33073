"""The REST API of owners: its routes, and what OpenAPI says of each."""

from http import HTTPStatus
from typing import Any, Final

# Imported while Lambda lends the start of a container a whole processor, not by the first event.
import image_to_video.lifecycle.service
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video.adapters.storage import VIDEO_TYPE
from image_to_video.adapters.task_queries import TaskFilter
from image_to_video.container import settings
from image_to_video.contract import openapi_responses as answers
from image_to_video.contract.http_semantics import entity_tag, field_value, preferred
from image_to_video.contract.openapi_responses import problems
from image_to_video.contract.responses import (
    TaskCounts,
    TaskList,
    TaskView,
    UploadTicket,
    VideoLink,
)
from image_to_video.contract.rest_api import RestApi
from image_to_video.contract.rest_errors import REPLAYED, RETRY_AFTER
from image_to_video.contract.rest_requests import (
    JSON,
    CreatedAfter,
    CreatedBefore,
    Cursor,
    IdempotencyKey,
    Limit,
    Statuses,
    TaskBody,
    TaskId,
    UploadBody,
    metadata_filter,
    refuse_unclear_parameters,
)
from image_to_video.domain.errors import GeneratorRejectedError
from image_to_video.domain.task import Cancellation, FailureCode, Task
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.observability import apart, logger, metrics
from image_to_video.wiring import Application, application

app = RestApi(cors_origin=lambda: settings().cors_origin)

# What the generator may refuse at the start; the record of such a task stays and says the same.
_REFUSALS: Final = (FailureCode.INVALID_IMAGE, FailureCode.CONTENT_REFUSED)
# A cache may keep a task, and asks each time whether it has changed.
_REVALIDATED: Final = {"Cache-Control": "private, no-cache"}
_NEVER_KEPT: Final = {"Cache-Control": "no-store"}
# What changes of a task by itself.
_SECONDS: Final = {"elapsed_seconds", "expected_seconds", "estimated_seconds"}


@app.post(
    "/tasks",
    operation_id="create_task",
    summary="Start a task",
    description="Start a task; with the same `Idempotency-Key` the same task, however often.",
    tags=["tasks"],
    responses=answers.TASK_RECORDED | problems(400, 401, 403, 413, 415, 422, 429, 503),
)
def create_task(request: TaskBody, idempotency_key: IdempotencyKey = None) -> Response[TaskView]:
    task, replayed = video_tasks().create_or_replay(_owner(), request, idempotency_key)
    if task.failure and task.generator_task_id is None and task.failure.code in _REFUSALS:
        said, code = task.failure.message, task.failure.code
        raise GeneratorRejectedError(said, code=code, replayed=replayed)
    headers = {"Location": f"{app.base}tasks/{task.task_id}"}
    return _show(task, HTTPStatus.ACCEPTED, headers | (REPLAYED if replayed else {}))


@app.get(
    "/tasks",
    operation_id="list_tasks",
    summary="List your tasks",
    description="List your tasks, newest first.",
    tags=["tasks"],
    responses=answers.TASK_PAGE | problems(400, 401, 403, 422, 429, 503),
)
def list_tasks(
    limit: Limit = 20,
    cursor: Cursor = None,
    status: Statuses = None,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
) -> TaskList:
    wanted = TaskFilter(
        statuses=frozenset(status or ()),
        created_after=created_after,
        created_before=created_before,
        metadata=metadata_filter(app.current_event),
    )
    page = video_tasks().list(_owner(), limit=limit, cursor=cursor, wanted=wanted)
    data = [task.linked_from(app.base) for task in page.data]
    return page.model_copy(update={"data": data})


@app.head("/tasks/counts", include_in_schema=False)
@app.get(
    "/tasks/counts",
    operation_id="count_tasks",
    summary="Count your tasks",
    description="Count your tasks by status, each status up to 1,000.",
    tags=["tasks"],
    responses=answers.TASK_COUNTS | problems(401, 403, 429, 503),
)
def count_tasks() -> TaskCounts:
    return video_tasks().counts(_owner())


@app.head("/tasks/<task_id>", include_in_schema=False)
@app.get(
    "/tasks/<task_id>",
    operation_id="get_task",
    summary="Show a task",
    description="Show one of your tasks, in whatever status.",
    tags=["tasks"],
    responses=answers.TASK_SHOWN | problems(401, 403, 404, 429, 503),
)
def get_task(task_id: TaskId) -> Response[TaskView]:
    task = video_tasks().get(_owner(), task_id)
    shown = video_tasks().show(task)
    return _answer(task, shown, HTTPStatus.OK, _REVALIDATED | {"ETag": _tag_of(shown)})


@app.post(
    "/tasks/<task_id>/cancel",
    operation_id="cancel_task",
    summary="Cancel a task",
    description="Cancel a task; its coins are refunded where the generator still refunds them.",
    tags=["tasks"],
    responses=answers.TASK_CANCELED | problems(401, 403, 404, 429, 503),
)
def cancel_task(task_id: TaskId) -> Response[TaskView]:
    task, cancellation = video_tasks().cancel(_owner(), task_id)
    return _show(task, HTTPStatus.OK if cancellation else HTTPStatus.ACCEPTED, {}, cancellation)


@app.head("/tasks/<task_id>/video", include_in_schema=False)
@app.get(
    "/tasks/<task_id>/video",
    operation_id="get_video",
    summary="Fetch the video",
    description="Redirect to the finished video: a link of a few minutes, a fresh one each time."
    " Where `Accept` prefers `application/json`, the link comes as JSON, for players that cannot"
    " send a header.",
    tags=["tasks"],
    responses=answers.VIDEO_LINK | problems(401, 403, 404, 409, 429, 503),
)
def get_video(task_id: TaskId) -> Response[VideoLink | None]:
    logger.append_keys(task_id=task_id)
    event = app.current_event
    link = video_tasks().video_link(_owner(), task_id, head=event.http_method == "HEAD")
    headers = _NEVER_KEPT | {"Vary": "Accept"}
    if preferred(field_value(event.raw_event, "Accept"), (VIDEO_TYPE, JSON)) == JSON:
        return Response(HTTPStatus.OK, JSON, link, headers)
    return Response(HTTPStatus.FOUND, headers=headers | {"Location": link.url})


@app.post(
    "/uploads",
    operation_id="create_upload",
    summary="Get a form for an image",
    description="Get a form that uploads the image itself; the upload starts task `task_id`.",
    tags=["uploads"],
    responses=answers.UPLOAD_FORM | problems(400, 401, 403, 413, 415, 422, 429, 503),
)
def create_upload(request: UploadBody) -> Response[UploadTicket]:
    ticket = video_tasks().reserve_upload(_owner(), request)
    logger.append_keys(task_id=ticket.task_id)
    return Response(HTTPStatus.CREATED, JSON, ticket, _NEVER_KEPT)


app.use(middlewares=[refuse_unclear_parameters("/tasks", list_tasks)])


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    with apart(test=_is_test(event)):
        return app.resolve(event, context)


def video_tasks() -> VideoTasks:
    """What owners can do with their live tasks, or with their test tasks if the token is a test."""
    return _application().of(test=_is_test(app.current_event.raw_event)).video_tasks


def _application() -> Application:
    # The function's environment cannot name the API that calls it: that would be a cycle.
    return application(app.current_event.request_context.api_id)


def _owner() -> str:
    said = app.current_event.request_context.authorizer
    return str(said["test_owner" if _is_test(app.current_event.raw_event) else "owner"])


def _is_test(event: dict[str, Any]) -> bool:
    """True where the authorizer says so; nothing that a caller sends is asked."""
    return "test_owner" in (event["requestContext"].get("authorizer") or {})


def _tag_of(shown: TaskView) -> str:
    """The tag of all that is shown of a task, but for the seconds that pass or are expected."""
    content = shown.model_dump(mode="json", exclude={"progress": _SECONDS})
    return entity_tag(content, weak=True)


def _show(
    task: Task,
    status: HTTPStatus,
    headers: dict[str, str],
    cancellation: Cancellation | None = None,
) -> Response[TaskView]:
    return _answer(task, video_tasks().show(task, cancellation), status, headers)


def _answer(
    task: Task, shown: TaskView, status: HTTPStatus, headers: dict[str, str]
) -> Response[TaskView]:
    logger.append_keys(task_id=task.task_id)
    headers = headers if task.status.is_final else headers | RETRY_AFTER
    return Response(status, JSON, shown.linked_from(app.base), headers)
