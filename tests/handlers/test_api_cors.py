"""The REST API as browsers use it: OPTIONS, HEAD, CORS; and what every answer carries."""

import json
from typing import Any

import pytest

from tests.conftest import PROJECT, Application
from tests.handlers.conftest import TASK_ID, put_task, sample
from tests.support.rest import (
    IMAGE,
    Reply,
    assert_problem,
    at,
    creation,
    from_page,
    listing,
    pointers,
    send,
    showing,
)

PAGE = "https://pages.example.com"


@pytest.fixture
def environment(variables: dict[str, str]) -> dict[str, str]:
    """A stack that permits one page."""
    return variables | {"CORS_ORIGIN": PAGE}


def asked(path: str, method: str, **changes: Any) -> Reply:
    event = sample("public/preflight") | {"path": path, "resource": path, "httpMethod": method}
    return send(event | changes)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/tasks", "GET, OPTIONS, POST"),
        (f"/tasks/{TASK_ID}", "GET, HEAD, OPTIONS"),
        (f"/tasks/{TASK_ID}/cancel", "OPTIONS, POST"),
        (f"/tasks/{TASK_ID}/video", "GET, HEAD, OPTIONS"),
        ("/uploads", "OPTIONS, POST"),
        ("/openapi.json", "GET, HEAD, OPTIONS"),
        ("/health", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_browser_learns_what_its_page_may_send(
    without_aws: None, path: str, methods: str
) -> None:
    reply = asked(path, "OPTIONS")

    assert (reply.status, reply.text) == (204, "")
    assert reply.headers["Allow"] == reply.headers["Access-Control-Allow-Methods"] == methods
    assert reply.headers["Access-Control-Allow-Origin"] == PAGE
    permitted = reply.headers["Access-Control-Allow-Headers"].split(", ")
    assert permitted == ["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_another_method_is_refused_with_those_there_are(without_aws: None, method: str) -> None:
    reply = asked("/tasks", method)

    assert_problem(reply, 405, "method_not_allowed")
    assert reply.headers["Allow"] == "GET, OPTIONS, POST"
    assert reply.headers["Access-Control-Allow-Origin"] == PAGE


def test_no_other_method_reaches_a_task_without_a_token(deployed: Application) -> None:
    put_task(deployed, "modify_succeeded")
    event = at("/cancel", TASK_ID, method="GET")
    event["requestContext"].pop("authorizer")

    assert send(event).status == 405


def test_a_route_that_needs_an_owner_never_runs_without_one(deployed: Application) -> None:
    event = showing(TASK_ID)
    event["requestContext"].pop("authorizer")
    put_task(deployed, "modify_succeeded")

    assert_problem(send(event), 503, "temporarily_unavailable")


def test_a_page_may_read_every_answer(deployed: Application) -> None:
    replies = [
        send(from_page(creation({"image_url": IMAGE}))),
        send(from_page(creation("{"))),
        send(from_page(showing("0" * 32))),
        send(from_page(sample("public/get_health"))),
    ]

    assert [reply.status for reply in replies] == [202, 400, 404, 200]
    for reply in replies:
        assert reply.headers["Access-Control-Allow-Origin"] == PAGE
        assert reply.headers["Vary"] == "Origin"
        exposed = reply.headers["Access-Control-Expose-Headers"].split(", ")
        assert exposed == ["ETag", "Idempotent-Replayed", "Location", "Retry-After", "X-Request-Id"]


def test_no_page_may_read_anything_unless_permitted(
    deployed: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORS_ORIGIN", "")

    replies = [send(from_page(sample("api/list_tasks"))), asked("/tasks", "OPTIONS")]

    assert [reply.status for reply in replies] == [200, 204]
    for reply in replies:
        assert not [name for name in reply.headers if name.startswith("Access-Control")]


def test_a_page_hears_of_a_stack_that_is_badly_set_up(
    without_aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TASKS_TABLE")

    assert_problem(send(from_page(sample("api/list_tasks"))), 503, "temporarily_unavailable")


@pytest.mark.parametrize("tail", ["", "/video"])
def test_head_is_as_long_as_get(deployed: Application, tail: str) -> None:
    """API Gateway takes the length from the body, and sends no body after a HEAD."""
    put_task(deployed, "modify_succeeded")

    get, head = (send(at(tail, TASK_ID, method=method)) for method in ("GET", "HEAD"))

    assert (head.status, head.text) == (get.status, get.text)
    assert set(head.headers) == set(get.headers)


def test_the_contract_is_served_as_it_is_published() -> None:
    get = send(sample("public/get_contract"))
    head = send(sample("public/get_contract") | {"httpMethod": "HEAD"})

    assert (get.status, get.headers["Content-Type"]) == (200, "application/json")
    assert get.body == json.loads((PROJECT / "functions" / "public" / "openapi.json").read_text())
    assert (head.status, head.text) == (200, get.text)


def test_every_answer_names_its_request(deployed: Application) -> None:
    for event in (sample("public/get_health"), sample("api/list_tasks"), showing("x")):
        assert send(event).headers["X-Request-Id"] == event["requestContext"]["requestId"]


def test_a_parameter_is_given_once(without_aws: None) -> None:
    event = listing(limit="5")
    event["multiValueQueryStringParameters"]["limit"] = ["5", "6"]

    reply = send(event)

    assert_problem(reply, 422, "invalid_request")
    assert pointers(reply) == ["limit"]


@pytest.mark.parametrize("text", ["0", "1700000000", "2026-11-22", "2026-11-22T12:00"])
def test_a_moment_is_written_out(without_aws: None, text: str) -> None:
    reply = send(listing(created_after=text))

    assert_problem(reply, 422, "invalid_request")
    assert pointers(reply) == ["created_after"]


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_the_ends_of_the_calendar_are_moments_too(deployed: Application, text: str) -> None:
    assert send(listing(created_after=text)).status == 200
    assert send(listing(created_before=text)).status == 200


def test_an_answer_stays_small_however_much_is_wrong(without_aws: None) -> None:
    body = {"image_url": IMAGE} | {f"{number}{'x' * 5000}": 1 for number in range(200)}

    reply = send(creation(body))

    assert_problem(reply, 422, "invalid_request")
    assert len(reply.text) < 50_000


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "\x7f"])
def test_a_name_has_no_control_characters(without_aws: None, name: str) -> None:
    reply = send(creation({"image_url": IMAGE, "name": name}))

    assert_problem(reply, 422, "invalid_request")
    assert pointers(reply) == ["/name"]


def test_a_name_taken_from_an_address_has_none_either(deployed: Application) -> None:
    task = send(creation({"image_url": "https://example.com/a%00b%0Ac.png"})).body

    assert task["name"] == "a_b_c.png"
