"""`POST /hints/{task_id}` through the real handler: whatever is sent, the answer is the same."""

from typing import Any

import pytest
from botocore.client import BaseClient
from image_to_video.wiring import application

from tests.conftest import Application, ScriptedGenerator
from tests.handlers.conftest import sample
from tests.support.rest import Reply, creation, send

OWN = "https://{api}.execute-api.us-east-1.amazonaws.com/v1"


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {"HINTS_URL": OWN}


def hint(task_id: str, token: str | None, body: str = "{}") -> Reply:
    event = sample("receive_hint/hint")
    event["path"] = f"/hints/{task_id}"
    event["pathParameters"] = {"task_id": task_id}
    for name in ("headers", "multiValueHeaders"):
        del event[name]["X-A2e-Webhook-Token"]
    if token is not None:
        event["headers"]["x-a2e-webhook-token"] = token
        event["multiValueHeaders"]["x-a2e-webhook-token"] = [token]
    event["body"] = body
    return send(event)


def test_a_start_tells_the_generator_where_and_how_to_call(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    event = creation({"image_url": "https://images.example.com/a.png"})
    # Whatever a caller says about the address of the API.
    event["headers"]["Host"] = event["requestContext"]["domainName"] = "evil.example"
    task_id = send(event).body["task_id"]
    [request] = generator.requests
    assert request.hint is not None
    assert request.hint.url == f"{OWN.replace('{api}', 'a1b2c3d4e5')}/hints/{task_id}"


def test_every_call_is_answered_alike(deployed: Application, generator: ScriptedGenerator) -> None:
    task_id = send(creation({"image_url": "https://images.example.com/a.png"})).body["task_id"]
    assert generator.requests[0].hint is not None
    token, tasks = generator.requests[0].hint.token, application("a1b2c3d4e5").video_tasks
    replies = [
        hint(task_id, None),
        hint(task_id, "", body="no JSON"),
        hint(task_id, "1." + "A" * 43, body="{" * 5000),
        hint("0" * 32, token),
    ]
    assert tasks.get("demo", task_id).hints_taken == 0
    replies += [hint(task_id, token, body="\ud800"), hint(task_id, token)]
    assert tasks.get("demo", task_id).hints_taken == 1
    assert {(reply.status, reply.text) for reply in replies} == {(204, "")}


def test_a_forged_hint_calls_nothing_but_for_the_key(
    deployed: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    called, real = [], BaseClient.__dict__["_make_api_call"]

    def noted(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        called.append(operation)
        return real(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    for _ in range(3):
        assert hint("0" * 32, "1." + "A" * 43).status == 204
    assert called == ["GetSecretValue"]
