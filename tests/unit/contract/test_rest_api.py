"""The resolver: methods and OPTIONS of each path, and what every answer carries."""

import json
from http import HTTPStatus
from typing import Annotated, Any, cast

import pytest
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video.contract.rest_api import RestApi
from image_to_video.domain.errors import SettingsError

PAGE = "https://pages.example.com"


def an_api(origin: str | None = PAGE) -> RestApi:
    """An API with a list and a task; `None` is a stack whose settings are wrong."""

    def cors_origin() -> str:
        if origin is None:
            raise SettingsError("CORS_ORIGIN is missing")
        return origin

    app = RestApi(cors_origin=cors_origin)

    @app.get("/tasks")
    def list_tasks() -> dict[str, str]:
        return {"object": "list"}

    @app.head("/tasks/<task_id>", include_in_schema=False)
    @app.get("/tasks/<task_id>")
    def get_task(task_id: Annotated[str, Path(pattern="^[0-9a-f]+$")]) -> dict[str, str]:
        return {"task_id": task_id}

    @app.head("/document", include_in_schema=False)
    @app.get("/document")
    def get_document() -> Response[dict[str, str]]:
        headers = {"ETag": '"a"', "Vary": "Accept", "Retry-After": "10"}
        return Response(HTTPStatus.OK, "application/json", {"object": "document"}, headers)

    @app.post("/tasks/<task_id>/cancel")
    def cancel_task(task_id: str) -> Response[None]:
        return Response(HTTPStatus.NO_CONTENT)

    return app


def answer(
    app: RestApi, method: str, path: str, *, resource: str | None = None, **headers: str
) -> dict[str, Any]:
    _, _, after = path.partition("/tasks/")
    event = {
        "httpMethod": method,
        "path": path,
        "resource": resource or path,
        "headers": headers,
        "pathParameters": {"task_id": after.partition("/")[0]} if after else None,
        "requestContext": {"requestId": "a-request", "path": f"/v1{path}", "stage": "v1"},
    }
    return app.resolve(event, cast(LambdaContext, None))


def code(said: dict[str, Any]) -> tuple[int, str]:
    return said["statusCode"], json.loads(said["body"])["code"]


def test_the_methods_are_known_by_path_as_openapi_writes_it() -> None:
    assert an_api().methods == {
        "/tasks": {"GET"},
        "/document": {"GET", "HEAD"},
        "/tasks/{task_id}": {"GET", "HEAD"},
        "/tasks/{task_id}/cancel": {"POST"},
    }


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        # Of the whole API, whatever this function answers of it.
        ("/tasks", "GET, OPTIONS, POST"),
        ("/tasks/", "GET, OPTIONS, POST"),
        ("/tasks/abc", "GET, HEAD, OPTIONS"),
        (
            "/tasks/-._~()'!*:@,;=+&$%<> []{}|^\N{LATIN SMALL LETTER E WITH ACUTE}",
            "GET, HEAD, OPTIONS",
        ),
        ("/tasks/abc/cancel", "OPTIONS, POST"),
    ],
)
def test_another_method_is_refused_and_options_answered_with_the_same_methods(
    path: str, allow: str
) -> None:
    app = an_api()
    refused, options = answer(app, "PATCH", path), answer(app, "OPTIONS", path)

    assert code(refused) == (405, "method_not_allowed")
    assert (options["statusCode"], options["body"]) == (204, "")
    for said in (refused, options):
        assert said["multiValueHeaders"]["Allow"] == [allow]
    assert options["multiValueHeaders"]["Access-Control-Allow-Methods"] == [allow]


@pytest.mark.parametrize("path", ["/", "/nowhere", "/tasks.json", "/task"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "DELETE"])
def test_a_path_that_is_none_of_the_api_s_has_no_route(method: str, path: str) -> None:
    assert code(answer(an_api(), method, path)) == (404, "route_not_found")


@pytest.mark.parametrize(
    "path", ['/tasks/"', "/tasks/\N{SNOWMAN}", "/tasks/a/b", "/tasks/#/cancel"]
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
def test_with_a_character_that_no_route_takes_there_is_no_task(method: str, path: str) -> None:
    assert code(answer(an_api(), method, path)) == (404, "task_not_found")


def test_what_cannot_be_an_id_is_no_task() -> None:
    assert code(answer(an_api(), "GET", "/tasks/no-id")) == (404, "task_not_found")


def test_every_answer_names_its_request_and_head_keeps_the_body_of_get() -> None:
    app = an_api()
    said = [answer(app, "GET", "/tasks/abc"), answer(app, "HEAD", "/tasks/abc")]
    said += [answer(app, "POST", "/tasks/abc/cancel"), answer(app, "GET", "/nowhere")]

    assert [each["statusCode"] for each in said] == [200, 200, 204, 404]
    assert [bool(each["body"]) for each in said] == [True, True, False, True]
    assert said[0]["body"] == said[1]["body"]
    assert {*(each["multiValueHeaders"]["X-Request-Id"][0] for each in said)} == {"a-request"}


@pytest.mark.parametrize(
    ("path", "base"),
    [
        ("/tasks", ""),
        ("/tasks/", "../"),
        ("/tasks/abc", "../"),
        ("/tasks/abc/cancel", "../../"),
        ("/films/tasks/abc", "../"),
    ],
)
def test_the_api_s_own_address_is_found_from_every_route(path: str, base: str) -> None:
    app = an_api()
    answer(app, "GET", path, resource=path.removeprefix("/films"))
    assert app.base == base


@pytest.mark.parametrize("header", ["Origin", "origin"])
def test_a_page_may_read_what_it_asked_for(header: str) -> None:
    said = answer(an_api(), "GET", "/tasks", **{header: PAGE})
    assert said["multiValueHeaders"]["Access-Control-Allow-Origin"] == [PAGE]


def test_nothing_is_said_of_pages_to_who_is_none() -> None:
    assert (
        "Access-Control-Allow-Origin" not in answer(an_api(), "GET", "/tasks")["multiValueHeaders"]
    )


def test_wrong_settings_fail_only_what_needs_them() -> None:
    app = an_api(origin=None)

    assert answer(app, "GET", "/tasks", Origin=PAGE)["statusCode"] == 200
    assert code(answer(app, "OPTIONS", "/tasks")) == (503, "temporarily_unavailable")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_has_a_tag_is_sent_only_once(method: str) -> None:
    app = an_api()
    first = answer(app, method, "/document")
    same = answer(app, method, "/document", **{"if-none-match": 'W/"b", "a"'})
    other = answer(app, method, "/document", **{"If-None-Match": '"b"'})

    assert [each["statusCode"] for each in (first, same, other)] == [200, 304, 200]
    assert same["body"] == ""
    kept = same["multiValueHeaders"]
    assert (kept["ETag"], kept["Retry-After"], kept["X-Request-Id"]) == (
        ['"a"'],
        ["10"],
        ["a-request"],
    )
    assert "Content-Type" not in kept


def test_a_condition_on_what_has_no_tag_is_none() -> None:
    for path in ("/tasks", "/nowhere"):
        told, untold = (
            answer(an_api(), "GET", path, **{"If-None-Match": tag}) for tag in ("*", "")
        )
        assert told == untold


@pytest.mark.parametrize("tag", ['"a"', '"b"'])
def test_pages_and_accept_both_stand_in_vary(tag: str) -> None:
    said = answer(an_api(), "GET", "/document", Origin=PAGE, **{"If-None-Match": tag})
    assert said["multiValueHeaders"]["Vary"] == ["Accept", "Origin"]
    assert "ETag" in said["multiValueHeaders"]["Access-Control-Expose-Headers"][0]
