"""What a REST request may carry: its parameters, and which bodies and queries are refused."""

import base64
import re
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Path, Query
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import ConfigDict, TypeAdapter, ValidationError

from image_to_video.contract import examples
from image_to_video.contract.requests import GivenMoment, TaskRequest, UploadRequest
from image_to_video.contract.texts import Metadata, Text
from image_to_video.domain.errors import InvalidTaskError
from image_to_video.domain.permitted_text import PERMITTED_PATTERN
from image_to_video.domain.statuses import TaskStatus

type Proceed = Callable[[APIGatewayRestResolver], Response[Any]]
type Middleware = Callable[[APIGatewayRestResolver, Proceed], Response[Any]]

JSON: Final = "application/json"
# Python refuses to read a longer number, and no field may be as long as that.
_ENDLESS_NUMBER: Final = re.compile(r"\d{4300}")

TaskBody = Annotated[TaskRequest, Body(openapi_examples=examples.TASK_BODIES)]
UploadBody = Annotated[UploadRequest, Body(openapi_examples=examples.UPLOAD_BODIES)]
TaskId = Annotated[
    str,
    Path(
        pattern="^[0-9a-f]{32}$",
        description="The id that every answer and event about the task carries.",
        examples=[examples.TASK_ID],
    ),
]
IdempotencyKey = Annotated[
    Text | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        # No example: tools that send the examples would send several bodies with one key.
        description="Yours, for example the number of an order. The same request with the same key"
        " is the same task, however often it is sent.",
    ),
]
HintToken = Annotated[
    str | None,
    Header(
        # A2E's own name for it, by its reference.
        alias="X-A2e-Webhook-Token",
        description="The generator's proof that it was asked to call, made for one attempt.",
    ),
]
Limit = Annotated[
    int, Query(ge=1, le=100, description="The most tasks on the page.", examples=[20])
]
Cursor = Annotated[
    str | None,
    Query(description="`next_cursor` of the page before, of a list with the same filters."),
]
Statuses = Annotated[
    list[TaskStatus] | None,
    Query(
        description="Only tasks in this status; repeated, in any of these.",
        examples=[["queued", "generating"]],
    ),
]
CreatedAfter = Annotated[
    GivenMoment | None,
    Query(
        description="Only tasks created at this moment or later.", examples=["2026-11-22T00:00:00Z"]
    ),
]
CreatedBefore = Annotated[
    GivenMoment | None,
    Query(
        description="Only tasks created at this moment or earlier.",
        examples=["2026-11-23T00:00:00Z"],
    ),
]


_METADATA_PREFIX: Final = "metadata."
_METADATA: Final = TypeAdapter(Metadata, config=ConfigDict(hide_input_in_errors=True))
# Such a parameter has no name of its own: OpenAPI says it as an object whose members are spread.
METADATA_FILTER: Final[dict[str, Any]] = {
    "name": "metadata",
    "in": "query",
    "description": "Only tasks with exactly these pairs: `metadata.order=4711`, once for each key.",
    "required": False,
    "style": "form",
    "explode": True,
    "schema": {
        "type": "object",
        "maxProperties": 16,
        "propertyNames": {
            "pattern": PERMITTED_PATTERN.replace("^", r"^metadata\.", 1),
            "minLength": len(_METADATA_PREFIX) + 1,
            "maxLength": len(_METADATA_PREFIX) + 512,
        },
        "additionalProperties": {
            "type": "string",
            "maxLength": 512,
            "pattern": PERMITTED_PATTERN,
        },
    },
    "example": {"metadata.order": "4711"},
}


def metadata_filter(event: APIGatewayProxyEvent) -> dict[str, str]:
    """The pairs that a list's tasks must have. Raises `InvalidTaskError` for what none can have."""
    query = event.resolved_query_string_parameters
    given = {
        name.removeprefix(_METADATA_PREFIX): values[0]
        for name, values in query.items()
        if name.startswith(_METADATA_PREFIX)
    }
    try:
        return _METADATA.validate_python(given)
    except ValidationError as error:
        fault = error.errors()[0]
        name = f"{_METADATA_PREFIX}{fault['loc'][0]}" if fault["loc"] else "metadata"
        raise InvalidTaskError(fault["msg"], pointer=name) from error


def readable_only(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event, so that Powertools refuses a body that is no JSON, or none that can be read.

    Powertools itself would read forms, and would fail on JSON with a number of endless digits.
    """
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    kind = headers.get("content-type", JSON).partition(";")[0].strip().lower()
    body = _text_of(event)
    unreadable = body is None or _ENDLESS_NUMBER.search(body)
    return {
        **event,
        "headers": headers | {"content-type": JSON if kind == JSON else "unsupported"},
        "body": None if unreadable else body,
        "isBase64Encoded": False,
    }


def _text_of(event: Mapping[str, Any]) -> str | None:
    """The body without a byte order mark, which RFC 8259 lets readers ignore; None for no UTF-8."""
    body: str = event.get("body") or ""
    if event.get("isBase64Encoded"):
        try:
            body = base64.b64decode(body, validate=True).decode()
        except ValueError:
            return None
    return body.removeprefix("\ufeff")


def without_base_path(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event, with the path as it is below the API's own address.

    A custom domain whose mapping has a base path passes it on in the path, and no route begins so
    (https://docs.powertools.aws.dev/lambda/python/latest/core/event_handler/api_gateway/).
    """
    resource = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(event.get("resource") or "/"))
    found = re.fullmatch(f"(?:/[^/]+)*?({resource}/*)", event["path"])
    return {**event, "path": found[1] if found else event["path"]}


def refuse_unclear_parameters(resource: str, route: Callable[..., Any]) -> Middleware:
    """Refuse repeated and unknown query parameters of a resource; `route` has the known ones.

    A misspelt filter would otherwise be ignored, and nobody would notice. Only a list may be
    given more than once.
    """
    known = signature(route).parameters
    repeatable = {name for name in known if known[name].annotation is Statuses}

    def middleware(app: APIGatewayRestResolver, proceed: Proceed) -> Response[Any]:
        event = app.current_event
        is_list = event.resource == resource and event.http_method == "GET"
        given = event.resolved_query_string_parameters if is_list else {}
        for name, values in given.items():
            if name not in known and not name.startswith(_METADATA_PREFIX):
                raise InvalidTaskError("is no parameter of a list", pointer=name)
            if len(values) > 1 and name not in repeatable:
                raise InvalidTaskError("must be given once", pointer=name)
        return proceed(app)

    return middleware
