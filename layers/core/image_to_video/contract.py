"""The OpenAPI document: what the resolver generates from the code, and what code cannot say."""

from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from image_to_video import examples
from image_to_video.problems import Problem

type Node = dict[str, Any]

_ABOUT: Final = """\
A still image and a prompt in, a video in your own S3 bucket out.

Every error is a problem document (RFC 9457) with a `code` for programs. Every answer carries
`X-Request-Id`. All moments are ISO 8601 in UTC. `HEAD` is answered wherever `GET` is, but for
lists; `OPTIONS` everywhere, without a token. Somebody else's task is answered like one that does
not exist.
"""
_TAGS: Final = {
    "tasks": "One image to be turned into one video: create, follow, cancel, fetch.",
    "uploads": "Send the image itself, instead of an address.",
    "service": "About the API; needs no token.",
}
# By operation: tag, summary, examples of the answer, examples of the body, errors, next operations.
_TASK_ERRORS: Final = (401, 403, 404, 429, 503)
_ERRORS: Final = (400, 401, 403, 413, 422, 429, 503)
_PUBLIC_ERRORS: Final = (429, 503)
_OPERATIONS: Final[dict[str, Node]] = {
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
    "get_contract": {
        "tag": "service",
        "summary": "This document",
        "says": "The contract of this very version.",
        "answers": {"beginning": {"openapi": "3.1.0"}},
        "errors": _PUBLIC_ERRORS,
        "headers": ("Cache-Control",),
    },
}
_PARAMETERS: Final[dict[str, tuple[str, object]]] = {
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
_HEADERS: Final = {
    "X-Request-Id": ("Names this answer; say it when you ask for help.", {"type": "string"}),
    "Location": ("Where to go on.", {"type": "string", "format": "uri-reference"}),
    "Retry-After": ("Seconds after which asking again makes sense.", {"type": "integer"}),
    "Cache-Control": ("How long the answer may be kept.", {"type": "string"}),
}


@cache
def describe(app: APIGatewayRestResolver, version: str) -> Node:
    """The contract of this resolver's routes, complete."""
    document: Node = app.get_openapi_schema(title="image-to-video", version=version).model_dump(
        mode="json", by_alias=True, exclude_none=True
    )
    routes = {
        (route.openapi_path, route.method.lower()): route.func
        for route in (*app._static_routes, *app._dynamic_routes)
    }
    for path, item in document["paths"].items():
        for method, operation in item.items():
            _complete(operation, routes[path, method])
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ResponseValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas |= _problem_schemas()
    for schema in schemas.values():
        for name, member in schema.get("properties", {}).items():
            _complete_member(name, member)
    document["info"]["description"] = _ABOUT
    document["servers"] = [
        {
            "url": "https://{api}.execute-api.{region}.amazonaws.com/v1",
            "description": "A stack on AWS; its outputs name this address.",
            "variables": {"api": {"default": "a1b2c3d4e5"}, "region": {"default": "us-east-1"}},
        }
    ]
    document["security"] = [{"bearer": []}]
    document["tags"] = [{"name": name, "description": text} for name, text in _TAGS.items()]
    document["components"] |= {
        "securitySchemes": {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token of the stack: `i2v token create --owner anna`.",
            }
        },
        "headers": {
            name: {"description": text, "schema": schema}
            for name, (text, schema) in _HEADERS.items()
        },
        "responses": {f"Problem{status}": _problem(status) for status in examples.PROBLEMS},
    }
    return document


def _complete(operation: Node, route: Callable[..., Any]) -> None:
    name = route.__name__
    more = _OPERATIONS[name]
    operation |= {
        "operationId": name,
        "summary": more["summary"],
        "description": route.__doc__,
        "tags": [more["tag"]],
    }
    if more["tag"] == "service":
        operation["security"] = []
    for parameter in operation.get("parameters", []):
        _complete_parameter(parameter)
    if "bodies" in more:
        operation["requestBody"]["content"]["application/json"]["examples"] = _named(more["bodies"])
    operation["responses"].pop("422", None)
    (status,) = operation["responses"]
    answer = {
        "description": more["says"],
        "headers": _header_links(*more.get("headers", ()), "X-Request-Id"),
    }
    if "answers" in more:
        content = operation["responses"][status]["content"]
        content["application/json"]["examples"] = _named(more["answers"])
        answer["content"] = content
    links = {_camel(following): _link(name, following) for following in more.get("next", ())}
    if links:
        answer["links"] = links
    problems = {
        str(error): {"$ref": f"#/components/responses/Problem{error}"} for error in more["errors"]
    }
    operation["responses"] = {status: answer} | problems


def _complete_member(name: str, member: Node) -> None:
    if "patternProperties" in member:
        member["additionalProperties"] = False
    if name.endswith("_at"):
        for choice in member.get("anyOf", [member]):
            if choice["type"] == "string":
                choice["format"] = "date-time"


def _complete_parameter(parameter: Node) -> None:
    if parameter["in"] == "header":
        parameter["name"] = parameter["name"].title()
    description, example = _PARAMETERS[parameter["name"]]
    parameter["description"] = description
    if example is not None:
        parameter["example"] = example
    # A parameter is left out, never null.
    schema = parameter["schema"]
    for choice in schema.pop("anyOf", []):
        if choice != {"type": "null"}:
            schema |= choice
    schema.pop("title", None)


def _problem(status: int) -> Node:
    says, again, details = examples.PROBLEMS[status]
    headers = ["X-Request-Id", *(["Retry-After"] if again else [])]
    shown = {
        code: {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "instance": "/v1/tasks",
            "code": code,
            "request_id": examples.REQUEST_ID,
            "errors": examples.FIELD_ERRORS if code == "invalid_request" else [],
        }
        for code, detail in details.items()
    }
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Problem"},
            {"properties": {"status": {"const": status}, "code": {"enum": list(details)}}},
        ]
    }
    return {
        "description": says,
        "headers": _header_links(*headers),
        "content": {"application/problem+json": {"schema": schema, "examples": _named(shown)}},
    }


def _problem_schemas() -> Node:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "Problem": schema}


def _link(name: str, following: str) -> Node:
    if name == following == "list_tasks":
        return {
            "operationId": following,
            "parameters": {"cursor": "$response.body#/next_cursor"},
            "description": "The next page; only where `has_more` is true.",
        }
    return {"operationId": following, "parameters": {"task_id": "$response.body#/task_id"}}


def _named(shown: Node) -> Node:
    return {name: {"value": value} for name, value in shown.items()}


def _header_links(*names: str) -> Node:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _camel(name: str) -> str:
    return name.title().replace("_", "")
