"""Speaking to the API as callers do, through the real handler."""

import json
from dataclasses import dataclass
from typing import Any

import functions.api.app as api
import functions.public.app as public
import functions.receive_hint.app as receive_hint
from tests.handlers.conftest import invoke, sample

IMAGE = "https://images.example.com/portraits/ada%20lovelace.jpg"


@dataclass(frozen=True)
class Reply:
    """An answer as the caller sees it."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


APPS = (api.app, receive_hint.app, public.app)


def send(event: dict[str, Any]) -> Reply:
    """Let the function answer that API Gateway calls for this resource and method."""
    answering = (
        function
        for function in (api, receive_hint)
        if event["httpMethod"] in function.app.methods.get(event["resource"], ())
    )
    answer = invoke(next(answering, public).handler, event)
    headers = {name: ", ".join(values) for name, values in answer["multiValueHeaders"].items()}
    return Reply(answer["statusCode"], headers, answer["body"])


def as_owner(event: dict[str, Any], owner: str) -> dict[str, Any]:
    event["requestContext"]["authorizer"] |= {"owner": owner, "principalId": owner}
    return event


def creation(body: object, *, key: str | None = None, owner: str = "demo") -> dict[str, Any]:
    event = sample("api/create_task_smallest")
    event["body"] = body if isinstance(body, str) else json.dumps(body)
    if key is not None:
        having(event, "Idempotency-Key", key)
    return as_owner(event, owner)


def showing(task_id: str, *, owner: str = "demo") -> dict[str, Any]:
    event = sample("api/get_task")
    event["path"] = f"/tasks/{task_id}"
    event["requestContext"]["path"] = f"/v1/tasks/{task_id}"
    event["pathParameters"] = {"task_id": task_id}
    return as_owner(event, owner)


def at(
    tail: str,
    task_id: str,
    *,
    method: str = "GET",
    owner: str = "demo",
    origin: str | None = None,
    accept: str = "*/*",
) -> dict[str, Any]:
    """A request to `/tasks/{task_id}` and what follows it."""
    event = having(showing(task_id, owner=owner), "Accept", accept)
    event |= {"httpMethod": method, "resource": "/tasks/{task_id}" + tail}
    event["path"] += tail
    event["requestContext"] |= {"httpMethod": method, "path": f"/v1{event['path']}"}
    return event if origin is None else from_page(event, origin)


def having(event: dict[str, Any], name: str, *lines: str) -> dict[str, Any]:
    """The request with these lines of a header and no others; as API Gateway hands them over."""
    event["headers"][name] = lines[-1]
    event["multiValueHeaders"][name] = list(lines)
    return event


def from_page(event: dict[str, Any], origin: str = "https://pages.example.com") -> dict[str, Any]:
    """The same request as a browser makes it for a page of another origin."""
    return having(event, "Origin", origin)


def listing(*, owner: str = "demo", **query: str) -> dict[str, Any]:
    event = sample("api/list_tasks")
    event["queryStringParameters"] = query or None
    event["multiValueQueryStringParameters"] = {name: [value] for name, value in query.items()}
    return as_owner(event, owner)


def assert_problem(reply: Reply, status: int, code: str) -> None:
    """The answer is a problem document with every member, and no other, that is promised."""
    problem = reply.body
    assert reply.headers["Content-Type"] == "application/problem+json"
    members = {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}
    assert set(problem) == members
    assert (reply.status, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"].startswith("/v1/")
    assert reply.headers["X-Request-Id"] == problem["request_id"]
    assert problem["request_id"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    for fault in problem["errors"]:
        assert set(fault) == {"pointer", "detail"}
        assert fault["detail"]


def pointers(reply: Reply) -> list[str]:
    return [fault["pointer"] for fault in reply.body["errors"]]
