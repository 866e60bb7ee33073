"""Test tokens at the REST API: what the authorizer says decides, nothing that a caller sends."""

from typing import Any

import pytest

from tests.conftest import Application, ScriptedGenerator
from tests.handlers.conftest import sample
from tests.support.rest import IMAGE, assert_problem, creation, listing, send, showing


def as_tester(event: dict[str, Any], owner: str = "demo") -> dict[str, Any]:
    """The same request with a test token."""
    event["requestContext"]["authorizer"] = {"principalId": owner, "test_owner": owner}
    return event


@pytest.fixture
def tested(deployed: Application, generator: ScriptedGenerator) -> dict[str, Any]:
    """A task of a test token."""
    reply = send(as_tester(creation({"image_url": IMAGE}, key="order-77")))
    assert (reply.status, reply.body["status"]) == (202, "generating")
    assert generator.requests == []
    task: dict[str, Any] = reply.body
    return task


def test_a_test_task_says_so_and_costs_nothing(tested: dict[str, Any]) -> None:
    assert (tested["test"], tested["coins"]) == (True, 0)
    shown = send(as_tester(showing(tested["task_id"]))).body
    assert (shown["test"], shown["task_id"]) == (True, tested["task_id"])


def test_a_live_token_of_the_same_owner_never_sees_it(tested: dict[str, Any]) -> None:
    assert_problem(send(showing(tested["task_id"])), 404, "task_not_found")
    assert send(listing()).body["data"] == []
    [listed] = send(as_tester(listing())).body["data"]
    assert listed["task_id"] == tested["task_id"]


def test_the_same_key_is_a_live_task_of_its_own(
    tested: dict[str, Any], generator: ScriptedGenerator
) -> None:
    live = send(creation({"image_url": IMAGE}, key="order-77")).body
    assert live["test"] is False
    assert live["task_id"] != tested["task_id"]
    assert len(generator.requests) == 1
    assert_problem(send(as_tester(showing(live["task_id"]))), 404, "task_not_found")


def test_nothing_that_a_caller_sends_makes_a_test_task(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    event = creation({"image_url": IMAGE})
    event["headers"] = (event.get("headers") or {}) | {"test_owner": "demo", "X-Test": "true"}
    event["queryStringParameters"] = None
    assert send(event).body["test"] is False
    assert_problem(send(creation({"image_url": IMAGE, "test": True})), 422, "invalid_request")


@pytest.mark.parametrize("code", ["invalid_image", "content_refused"])
def test_a_refusal_is_answered_like_the_generator_s_own(deployed: Application, code: str) -> None:
    reply = send(as_tester(creation({"image_url": IMAGE, "prompt": f"test:{code}"})))
    assert_problem(reply, 422, code)


def test_a_reserved_prompt_that_is_none_is_refused(deployed: Application) -> None:
    reply = send(as_tester(creation({"image_url": IMAGE, "prompt": "test:explode"})))
    assert_problem(reply, 422, "invalid_request")
    assert reply.body["errors"][0]["pointer"] == "/prompt"


def test_a_form_for_an_upload_carries_the_kind(deployed: Application) -> None:
    fields = send(as_tester(sample("api/create_upload"))).body["fields"]
    assert fields["x-amz-meta-test"] == "true"
    assert "x-amz-meta-test" not in send(sample("api/create_upload")).body["fields"]
