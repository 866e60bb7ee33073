"""The OpenAPI document: what the resolver knows of its routes, and what it cannot say itself."""

from functools import cache
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from image_to_video.contract import examples
from image_to_video.contract.examples import named
from image_to_video.contract.problem_details import Problem
from image_to_video.contract.rest_requests import METADATA_FILTER

type Node = dict[str, Any]

_ABOUT: Final = """\
A still image and a prompt in, a video in your own S3 bucket out.

Every error is a problem document (RFC 9457) with a `code` for programs. Every answer carries
`X-Request-Id`. All moments are ISO 8601 in UTC. `HEAD` is answered wherever `GET` is, but for
lists; `OPTIONS` everywhere, without a token. Somebody else's task is answered like one that does
not exist.
"""


_PUBLIC: Final = "service"
_TAGS: Final = {
    "tasks": "One image to be turned into one video: create, follow, cancel, fetch.",
    "uploads": "Send the image itself, instead of an address.",
    _PUBLIC: "About the API; needs no token.",
}
_HEADERS: Final = {
    "X-Request-Id": ("Names this answer; say it when you ask for help.", {"type": "string"}),
    "Location": ("Where to go on.", {"type": "string", "format": "uri-reference"}),
    "Retry-After": ("Seconds after which asking again makes sense.", {"type": "integer"}),
    "Cache-Control": ("How long the answer may be kept.", {"type": "string"}),
    "ETag": ("Names what is shown; send it back as `If-None-Match`.", {"type": "string"}),
    "Idempotent-Replayed": (
        "`true` where an earlier request with this `Idempotency-Key` recorded the task.",
        {"type": "string", "enum": ["true"]},
    ),
    "Vary": ("Which headers of the request the answer depends on.", {"type": "string"}),
}
_IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of the answer that you have; 304 says that it is still right.",
    "required": False,
    "schema": {"type": "string"},
    "example": 'W/"4bf5122f344554c53bde2ebb8cd2b7e3"',
}


@cache
def describe(app: APIGatewayRestResolver, version: str) -> Node:
    """The contract of this resolver's routes, complete."""
    document: Node = app.get_openapi_schema(
        title="image-to-video", version=version, description=_ABOUT
    ).model_dump(mode="json", by_alias=True, exclude_none=True)
    for item in document["paths"].values():
        for operation in item.values():
            _complete_operation(operation)
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ResponseValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas |= _problem_schemas()
    for schema in schemas.values():
        for name, member in schema.get("properties", {}).items():
            _complete_member(name, member)
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


def _complete_operation(operation: Node) -> None:
    if operation["tags"] == [_PUBLIC]:
        operation["security"] = []
    for parameter in operation.get("parameters", []):
        _complete_parameter(parameter)
    if operation["operationId"] == "list_tasks":
        operation["parameters"].append(METADATA_FILTER)
    if "304" in operation["responses"]:
        operation.setdefault("parameters", []).append(_IF_NONE_MATCH)
    responses = operation["responses"]
    # The resolver declares a 422 of its own for every route; ours is a problem.
    if "HTTPValidationError" in str(responses["422"]):
        del responses["422"]
    operation["responses"] = {
        status: {name: value for name, value in response.items() if value != {}}
        for status, response in sorted(responses.items())
    }


def _complete_member(name: str, member: Node) -> None:
    for choice in member.get("anyOf", [member]):
        # Generators of clients read a rule for names that stands apart from the values.
        for pattern, values in choice.pop("patternProperties", {}).items():
            names = choice.get("propertyNames", {"type": "string"})
            choice["propertyNames"] = names | {"pattern": pattern}
            choice["additionalProperties"] = values
    if name.endswith("_at"):
        for choice in member.get("anyOf", [member]):
            if choice["type"] == "string":
                choice["format"] = "date-time"


def _complete_parameter(parameter: Node) -> None:
    if parameter["in"] == "header":
        parameter["name"] = parameter["name"].title()
    # A parameter is left out, never null.
    schema = parameter["schema"]
    for choice in schema.pop("anyOf", []):
        if choice != {"type": "null"}:
            schema |= choice
    # The resolver writes into the schema what belongs to the parameter.
    for name in ("title", "description"):
        schema.pop(name, None)
    if "examples" in schema:
        (parameter["example"],) = schema.pop("examples")


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
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
        "content": {"application/problem+json": {"schema": schema, "examples": named(**shown)}},
    }


def _problem_schemas() -> Node:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "Problem": schema}
