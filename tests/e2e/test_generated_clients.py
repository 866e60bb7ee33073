"""Clients that well-known generators make of the contracts, against the deployed stack."""

import importlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from types import ModuleType
from typing import Any

import httpx
import pytest
from image_to_video.adapters.token_table import TokenTable

from tests.conftest import PROJECT
from tests.e2e.conftest import Running
from tests.support.generated_clients import models, python_client
from tests.support.patience import PATIENCE, until

CONTRACT: dict[str, Any] = json.loads(
    (PROJECT / "functions" / "public" / "openapi.json").read_text()
)
OPERATIONS: dict[str, dict[str, Any]] = {
    operation["operationId"]: operation
    for path in CONTRACT["paths"].values()
    for operation in path.values()
}


class Client:
    """The generated Python client; its functions by the name of their operation."""

    def __init__(self, package: str) -> None:
        self._package = package
        self.models: Any = self._part("models")

    def connected(self, base_url: str, token: str, **arguments: Any) -> Any:
        """A client of one stack, or of whatever a transport answers."""
        return self._part("client").AuthenticatedClient(
            base_url=base_url,
            token=token,
            timeout=httpx.Timeout(PATIENCE),
            httpx_args=arguments,
            raise_on_unexpected_status=True,
        )

    def call(self, operation: str, client: Any) -> Callable[..., Any]:
        """The function of an operation; it answers with the status and what was parsed."""
        (tag,) = OPERATIONS[operation]["tags"]
        return partial(self._part(f"api.{tag}.{operation}").sync_detailed, client=client)

    def _part(self, name: str) -> ModuleType:
        return importlib.import_module(f"{self._package}.{name}")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(python_client(tmp_path_factory.mktemp("client")))


@pytest.fixture(scope="module")
def connected(generated: Client, running: Running) -> Iterator[Any]:
    with generated.connected(running.stack.api_url, running.stack.token) as client:
        yield client


