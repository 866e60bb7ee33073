"""Body and query hygiene: what is refused before a route sees it."""

import base64
from typing import Any, cast

import pytest
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from image_to_video.contract.rest_requests import (
    Statuses,
    metadata_filter,
    readable_only,
    refuse_unclear_parameters,
    without_base_path,
)
from image_to_video.domain.errors import InvalidTaskError

JSON, OTHER = "application/json", "unsupported"


@pytest.mark.parametrize(
    ("headers", "body", "kind"),
    [
        (None, None, JSON),
        ({}, "{}", JSON),
        ({"Content-Type": "Application/JSON ; charset=utf-8"}, "{}", JSON),
        ({"content-type": ""}, "{}", OTHER),
        ({"CONTENT-TYPE": "text/plain"}, "{}", OTHER),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "a=1", OTHER),
        ({"Content-Type": "multipart/form-data; boundary=b"}, "--b--", OTHER),
    ],
)
def test_only_readable_json_keeps_its_type(
    headers: dict[str, str] | None, body: str | None, kind: str
) -> None:
    event = {"headers": headers, "body": body, "path": "/tasks"}
    before = dict(event)

    read = readable_only(event)

    known = {"headers": {"content-type": kind}, "body": body or "", "isBase64Encoded": False}
    assert read == event | known
    assert event == before


@pytest.mark.parametrize(("digits", "readable"), [(4299, True), (4300, False)])
def test_a_number_that_python_refuses_is_no_body(digits: int, readable: bool) -> None:
    body = '{"a": ' + "9" * digits + "}"
    assert readable_only({"body": body})["body"] == (body if readable else None)


@pytest.mark.parametrize("base_path", ["", "/films", "/v2/films", "/tasks"])
@pytest.mark.parametrize(
    ("resource", "path"),
    [
        ("/tasks", "/tasks"),
        ("/tasks", "/tasks/"),
        ("/tasks/{task_id}", "/tasks/5f1c0b6c2f5e4d0f9a3b7c8d9e0f1a2b"),
        ("/tasks/{task_id}/video", "/tasks/tasks/video"),
        ("/openapi.json", "/openapi.json"),
    ],
)
def test_the_base_path_of_a_domain_is_no_part_of_a_route(
    resource: str, path: str, base_path: str
) -> None:
    read = without_base_path({"resource": resource, "path": base_path + path, "body": None})
    assert read == {"resource": resource, "path": path, "body": None}


@pytest.mark.parametrize("resource", [None, "/tasks", "/openapi.json", "/tasks/{task_id}/video"])
def test_another_path_than_the_resource_s_stays(resource: str | None) -> None:
    for path in ("/nowhere", "/openapi-json", "/tasks/a/b"):
        assert without_base_path({"resource": resource, "path": path})["path"] == path


def test_other_headers_stay() -> None:
    read = readable_only({"headers": {"Idempotency-Key": "k"}, "body": None})
    assert read["headers"] == {"idempotency-key": "k", "content-type": JSON}


@pytest.mark.parametrize("marks", [0, 1])
@pytest.mark.parametrize("encoded", [False, True])
def test_a_byte_order_mark_before_json_is_left_out(marks: int, encoded: bool) -> None:
    text = "\ufeff" * marks + '{"prompt": "Gr\u00fc\ufeffe"}'
    body = base64.b64encode(text.encode()).decode() if encoded else text

    read = readable_only({"headers": None, "body": body, "isBase64Encoded": encoded})

    assert read["headers"]["content-type"] == JSON
    assert read["body"] == '{"prompt": "Gr\u00fc\ufeffe"}'
    assert not read["isBase64Encoded"]


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "=",
        base64.b64encode(b'{"a": "\xff"}').decode(),
        base64.b64encode("{}".encode("utf-16")).decode(),
        base64.b64encode(b'{"a": ' + b"9" * 4300 + b"}").decode(),
    ],
)
def test_an_encoded_body_that_is_no_readable_text_is_refused(body: str) -> None:
    read = readable_only({"headers": None, "body": body, "isBase64Encoded": True})
    assert read["body"] is None


def a_list(limit: int = 20, cursor: str | None = None, status: Statuses = None) -> None:
    """A route with three query parameters."""


def passed(resource: str, query: dict[str, list[str]]) -> bool:
    class App:
        current_event = APIGatewayProxyEvent(
            {
                "resource": resource,
                "httpMethod": "GET",
                "multiValueQueryStringParameters": query or None,
            }
        )

    def proceed(_: APIGatewayRestResolver) -> Response[Any]:
        return Response(200)

    middleware = refuse_unclear_parameters("/tasks", a_list)
    return middleware(cast(APIGatewayRestResolver, App), proceed).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"limit": ["1"]},
        {"limit": ["1"], "cursor": ["c"]},
        {"status": ["queued", "failed"]},
        {"metadata.order": ["4711"], "metadata.a.b": ["c"]},
    ],
)
def test_known_parameters_pass_once_each(query: dict[str, list[str]]) -> None:
    assert passed("/tasks", query)


@pytest.mark.parametrize(
    ("query", "name", "detail"),
    [
        ({"limit": ["1", "1"]}, "limit", "must be given once"),
        ({"Limit": ["1"]}, "Limit", "is no parameter of a list"),
        ({"metadata.a": ["1", "1"]}, "metadata.a", "must be given once"),
        ({"metadata": ["1"]}, "metadata", "is no parameter of a list"),
        ({"Metadata.a": ["1"]}, "Metadata.a", "is no parameter of a list"),
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


def asked_for(query: dict[str, str]) -> dict[str, str]:
    given = {name: [value] for name, value in query.items()}
    return metadata_filter(APIGatewayProxyEvent({"multiValueQueryStringParameters": given}))


def test_pairs_are_read_from_the_names_of_parameters() -> None:
    assert asked_for({}) == asked_for({"limit": "1"}) == {}
    query = {"metadata.order": "4711", "metadata.a.b": "", "metadata.metadata.": "x", "limit": "1"}
    assert asked_for(query) == {"order": "4711", "a.b": "", "metadata.": "x"}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"metadata.": "x"}, "metadata."),
        ({"metadata." + "k" * 513: "x"}, "metadata." + "k" * 513),
        ({"metadata.a": "x" * 513}, "metadata.a"),
        ({"metadata.a": "x\0"}, "metadata.a"),
        ({"metadata.a\ufffe": "x"}, "metadata.a\ufffe"),
        ({f"metadata.{n}": "x" for n in range(17)}, "metadata"),
    ],
)
def test_pairs_that_no_task_can_have_are_refused(query: dict[str, str], name: str) -> None:
    with pytest.raises(InvalidTaskError) as refused:
        asked_for(query)
    assert refused.value.pointer == name
