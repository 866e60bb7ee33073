"""The REST API: what callers send and get, through the real handler."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from image_to_video.errors import (
    GeneratorRejectedError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
)
from image_to_video.models import FailureCode
from image_to_video.observability import logger

import functions.api.app as api
from tests.conftest import Application, Clock, ScriptedGenerator
from tests.functions.conftest import invoke, sample

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

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


def send(event: dict[str, Any]) -> Reply:
    answer = invoke(api.handler, event)
    headers = {name: ", ".join(values) for name, values in answer["multiValueHeaders"].items()}
    return Reply(answer["statusCode"], headers, answer["body"])


def as_owner(event: dict[str, Any], owner: str) -> dict[str, Any]:
    event["requestContext"]["authorizer"] |= {"owner": owner, "principalId": owner}
    return event


def creation(body: object, *, key: str | None = None, owner: str = "demo") -> dict[str, Any]:
    event = sample("api/create_task_smallest")
    event["body"] = body if isinstance(body, str) else json.dumps(body)
    if key is not None:
        event["headers"]["Idempotency-Key"] = key
        event["multiValueHeaders"]["Idempotency-Key"] = [key]
    return as_owner(event, owner)


def showing(task_id: str, *, owner: str = "demo") -> dict[str, Any]:
    event = sample("api/get_task")
    event["path"] = f"/tasks/{task_id}"
    event["requestContext"]["path"] = f"/v1/tasks/{task_id}"
    event["pathParameters"] = {"task_id": task_id}
    return as_owner(event, owner)


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
    assert problem["instance"].startswith("/")
    assert problem["request_id"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    for fault in problem["errors"]:
        assert set(fault) == {"pointer", "detail"}
        assert fault["detail"]


def pointers(reply: Reply) -> list[str]:
    return [fault["pointer"] for fault in reply.body["errors"]]


def test_a_created_task_is_answered_with_its_place_and_when_to_ask_again(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    reply = send(sample("api/create_task"))

    task = reply.body
    assert reply.status == 202
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["Location"] == f"/v1/tasks/{task['task_id']}" == task["links"]["self"]
    assert int(reply.headers["Retry-After"]) > 0
    assert (
        task
        | {
            "object": "task",
            "status": "generating",
            "late": False,
            "waiting_for": None,
            "name": "Ada smiles",
            "image_url": IMAGE,
            "prompt": "She turns her head and smiles.",
            "negative_prompt": "blurry, distorted",
            "video_time": 10,
            "model_version": "a2e-v2",
            "metadata": {"order": "4711", "städtename": "Köln"},
            "created_at": "2026-11-22T12:00:00.000Z",
            "coins": 30,
            "failure": None,
            "video": None,
        }
        == task
    )
    assert [request.image_url for request in generator.requests] == [IMAGE]


def test_the_smallest_request_gets_the_stack_s_defaults(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    task = send(sample("api/create_task_smallest")).body

    assert (task["name"], task["video_time"], task["model_version"]) == (
        "ada lovelace.jpg",
        5,
        "a2e",
    )
    assert task["prompt"] == deployed.environment["DEFAULT_PROMPT"]
    assert generator.requests[0].model_version == "a2e"


def test_a_new_task_has_a_workflow_of_its_own_name(deployed: Application) -> None:
    task_id = send(sample("api/create_task")).body["task_id"]

    workflow = deployed.client("stepfunctions")
    machine = deployed.environment["STATE_MACHINE_ARN"]
    executions = workflow.list_executions(stateMachineArn=machine)["executions"]
    assert [execution["name"] for execution in executions] == [task_id]
    order = workflow.describe_execution(executionArn=executions[0]["executionArn"])["input"]
    assert json.loads(order) == {
        "task_id": task_id,
        "first_look_seconds": 20,
        "trouble_wait_seconds": 60,
    }


def test_a_repeated_key_is_the_same_task_and_one_paid_start(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    replies = [send(sample("api/create_task")) for _ in range(3)]

    assert {reply.status for reply in replies} == {202}
    assert len({reply.body["task_id"] for reply in replies}) == 1
    assert len(generator.requests) == 1


def test_a_key_is_found_whatever_case_its_header_has(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    first, second = creation({"image_url": IMAGE}, key="k"), creation({"image_url": IMAGE})
    for headers in (second["headers"], second["multiValueHeaders"]):
        headers["idempotency-key"] = "k" if headers is second["headers"] else ["k"]

    assert send(first).body["task_id"] == send(second).body["task_id"]
    assert len(generator.requests) == 1


def test_without_a_key_every_request_is_a_task(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    ids = {send(sample("api/create_task_smallest")).body["task_id"] for _ in range(2)}

    assert len(ids) == len(generator.requests) == 2


def test_a_key_with_another_body_is_refused(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    send(creation({"image_url": IMAGE}, key="k"))

    reply = send(creation({"image_url": IMAGE, "video_time": 10}, key="k"))

    assert_problem(reply, 422, "idempotency_key_reused")
    assert len(generator.requests) == 1


def test_two_owners_may_use_the_same_key(deployed: Application) -> None:
    replies = [send(creation({"image_url": IMAGE}, key="k", owner=name)) for name in ("ada", "bob")]

    assert [reply.status for reply in replies] == [202, 202]
    assert replies[0].body["task_id"] != replies[1].body["task_id"]


@pytest.mark.parametrize("code", [FailureCode.INVALID_IMAGE, FailureCode.CONTENT_REFUSED])
def test_what_the_generator_refuses_at_once_is_told_at_once(
    deployed: Application, generator: ScriptedGenerator, code: FailureCode
) -> None:
    generator.starts = [GeneratorRejectedError("no face was found", code=code)]

    replies = [send(sample("api/create_task")) for _ in range(2)]

    for reply in replies:
        assert_problem(reply, 422, code)
        assert reply.body["detail"] == "no face was found"
    assert len(generator.requests) == 1
    listed = send(listing()).body["data"]
    assert [(task["status"], task["failure"]["code"]) for task in listed] == [("failed", code)]


@pytest.mark.parametrize(
    ("trouble", "waiting_for"),
    [
        (GeneratorUnavailableError("busy"), "generator"),
        (StartUnconfirmedError("no answer"), "confirmation"),
    ],
)
def test_a_recorded_task_is_accepted_whatever_the_generator_says(
    deployed: Application, generator: ScriptedGenerator, trouble: Exception, waiting_for: str
) -> None:
    generator.starts = [trouble]

    reply = send(sample("api/create_task"))

    assert (reply.status, reply.body["status"]) == (202, "queued")
    assert reply.body["waiting_for"] == waiting_for
    assert "Retry-After" in reply.headers


FIELD_RULES = {
    "image_url missing": ({"image_url": None}, ["/image_url"]),
    "image_url too long": ({"image_url": f"https://e.com/{'a' * 2048}"}, ["/image_url"]),
    "image_url of another scheme": ({"image_url": "ftp://example.com/a.png"}, ["/image_url"]),
    "image_url with data": ({"image_url": "data:image/png;base64,AAAA"}, ["/image_url"]),
    "image_url without host": ({"image_url": "https:///a.png"}, ["/image_url"]),
    "image_url with credentials": ({"image_url": "https://a:b@example.com/"}, ["/image_url"]),
    "image_url with a bad port": ({"image_url": "https://example.com:99999/"}, ["/image_url"]),
    "prompt too long": ({"prompt": "p" * 1001}, ["/prompt"]),
    "prompt of another type": ({"prompt": 5}, ["/prompt"]),
    "negative_prompt too long": ({"negative_prompt": "p" * 1001}, ["/negative_prompt"]),
    "name too long": ({"name": "n" * 121}, ["/name"]),
    "video_time not offered": ({"video_time": 7}, ["/video_time"]),
    "model_version unknown": ({"model_version": "a2e-v9"}, ["/model_version"]),
    "metadata with too many pairs": (
        {"metadata": {str(number): "x" for number in range(17)}},
        ["/metadata"],
    ),
    "metadata value too long": ({"metadata": {"a": "x" * 513}}, ["/metadata/a"]),
    "metadata value no text": ({"metadata": {"a/b~c": 1}}, ["/metadata/a~1b~0c"]),
    "unknown field": ({"mask_face": True}, ["/mask_face"]),
    "two at once": ({"video_time": 7, "seed": 1}, ["/video_time", "/seed"]),
}


@pytest.mark.parametrize(("fields", "expected"), FIELD_RULES.values(), ids=FIELD_RULES)
def test_a_broken_rule_names_its_field(
    deployed: Application,
    generator: ScriptedGenerator,
    fields: dict[str, object],
    expected: list[str],
) -> None:
    body = {name: v for name, v in ({"image_url": IMAGE} | fields).items() if v is not None}

    reply = send(creation(body))

    assert_problem(reply, 422, "invalid_request")
    assert pointers(reply) == expected or pointers(reply)[0].startswith(f"{expected[0]}/")
    assert not generator.requests
    assert not send(listing()).body["data"]


@pytest.mark.parametrize(
    "field",
    [
        {"image_url": f"https://example.com/{'a' * 2028}"},
        {"prompt": "p" * 1000, "negative_prompt": "n" * 1000, "name": "n" * 120},
        {"metadata": {f"k{number}": "x" * 512 for number in range(16)}},
        {"video_time": 20, "model_version": "a2e-v2-flash"},
    ],
    ids="+".join,
)
def test_the_rules_longest_values_are_taken(deployed: Application, field: dict[str, Any]) -> None:
    assert send(creation({"image_url": IMAGE} | field)).status == 202


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "127.0.0.1", "[::1]", "0.0.0.0", "10.1.2.3", "192.168.0.1", "172.16.0.1"),
        *("169.254.169.254", "[fe80::1]", "[fd00::1]", "[::ffff:10.0.0.1]", "2130706433"),
        *("0x7f.1", "printer.local", "db.internal", "intranet"),
    ],
)
def test_an_image_on_a_private_host_is_refused(
    deployed: Application, generator: ScriptedGenerator, host: str
) -> None:
    reply = send(creation({"image_url": f"http://{host}/a.png"}))

    assert_problem(reply, 422, "invalid_request")
    assert pointers(reply) == ["/image_url"]
    assert not generator.requests


@pytest.mark.parametrize("length", [0, 256])
def test_a_key_has_1_to_255_characters(deployed: Application, length: int) -> None:
    reply = send(creation({"image_url": IMAGE}, key="k" * length))

    assert_problem(reply, 422, "invalid_request")
    assert pointers(reply) == ["idempotency-key"]
    assert send(creation({"image_url": IMAGE}, key="k" * 255)).status == 202


@pytest.mark.parametrize(
    "text", ["", "{", '{"image_url": }', "image_url=x", '{"image_url": "x"', "[" * 100_000]
)
def test_a_body_that_is_not_json_is_malformed(deployed: Application, text: str) -> None:
    assert_problem(send(creation(text)), 400, "malformed_request")


@pytest.mark.parametrize("text", ["null", "[]", '"https://example.com/a.png"', "5", "{}"])
def test_json_that_is_no_request_is_invalid(deployed: Application, text: str) -> None:
    assert_problem(send(creation(text)), 422, "invalid_request")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=b",
        "application/jsonp",
    ],
)
def test_another_content_type_is_malformed(
    deployed: Application, generator: ScriptedGenerator, content_type: str
) -> None:
    event = sample("api/create_task")
    event["headers"]["Content-Type"] = content_type
    event["multiValueHeaders"]["Content-Type"] = [content_type]

    assert_problem(send(event), 400, "malformed_request")
    assert not generator.requests


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_named_in_full(deployed: Application, content_type: str) -> None:
    event = sample("api/create_task")
    event["headers"] = {"content-type": content_type}

    assert send(event).status == 202


def test_a_task_is_shown_while_it_is_open_with_when_to_ask_again(
    deployed: Application, clock: Clock
) -> None:
    task_id = send(sample("api/create_task")).body["task_id"]
    clock.advance(61)

    reply = send(showing(task_id))

    assert reply.status == 200
    assert reply.body["progress"] == {
        "stage": "generating",
        "elapsed_seconds": 61,
        "expected_seconds": 600,
    }
    assert int(reply.headers["Retry-After"]) > 0


def test_a_failed_task_is_shown_like_any_other_and_nobody_needs_to_ask_again(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    generator.starts = [GeneratorRejectedError("why not", code=FailureCode.START_REFUSED)]
    created = send(sample("api/create_task"))

    reply = send(showing(created.body["task_id"]))

    assert (created.status, reply.status) == (202, 200)
    assert reply.body["failure"] == {"code": "start_refused", "message": "why not"}
    assert reply.body["progress"]["stage"] == "ended"
    assert "Retry-After" not in reply.headers


def test_somebody_else_s_task_is_answered_with_the_same_bytes_as_none(
    deployed: Application,
) -> None:
    task_id = send(creation({"image_url": IMAGE}, key="k", owner="ada")).body["task_id"]
    foreign = send(showing(task_id, owner="bob"))
    deployed.table("TASKS_TABLE").delete_item(Key={"task_id": task_id})
    unknown = send(showing(task_id, owner="bob"))

    assert_problem(foreign, 404, "task_not_found")
    assert foreign == unknown


@pytest.mark.parametrize("task_id", ["x", "a%20b", "a" * 65, "a" * 3000])
def test_an_id_that_cannot_be_one_is_not_found(deployed: Application, task_id: str) -> None:
    assert_problem(send(showing(task_id)), 404, "task_not_found")


def test_a_path_without_a_route_is_a_problem_too(deployed: Application) -> None:
    event = sample("api/get_health") | {"path": "/nowhere", "resource": "/nowhere"}

    assert_problem(send(event), 404, "route_not_found")


def test_a_missing_setting_is_answered_as_unavailable(
    deployed: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TASKS_TABLE")

    assert_problem(send(sample("api/list_tasks")), 503, "temporarily_unavailable")


def test_health_needs_no_token_and_no_settings() -> None:
    reply = send(sample("api/get_health"))

    assert (reply.status, reply.body["status"]) == (200, "ok")
    assert reply.body["version"]


def test_log_lines_of_a_request_never_carry_another_s_task(deployed: Application) -> None:
    send(sample("api/create_task"))
    assert "task_id" in logger.get_current_keys()

    send(sample("api/get_health"))

    assert "task_id" not in logger.get_current_keys()
