"""The OpenAPI document: what the resolvers know of their routes, and what it cannot say itself."""

from functools import cache
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from image_to_video.contract import examples
from image_to_video.contract.examples import PROBLEMS, named
from image_to_video.contract.problem_details import Problem
from image_to_video.contract.rest_requests import METADATA_FILTER

type Node = dict[str, Any]

_SCHEMAS: Final = "#/components/schemas/"

_ABOUT: Final = """\
A still image and a prompt in, a video in your own S3 bucket out.

Every error is a problem document (RFC 9457) with a `code` for programs. A path that is none of this
API's is answered by 404 with the code `route_not_found`, a method that a path has not by 405 with
the code `method_not_allowed` and the header `Allow`.

Answers of a route carry `X-Request-Id`. What API Gateway answers before a route (401, 403, 413,
429, an unknown path, and 503 while a route cannot be reached) does not; there `request_id` in the
body names the request.

All moments are ISO 8601 in UTC. Links and `Location` are relative references, to be resolved
against the address of the request (RFC 3986). `HEAD` is answered wherever `GET` is, but for lists;
`OPTIONS` on every path of this API, without a token. Somebody else's task is answered like one that
does not exist.
"""
_LICENSE: Final = {"name": "Apache License 2.0", "identifier": "Apache-2.0"}


_PUBLIC: Final = ("service", "hints")
_TAGS: Final = {
    "tasks": "One image to be turned into one video: create, follow, cancel, fetch.",
    "uploads": "Send the image itself, instead of an address.",
    "service": "About the API; needs no token.",
    "hints": "What the generator tells; no token of an owner.",
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
    "WWW-Authenticate": ("The scheme to send a token by: `Bearer`.", {"type": "string"}),
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
def describe(apps: tuple[APIGatewayRestResolver, ...], version: str) -> Node:
    """The contract of these resolvers' routes, complete."""
    document, *others = (
        app.get_openapi_schema(
            title="image-to-video", version=version, description=_ABOUT
        ).model_dump(mode="json", by_alias=True, exclude_none=True)
        for app in apps
    )
    for other in others:
        document["paths"] |= other["paths"]
        document["components"]["schemas"] |= other["components"]["schemas"]
    # In the order that one resolver for all of them has.
    document["paths"] = dict(sorted(document["paths"].items(), key=lambda path: "{" not in path[0]))
    document["components"]["schemas"] = dict(sorted(document["components"]["schemas"].items()))
    for item in document["paths"].values():
        for operation in item.values():
            _complete_operation(operation)
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ResponseValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas |= _problem_schemas()
    document["info"]["license"] = _LICENSE
    for schema in schemas.values():
        for name, member in schema.get("properties", {}).items():
            _complete_member(name, member)
    document["servers"] = [
        # Relative to the document's own address, which is that of every other route.
        {"url": ".", "description": "Where this document was served."},
        {
            "url": "https://{api}.execute-api.{region}.amazonaws.com/v1",
            "description": "A stack on AWS; its outputs name this address.",
            "variables": {"api": {"default": "a1b2c3d4e5"}, "region": {"default": "us-east-1"}},
        },
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
        "responses": {f"Problem{status}": _problem(status) for status in PROBLEMS},
    }
    return document


def _complete_operation(operation: Node) -> None:
    if operation["tags"][0] in _PUBLIC:
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
    described = PROBLEMS[status]
    names = [] if described.gateway_only else ["X-Request-Id"]
    names += ["Retry-After"] if described.says_when else []
    names += ["WWW-Authenticate"] if status == HTTPStatus.UNAUTHORIZED else []
    # The refusal of a task that an earlier request with the key has recorded.
    names += ["Idempotent-Replayed"] if status == HTTPStatus.UNPROCESSABLE_ENTITY else []
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
        for code, detail in described.codes.items()
    }
    content = {"schema": {"$ref": _SCHEMAS + _schema_name(status)}, "examples": named(**shown)}
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    return {
        "description": described.meaning,
        **({"headers": headers} if headers else {}),
        "content": {"application/problem+json": content},
    }


def _problem_schemas() -> Node:
    """Schemas of whole problems, one for each status, and of their codes.

    Whole and named, because code generators make nothing of one that refines another (`allOf`).
    """
    whole = Problem.model_json_schema(ref_template=_SCHEMAS + "{model}")
    schemas: Node = whole.pop("$defs")
    for status, described in PROBLEMS.items():
        name = _schema_name(status)
        members = {
            "status": {"title": "Status", "type": "integer", "const": status},
            "code": {"$ref": f"{_SCHEMAS}{name}Code"},
        }
        schemas[name] = whole | {
            "title": name,
            "description": described.meaning,
            "properties": whole["properties"] | members,
        }
        codes = {"title": f"{name}Code", "type": "string", "enum": list(described.codes)}
        schemas[f"{name}Code"] = codes
    return schemas


def _schema_name(status: int) -> str:
    """404 is `NotFoundProblem`."""
    return HTTPStatus(status).phrase.replace(" ", "") + "Problem"
