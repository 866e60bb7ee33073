"""Findings about the API as callers meet it."""

from typing import Any

import httpx
import pytest

from i2v.doctor import api
from i2v.doctor.api import Expected
from i2v.doctor.examined import Examined
from tests.doctor.conftest import Aws, Web, described, found, says

PROBLEM = {"Content-Type": "application/problem+json"}


def refusal(status: int, code: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code}, headers=PROBLEM | headers)


@pytest.fixture
def right(web: Web) -> Web:
    """Everything is answered as promised."""
    challenge = {"WWW-Authenticate": "Bearer"}
    web.answers |= {
        ("GET", "/v1/tasks"): refusal(401, "unauthorized", **challenge),
        ("HEAD", "/v1/tasks/unknown"): httpx.Response(401, headers=challenge),
        ("GET", "/v1/no-such-route"): refusal(404, "route_not_found"),
        ("PUT", "/v1/tasks"): refusal(405, "method_not_allowed", Allow="GET"),
        ("OPTIONS", "/v1/tasks"): httpx.Response(204, headers={"Allow": "GET"}),
        ("OPTIONS", "/v1/tasks/unknown/video"): httpx.Response(204, headers={"Allow": "GET"}),
        ("GET", "/v1/health"): httpx.Response(200, json={"version": "0.1.0"}),
        ("HEAD", "/v1/health"): httpx.Response(200),
        ("GET", "/v1/openapi.json"): httpx.Response(
            200, json={"info": {"version": "0.1.0"}}, headers={"ETag": '"a"'}
        ),
        ("HEAD", "/v1/openapi.json"): httpx.Response(200, headers={"ETag": '"a"'}),
        ("GET", "/v1/asyncapi.json"): httpx.Response(200, json={}, headers={"ETag": '"a"'}),
    }
    return web


def test_all_is_answered_as_promised(right: Web, stack: Examined) -> None:
    for check in (api.health, api.refusals, api.open_routes, api.cors, api.contract):
        assert [level for level, _ in found(check(stack))] == ["ok"], check
    assert not [one for one in right.asked if one.method in ("POST", "DELETE", "PATCH")]


@pytest.mark.parametrize(
    ("place", "answer", "check", "words"),
    [
        (("GET", "/v1/health"), httpx.Response(503), api.health, "/health answers 503"),
        (("GET", "/v1/tasks"), httpx.Response(500), api.refusals, "500 instead of 401"),
        (
            ("GET", "/v1/tasks"),
            refusal(401, "unauthorized"),
            api.refusals,
            "no WWW-Authenticate",
        ),
        (
            ("GET", "/v1/no-such-route"),
            httpx.Response(404, json={"message": "Missing"}),
            api.refusals,
            "application/json instead of a problem document",
        ),
        (
            ("GET", "/v1/no-such-route"),
            httpx.Response(404, text="<html>", headers=PROBLEM),
            api.refusals,
            "no JSON",
        ),
        (
            ("PUT", "/v1/tasks"),
            refusal(405, "other", Allow="GET"),
            api.refusals,
            "the code other instead of method_not_allowed",
        ),
        (("OPTIONS", "/v1/tasks"), httpx.Response(403), api.open_routes, "403 instead of 204"),
        (("HEAD", "/v1/health"), httpx.Response(200, text="x"), api.open_routes, "a body"),
    ],
)
def test_a_wrong_answer_is_named(
    right: Web,
    stack: Examined,
    place: tuple[str, str],
    answer: httpx.Response,
    check: Any,
    words: str,
) -> None:
    right.answers[place] = answer
    assert says(check(stack), "problem", words)


@pytest.mark.parametrize(
    ("configured", "served", "level"),
    [
        ("", "", "ok"),
        ("https://a.example", "https://a.example", "ok"),
        ("*", "*", "ok"),
        ("https://a.example", "https://old.example", "problem"),
        ("https://a.example", "", "problem"),
        ("", "https://old.example", "problem"),
    ],
)
def test_the_origin_that_the_gateway_serves(
    aws: Aws, right: Web, stack: Examined, configured: str, served: str, level: str
) -> None:
    aws.answers["DescribeStacks"] = described(parameters={"CorsOrigin": configured})
    for place, answer in list(right.answers.items()):
        assert isinstance(answer, httpx.Response)
        origin = {"Access-Control-Allow-Origin": served} if served else {}
        right.answers[place] = httpx.Response(
            answer.status_code, headers={**answer.headers, **origin}, content=answer.content
        )
    assert {one for one, _ in found(api.cors(stack))} == {level}


def test_a_contract_of_another_release(right: Web, stack: Examined) -> None:
    right.answers["GET", "/v1/health"] = httpx.Response(200, json={"version": "0.2.0"})
    assert says(api.contract(stack), "problem", "the contract is of 0.1.0, the code of 0.2.0")


def test_a_problem_document_that_is_a_list() -> None:
    answer = httpx.Response(401, json=[], headers=PROBLEM)
    faults = Expected("GET", "/tasks", 401, "unauthorized").faults(answer)
    assert faults == ["the code None instead of unauthorized"]
