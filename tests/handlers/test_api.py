"""The REST API: tasks are created and shown, through the real handler."""

import json

import pytest
from image_to_video.domain.errors import (
    GeneratorRejectedError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
)
from image_to_video.domain.executions import execution_name
from image_to_video.domain.task import FailureCode
from image_to_video.observability import logger
from image_to_video.settings import Settings

from tests.conftest import Application, Clock, ScriptedGenerator
from tests.handlers.conftest import sample
from tests.support.rest import IMAGE, assert_problem, creation, listing, send, showing


def test_a_created_task_is_answered_with_its_place_and_when_to_ask_again(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    reply = send(sample("api/create_task"))

    task = reply.body
    assert reply.status == 202
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["Location"] == f"tasks/{task['task_id']}" == task["links"]["self"]
    assert int(reply.headers["Retry-After"]) > 0
    assert (
        task
        | {
            "object": "task",
            "status": "generating",
            "late": False,
            "waiting_for": None,
            "place_in_line": None,
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
    assert task["prompt"] == Settings.released()["DEFAULT_PROMPT"]
    assert generator.requests[0].model_version == "a2e"


def test_a_new_task_has_a_workflow_of_its_own_name(deployed: Application, clock: Clock) -> None:
    task_id = send(sample("api/create_task")).body["task_id"]

    workflow = deployed.client("stepfunctions")
    machine = deployed.environment["STATE_MACHINE_ARN"]
    executions = workflow.list_executions(stateMachineArn=machine)["executions"]
    assert [execution["name"] for execution in executions] == [execution_name(task_id, clock())]
    order = workflow.describe_execution(executionArn=executions[0]["executionArn"])["input"]
    assert json.loads(order) == {
        "task_id": task_id,
        "first_poll_seconds": 20,
        "trouble_wait_seconds": 60,
    }


def test_a_repeated_key_is_the_same_task_and_one_paid_start(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    replies = [send(sample("api/create_task")) for _ in range(3)]

    assert {reply.status for reply in replies} == {202}
    assert len({reply.body["task_id"] for reply in replies}) == 1
    assert len(generator.requests) == 1


def test_a_replay_is_marked_and_a_first_request_is_not(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    marks = [
        send(creation({"image_url": IMAGE}, key=key)).headers.get("Idempotent-Replayed")
        for key in ("k", "k", None, None, "other", "k")
    ]

    assert marks == [None, "true", None, None, None, "true"]
    assert (
        "Idempotent-Replayed"
        not in send(creation({"image_url": IMAGE, "video_time": 10}, key="k")).headers
    )


def test_a_replay_of_a_refused_start_is_marked_too(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    generator.starts = [GeneratorRejectedError("no face", code=FailureCode.INVALID_IMAGE)]

    first, second = (send(creation({"image_url": IMAGE}, key="k")) for _ in range(2))

    for reply in (first, second):
        assert_problem(reply, 422, "invalid_image")
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
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
def test_what_the_generator_refuses_at_once_is_answered_at_once(
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
        "estimated_seconds": None,
    }
    assert int(reply.headers["Retry-After"]) > 0


def test_a_failed_task_is_shown_like_any_other_without_retry_after(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    generator.starts = [GeneratorRejectedError("why not", code=FailureCode.START_REFUSED)]
    created = send(sample("api/create_task"))

    reply = send(showing(created.body["task_id"]))

    assert (created.status, reply.status) == (202, 200)
    assert reply.body["failure"] == {"code": "start_refused", "message": "why not"}
    assert reply.body["progress"]["stage"] == "ended"
    assert "Retry-After" not in reply.headers


def test_another_owner_s_task_is_answered_like_one_that_does_not_exist(
    deployed: Application,
) -> None:
    task_id = send(creation({"image_url": IMAGE}, key="k", owner="ada")).body["task_id"]
    foreign = send(showing(task_id, owner="bob"))
    deployed.table("TASKS_TABLE").delete_item(Key={"task_id": task_id})
    unknown = send(showing(task_id, owner="bob"))

    assert_problem(foreign, 404, "task_not_found")
    assert foreign == unknown


@pytest.mark.parametrize("task_id", ["x", "a%20b", "a" * 65, "a" * 3000, "\x84", '"', "A" * 32])
def test_an_id_that_cannot_be_one_is_not_found(deployed: Application, task_id: str) -> None:
    assert_problem(send(showing(task_id)), 404, "task_not_found")


def test_health_needs_no_token_and_no_settings() -> None:
    reply = send(sample("public/get_health"))

    assert (reply.status, reply.body["status"]) == (200, "ok")
    assert reply.body["version"]


def test_log_lines_of_a_request_never_name_an_earlier_one_s_task(deployed: Application) -> None:
    send(sample("api/create_task"))
    assert "task_id" in logger.get_current_keys()

    send(sample("public/get_health"))

    assert "task_id" not in logger.get_current_keys()
