"""What the code of the routes cannot say: their words, examples, errors and next operations."""

from typing import Any, Final

from image_to_video.contract import examples

TAGS: Final = {
    "tasks": "One image to be turned into one video: create, follow, cancel, fetch.",
    "uploads": "Send the image itself, instead of an address.",
    "service": "About the API; needs no token.",
}
# By operation: tag, summary, examples of the answer, examples of the body, errors, next operations.
_TASK_ERRORS: Final = (401, 403, 404, 429, 503)
_ERRORS: Final = (400, 401, 403, 413, 422, 429, 503)
_PUBLIC_ERRORS: Final = (429, 503)
OPERATIONS: Final[dict[str, dict[str, Any]]] = {
    "create_task": {
        "tag": "tasks",
        "summary": "Start a task",
        "says": "The task is recorded; `Location` is where to ask for it, `Retry-After` when.",
        "answers": {"accepted": examples.GENERATING},
        "bodies": {"smallest": examples.IMAGE, "everything": examples.IMAGE | examples.OPTIONS},
        "errors": _ERRORS,
        "headers": ("Location", "Retry-After"),
        "next": ("get_task", "cancel_task", "get_video"),
    },
    "list_tasks": {
        "tag": "tasks",
        "summary": "List your tasks",
        "says": "One page, newest first.",
        "answers": {
            "page": {
                "object": "list",
                "data": [examples.SUCCEEDED],
                "has_more": False,
                "next_cursor": None,
            }
        },
        "errors": (400, 401, 403, 422, 429, 503),
        "next": ("list_tasks",),
    },
    "get_task": {
        "tag": "tasks",
        "summary": "Show a task",
        "says": "The task in whatever status; a task that failed is no error.",
        "answers": {
            "generating": examples.GENERATING,
            "succeeded": examples.SUCCEEDED,
            "failed": examples.FAILED,
        },
        "errors": _TASK_ERRORS,
        "headers": ("Retry-After",),
        "next": ("cancel_task", "get_video"),
    },
    "cancel_task": {
        "tag": "tasks",
        "summary": "Cancel a task",
        "says": "The task, with what the request achieved as `cancellation`.",
        "answers": {"refunded": examples.CANCELED},
        "pending": "The wish is recorded; what it achieved is not known yet.",
        "errors": _TASK_ERRORS,
        "headers": ("Retry-After",),
        "next": ("get_task",),
    },
    "get_video": {
        "tag": "tasks",
        "summary": "Fetch the video",
        "says": "A link of 15 minutes, a fresh one each time; the file is named after the task.",
        "errors": (401, 403, 404, 409, 429, 503),
        "headers": ("Location", "Cache-Control"),
    },
    "create_upload": {
        "tag": "uploads",
        "summary": "Get a form for an image",
        "says": "Send `fields`, and after them `file`, to `url` as multipart/form-data.",
        "answers": {"form": examples.TICKET},
        "bodies": {
            "smallest": {"filename": "ada.jpg", "content_type": "image/jpeg"},
            "everything": {"filename": "ada.jpg", "content_type": "image/jpeg"} | examples.OPTIONS,
        },
        "errors": _ERRORS,
        "headers": ("Cache-Control",),
        "next": ("get_task",),
    },
    "get_health": {
        "tag": "service",
        "summary": "Tell that the API answers",
        "says": "It answers.",
        "answers": {"well": {"status": "ok", "version": "1.0.0"}},
        "errors": _PUBLIC_ERRORS,
    },
    "get_event_catalogue": {
        "tag": "service",
        "summary": "The catalogue of events",
        "says": "An AsyncAPI 3 document with the JSON Schema of every event.",
        "answers": {"beginning": {"asyncapi": "3.0.0"}},
        "errors": _PUBLIC_ERRORS,
        "headers": ("Cache-Control",),
    },
    "get_contract": {
        "tag": "service",
        "summary": "This document",
        "says": "The contract of this very version.",
        "answers": {"beginning": {"openapi": "3.1.0"}},
        "errors": _PUBLIC_ERRORS,
        "headers": ("Cache-Control",),
    },
}
PARAMETERS: Final[dict[str, tuple[str, object]]] = {
    "task_id": ("The id that every answer and event about the task carries.", examples.TASK_ID),
    "Idempotency-Key": (
        "Yours. The same request with the same key is the same task, however often it is sent.",
        "order-4711",
    ),
    "limit": ("The most tasks on the page.", 20),
    "cursor": ("`next_cursor` of the page before, of a list with the same filters.", None),
    "status": ("Only tasks in this status.", "succeeded"),
    "created_after": ("Only tasks created at this moment or later.", "2026-11-22T00:00:00Z"),
    "created_before": ("Only tasks created at this moment or earlier.", "2026-11-23T00:00:00Z"),
}
HEADERS: Final = {
    "X-Request-Id": ("Names this answer; say it when you ask for help.", {"type": "string"}),
    "Location": ("Where to go on.", {"type": "string", "format": "uri-reference"}),
    "Retry-After": ("Seconds after which asking again makes sense.", {"type": "integer"}),
    "Cache-Control": ("How long the answer may be kept.", {"type": "string"}),
}
