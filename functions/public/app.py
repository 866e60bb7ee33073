"""What the REST API answers without a token, with no right to anything: documents, and refusals.

Whoever calls these routes can call nothing that spends, and wakes no function that may.
"""

import json
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video import __version__
from image_to_video.container import settings
from image_to_video.contract import openapi_responses as answers
from image_to_video.contract.http_semantics import entity_tag
from image_to_video.contract.openapi_responses import problems
from image_to_video.contract.responses import Health
from image_to_video.contract.rest_api import RestApi
from image_to_video.contract.rest_requests import JSON
from image_to_video.observability import logger, metrics

app = RestApi(cors_origin=lambda: settings().cors_origin)

_KEPT: Final = {"Cache-Control": "max-age=300"}


@app.head("/health", include_in_schema=False)
@app.get(
    "/health",
    operation_id="get_health",
    summary="Check that the API answers",
    description="Check that the API answers.",
    tags=["service"],
    responses=answers.HEALTH | problems(429, 503),
)
def get_health() -> Health:
    return Health(version=__version__)


@app.head("/openapi.json", include_in_schema=False)
@app.get(
    "/openapi.json",
    operation_id="get_contract",
    summary="This document",
    description="The contract of this API, as OpenAPI.",
    tags=["service"],
    responses=answers.CONTRACT | problems(429, 503),
)
def get_contract() -> Response[dict[str, Any]]:
    return _document("openapi")


@app.head("/asyncapi.json", include_in_schema=False)
@app.get(
    "/asyncapi.json",
    operation_id="get_event_catalogue",
    summary="The catalogue of events",
    description="The catalogue of events, as AsyncAPI; `dataschema` of an event points here.",
    tags=["service"],
    responses=answers.EVENT_CATALOGUE | problems(429, 503),
)
def get_event_catalogue() -> Response[dict[str, Any]]:
    return _document("asyncapi")


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request; for every path of the API also one that no other function answers."""
    return app.resolve(event, context)


def _document(name: str) -> Response[dict[str, Any]]:
    content = _published(name)
    return Response(HTTPStatus.OK, JSON, content, _KEPT | {"ETag": entity_tag(content)})


@cache
def _published(name: str) -> dict[str, Any]:
    """A document as `make contracts` wrote it beside this file."""
    text = Path(__file__).with_name(f"{name}.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document
