"""Body and query hygiene: what is refused before a route sees it."""

from typing import Any, cast

import pytest
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from image_to_video.contract.rest_requests import readable_only, refuse_unclear_parameters
from image_to_video.domain.errors import InvalidTaskError

JSON, REFUSED = "application/json", "refused"


@pytest.mark.parametrize(
    ("headers", "body", "kind"),
    [
        (None, None, JSON),
        ({}, "{}", JSON),
        ({"Content-Type": "Application/JSON ; charset=utf-8"}, "{}", JSON),
        ({"content-type": ""}, "{}", REFUSED),
        ({"CONTENT-TYPE": "text/plain"}, "{}", REFUSED),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "a=1", REFUSED),
        ({"Content-Type": "multipart/form-data; boundary=b"}, "--b--", REFUSED),
        ({}, '{"a": ' + "9" * 4299 + "}", JSON),
        ({}, '{"a": ' + "9" * 4300 + "}", REFUSED),
    ],
)
def test_only_readable_json_keeps_its_type(
    headers: dict[str, str] | None, body: str | None, kind: str
) -> None:
    event = {"headers": headers, "body": body, "path": "/tasks"}
    before = dict(event)

    read = readable_only(event)

    assert read == event | {"headers": {"content-type": kind}}
    assert event == before


def test_other_headers_stay() -> None:
    read = readable_only({"headers": {"Idempotency-Key": "k"}, "body": None})
    assert read["headers"] == {"idempotency-key": "k", "content-type": JSON}


def a_list(limit: int = 20, cursor: str | None = None) -> None:
    """A route with two query parameters."""


def passed(resource: str, query: dict[str, list[str]]) -> bool:
    class App:
        current_event = APIGatewayProxyEvent(
            {"resource": resource, "multiValueQueryStringParameters": query or None}
        )

    def proceed(_: APIGatewayRestResolver) -> Response[Any]:
        return Response(200)

    middleware = refuse_unclear_parameters("/tasks", a_list)
    return middleware(cast(APIGatewayRestResolver, App), proceed).status_code == 200


@pytest.mark.parametrize("query", [{}, {"limit": ["1"]}, {"limit": ["1"], "cursor": ["c"]}])
def test_known_parameters_pass_once_each(query: dict[str, list[str]]) -> None:
    assert passed("/tasks", query)


@pytest.mark.parametrize(
    ("query", "name", "detail"),
    [
        ({"limit": ["1", "1"]}, "limit", "must be given once"),
        ({"Limit": ["1"]}, "Limit", "is no parameter of a list"),
        ({"cursor": ["c"], "state": ["failed"]}, "state", "is no parameter of a list"),
    ],
)
def test_repeated_and_unknown_ones_are_refused_by_name(
    query: dict[str, list[str]], name: str, detail: str
) -> None:
    with pytest.raises(InvalidTaskError, match=detail) as refused:
        passed("/tasks", query)
    assert refused.value.pointer == name


def test_other_resources_do_not_mind() -> None:
    assert passed("/health", {"limit": ["1", "2"], "state": ["failed"]})