def documented() -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Every error of every operation, each with each of its examples."""
    for name, operation in OPERATIONS.items():
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                component = response["$ref"].rpartition("/")[2]
                [content] = CONTRACT["components"]["responses"][component]["content"].values()
                for example in content["examples"].values():
                    yield name, int(status), example["value"]


ARGUMENTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "create_task": lambda made: {"body": made.TaskRequest(image_url="https://a.example/a.png")},
    "create_upload": lambda made: {
        "body": made.UploadRequest(
            filename="a.png", content_type=made.UploadRequestContentType.IMAGEPNG
        )
    },
    **dict.fromkeys(
        ("get_task", "cancel_task", "get_video", "receive_hint"), lambda _: {"task_id": "0" * 32}
    ),
}


@pytest.mark.parametrize(
    ("operation", "status", "problem"),
    list(documented()),
    ids=[f"{name} {status} {problem['code']}" for name, status, problem in documented()],
)
def test_every_documented_error_is_typed(
    generated: Client, operation: str, status: int, problem: dict[str, Any]
) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, json=problem))
    arguments = ARGUMENTS.get(operation, lambda _: {})(generated.models)

    with generated.connected("https://api.example.com/v1", "t", transport=transport) as client:
        answer = generated.call(operation, client)(**arguments)

    assert type(answer.parsed).__name__.endswith("Problem")
    assert answer.parsed.status == answer.status_code == status
    assert (answer.parsed.code.value, answer.parsed.to_dict()) == (problem["code"], problem)


def test_a_task_is_created_and_followed(
    generated: Client, connected: Any, running: Running
) -> None:
    made = generated.models
    body = made.TaskRequest(image_url=running.sample_url, video_time=made.VideoSeconds(5))

    created = generated.call("create_task", connected)(body=body, idempotency_key="generated")
    task_id = created.parsed.task_id
    running.end_of(task_id)
    shown = generated.call("get_task", connected)(task_id)
    listed = generated.call("list_tasks", connected)(status=[made.TaskStatus.SUCCEEDED])
    canceled = generated.call("cancel_task", connected)(task_id)

    assert isinstance(created.parsed, made.TaskView)
    assert (shown.parsed.status, shown.parsed.video.width) == (made.TaskStatus.SUCCEEDED, 1280)
    assert task_id in [task.task_id for task in listed.parsed.data]
    assert canceled.parsed.cancellation is made.Cancellation.ALREADY_FINAL


def test_refusals_of_the_running_stack_are_typed(
    generated: Client, connected: Any, running: Running
) -> None:
    made, call = generated.models, partial(generated.call, client=connected)
    moment = datetime.now(UTC)
    tokens = TokenTable(running.emulator.table(running.stack.tokens_table))
    over = tokens.create(owner="demo", name="over", now=moment, expires_at=moment)
    unknown, private = "0" * 32, made.TaskRequest(image_url="http://10.0.0.1/a.png")

    def said(answer: Any) -> tuple[int, type, str]:
        return int(answer.status_code), type(answer.parsed), str(answer.parsed.code)

    def as_another(token: str) -> Any:
        with generated.connected(running.stack.api_url, token) as client:
            return generated.call("get_task", client)(unknown)

    refused = call("create_task")(body=private)
    form = call("create_upload")(
        body=made.UploadRequest(
            filename="a.png", content_type=made.UploadRequestContentType.IMAGEPNG
        )
    )

    assert said(call("list_tasks")(cursor="x")) == (
        *(400, made.BadRequestProblem),
        "malformed_request",
    )
    assert said(as_another("i2v_wrong")) == (401, made.UnauthorizedProblem, "unauthorized")
    assert said(as_another(over)) == (403, made.ForbiddenProblem, "forbidden")
    assert said(call("get_task")(unknown)) == (404, made.NotFoundProblem, "task_not_found")
    assert said(refused) == (422, made.UnprocessableContentProblem, "invalid_request")
    assert [error.pointer for error in refused.parsed.errors] == ["/image_url"]
    assert isinstance(form.parsed, made.UploadTicket)


def test_a_video_that_is_not_there_is_a_typed_conflict(
    generated: Client, connected: Any, running: Running
) -> None:
    made = generated.models
    body = made.TaskRequest(image_url=running.sample_url)
    task_id = generated.call("create_task", connected)(body=body).parsed.task_id
    generated.call("cancel_task", connected)(task_id)

    answer = generated.call("get_video", connected)(task_id)

    assert (answer.status_code, type(answer.parsed)) == (409, made.ConflictProblem)
    assert isinstance(answer.parsed.code, made.ConflictProblemCode)


def test_a_wrong_address_of_the_api_is_a_typed_error_too(
    generated: Client, running: Running
) -> None:
    base, made = f"{running.stack.api_url}/nowhere", generated.models
    with generated.connected(base, running.stack.token) as client:
        answer = generated.call("get_task", client)("0" * 32)

    assert type(answer.parsed) is made.NotFoundProblem
    assert answer.parsed.code is made.NotFoundProblemCode.ROUTE_NOT_FOUND


def test_models_of_responses_read_what_the_stack_answers(
    running: Running, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = models("openapi.json", "openapi", tmp_path_factory.mktemp("models"))
    with running.api() as api:
        created = api.post("/tasks", json={"image_url": running.sample_url})
        shown = made.TaskView.model_validate_json(created.text)
        refused = made.NotFoundProblem.model_validate_json(api.get(f"/tasks/{'0' * 32}").text)
        page = made.TaskList.model_validate_json(api.get("/tasks").text)

    assert shown.task_id in [task.task_id for task in page.data]
    assert (refused.status, refused.code) == (404, made.NotFoundProblemCode.task_not_found)


def test_models_of_events_read_what_a_subscriber_receives(
    running: Running, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = models("asyncapi.json", "asyncapi", tmp_path_factory.mktemp("events"))
    with running.api() as api:
        task_id = api.post("/tasks", json={"image_url": running.sample_url}).json()["task_id"]
    events: dict[str, Any] = {}

    def ended() -> bool:
        received = running.received(running.stack.queue_url)
        events.update({e["type"]: e for e in received if e["subject"] == task_id})
        return "image-to-video.task.succeeded" in events

    until(ended)
    for kind, event in events.items():
        name = f"Task{kind.rpartition('.')[2].title()}"
        read = getattr(made, name).model_validate(event)
        assert isinstance(read.data, made.TaskEventData)
        assert read.data.task_id == task_id
    succeeded = made.TaskSucceeded.model_validate(events["image-to-video.task.succeeded"])
    # An open word is read as a text.
    assert succeeded.data.status == made.TaskStatus.succeeded.value
    assert succeeded.data.video.key == f"demo/{task_id}.mp4"
