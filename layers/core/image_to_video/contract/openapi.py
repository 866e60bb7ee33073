"""The OpenAPI document: what the resolver generates from the code, and what code cannot say."""

from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from image_to_video.contract import examples
from image_to_video.contract.openapi_operations import HEADERS, OPERATIONS, PARAMETERS, TAGS
from image_to_video.contract.problem_details import Problem

type Node = dict[str, Any]

_ABOUT: Final = """\
A still image and a prompt in, a video in your own S3 bucket out.

Every error is a problem document (RFC 9457) with a `code` for programs. Every answer carries
`X-Request-Id`. All moments are ISO 8601 in UTC. `HEAD` is answered wherever `GET` is, but for
lists; `OPTIONS` everywhere, without a token. Somebody else's task is answered like one that does
not exist.
"""


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
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
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
            for name, (text, schema) in HEADERS.items()
        },
        "responses": {f"Problem{status}": _problem(status) for status in examples.PROBLEMS},
    }
    return document


def _complete(operation: Node, route: Callable[..., Any]) -> None:
    name = route.__name__
    more = OPERATIONS[name]
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
    pending = {"202": answer | {"description": more["pending"]}} if "pending" in more else {}
    operation["responses"] = {status: answer} | pending | problems


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
    description, example = PARAMETERS[parameter["name"]]
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
