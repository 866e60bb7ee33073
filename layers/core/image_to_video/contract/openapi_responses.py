"""The answers that the REST routes declare to OpenAPI.

Headers and problems stand once in the document, as components (`openapi.py`); here they are named.
"""

from typing import Any, Final, cast

from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse

from image_to_video.contract import examples
from image_to_video.contract.examples import named, shown_at
from image_to_video.contract.responses import (
    Health,
    TaskCounts,
    TaskList,
    TaskView,
    UploadTicket,
    VideoLink,
)

type Responses = dict[int, OpenAPIResponse]


def problems(*statuses: int) -> Responses:
    """The errors of a route, by status."""
    return {
        # No content of its own, or Powertools would put the route's there.
        status: _response({"$ref": f"#/components/responses/Problem{status}", "content": {}})
        for status in statuses
    }


def _answer(
    description: str, *headers: str, links: dict[str, Any] | None = None, **content: Any
) -> OpenAPIResponse:
    """An answer with its headers; `content` is a model and its examples, or nothing."""
    names = (*headers, "X-Request-Id")
    response = {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {"application/json": content} if content else {},
    }
    return _response(response | ({"links": links} if links else {}))


def _response(content: dict[str, Any]) -> OpenAPIResponse:
    # The type of Powertools knows neither references nor links to operations.
    return cast(OpenAPIResponse, content)


def _links(*operations: str) -> dict[str, Any]:
    """Links to operations of the task that the answer shows."""
    return {
        operation.title().replace("_", ""): {
            "operationId": operation,
            "parameters": {"task_id": "$response.body#/task_id"},
        }
        for operation in operations
    }


TASK_RECORDED: Final[Responses] = {
    202: _answer(
        "The task is recorded; `Location` is where to ask for it, `Retry-After` when.",
        *("Location", "Retry-After", "Idempotent-Replayed"),
        model=TaskView,
        examples=named(accepted=examples.GENERATING),
        links=_links("get_task", "cancel_task", "get_video"),
    )
}
TASK_PAGE: Final[Responses] = {
    200: _answer(
        "One page, newest first.",
        model=TaskList,
        examples=named(page=examples.PAGE),
        links={
            "ListTasks": {
                "operationId": "list_tasks",
                "parameters": {"cursor": "$response.body#/next_cursor"},
                "description": "The next page; only where `has_more` is true.",
            }
        },
    )
}
TASK_COUNTS: Final[Responses] = {
    200: _answer(
        "A count for each status; where there are `more`, a lower bound.",
        model=TaskCounts,
        examples=named(counts=examples.COUNTS),
    )
}
TASK_SHOWN: Final[Responses] = {
    200: _answer(
        "The task in whatever status; a task that failed is no error.",
        *("Cache-Control", "ETag", "Retry-After"),
        model=TaskView,
        examples=named(
            generating=shown_at(1, examples.GENERATING),
            succeeded=shown_at(1, examples.SUCCEEDED),
            failed=shown_at(1, examples.FAILED),
        ),
        links=_links("cancel_task", "get_video"),
    ),
    304: _answer(
        "Nothing that is shown has changed, but for the seconds since the task's creation.",
        *("Cache-Control", "ETag", "Retry-After"),
    ),
}
TASK_CANCELED: Final[Responses] = {
    200: _answer(
        "The task, with what the request achieved as `cancellation`.",
        model=TaskView,
        examples=named(
            refunded=shown_at(2, examples.CANCELED),
            already_final=shown_at(2, examples.ALREADY_FINAL),
        ),
        links=_links("get_task"),
    ),
    202: _answer(
        "The cancel request is recorded; what it achieved is not known yet.",
        "Retry-After",
        model=TaskView,
        examples=named(recorded=shown_at(2, examples.GENERATING)),
        links=_links("get_task"),
    ),
}
VIDEO_LINK: Final[Responses] = {
    200: _answer(
        "The same link as JSON, where `Accept` prefers that to the video.",
        *("Cache-Control", "Vary"),
        model=VideoLink,
        examples=named(link=examples.VIDEO_LINK),
    ),
    302: _answer(
        "A link of 15 minutes, a fresh one each time; the file is named after the task.",
        *("Location", "Cache-Control", "Vary"),
    ),
}
UPLOAD_FORM: Final[Responses] = {
    201: _answer(
        "Send `fields`, and after them `file`, to `url` as multipart/form-data.",
        "Cache-Control",
        model=UploadTicket,
        examples=named(form=examples.TICKET),
        links=_links("get_task"),
    )
}
HINT_RECEIVED: Final[Responses] = {204: _answer("It was received, true or not.")}
_UNCHANGED: Final[Responses] = {
    304: _answer("The document has not changed.", "Cache-Control", "ETag")
}
HEALTH: Final[Responses] = {
    200: _answer(
        "It answers.",
        model=Health,
        examples=named(well={"status": "ok", "version": "1.0.0"}),
    )
}
EVENT_CATALOGUE: Final[Responses] = _UNCHANGED | {
    200: _answer(
        "An AsyncAPI 3 document with the JSON Schema of every event.",
        *("Cache-Control", "ETag"),
        model=dict[str, Any],
        examples=named(beginning={"asyncapi": "3.0.0"}),
    )
}
CONTRACT: Final[Responses] = _UNCHANGED | {
    200: _answer(
        "The contract of this very version.",
        *("Cache-Control", "ETag"),
        model=dict[str, Any],
        examples=named(beginning={"openapi": "3.1.0"}),
    )
}
