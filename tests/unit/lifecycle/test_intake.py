"""A request becomes one recorded task, one for each key, with a workflow before it is paid."""

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import IdempotencyKeyReusedError
from image_to_video.domain.generator import Started, StartRequest
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import ModelVersion
from image_to_video.lifecycle.repair import Repair
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import WorkflowSteps

from tests.conftest import Application, Clock, ScriptedGenerator
from tests.support.workflow import executions

REQUEST = TaskRequest(image_url="https://example.com/art/portrait%20one.png")
# A value for each field of a request, and another one.
FIELDS: dict[str, tuple[Any, Any]] = {
    "image_url": ("https://example.com/a.png", "https://example.com/b.png"),
    "prompt": ("wave", "smile"),
    "negative_prompt": ("blurry", "blurred"),
    "name": ("cat", "dog"),
    "video_time": (5, 10),
    "model_version": (ModelVersion.A2E, ModelVersion.A2E_V2),
    "extend_prompt": (False, True),
    "end_image_url": (None, "https://example.com/last.png"),
    "skip_face_enhance": (False, True),
    "lora": (None, "66b1f0"),
    "metadata": ({"order": "1", "shop": "2"}, {"order": "2", "shop": "1"}),
}


def test_the_same_key_is_the_same_task(
    tasks: VideoTasks, generator: ScriptedGenerator, application: Application
) -> None:
    first, second = (tasks.create("anna", REQUEST, "key") for _ in range(2))
    assert first == second
    assert len(generator.requests) == 1
    assert executions(application) == [first.execution]


def test_the_same_key_of_another_owner_is_another_task(tasks: VideoTasks) -> None:
    ids = {tasks.create(owner, REQUEST, "key").task_id for owner in ("anna", "ben")}
    assert len(ids) == 2


def test_without_a_key_every_request_is_a_task(tasks: VideoTasks) -> None:
    assert len({tasks.create("anna", REQUEST, None).task_id for _ in range(3)}) == 3


PROMPTS = {"prompt", "negative_prompt", "extend_prompt"}


def fields_beside(field: str, given: int) -> dict[str, Any]:
    """All fields that a request may have together with `field`: a LoRA takes no prompt."""
    excluded = PROMPTS if field == "lora" else {"lora"}
    return {name: values[given] for name, values in FIELDS.items() if name not in excluded}


@pytest.mark.parametrize("field", TaskRequest.model_fields)
def test_a_key_that_comes_with_another_value_in_any_field_is_refused(
    tasks: VideoTasks, generator: ScriptedGenerator, field: str
) -> None:
    """A field without values in the table above fails here: the fingerprint has to cover it."""
    usual = fields_beside(field, 0)
    first = tasks.create("anna", TaskRequest.model_validate(usual), "key")
    other = TaskRequest.model_validate(usual | {field: FIELDS[field][1]})
    with pytest.raises(IdempotencyKeyReusedError):
        tasks.create("anna", other, "key")
    assert len(generator.requests) == 1
    assert tasks.get("anna", first.task_id) == first


@pytest.mark.parametrize("field", [name for name in FIELDS if name != "image_url"])
def test_a_key_that_comes_without_a_field_it_had_is_refused(tasks: VideoTasks, field: str) -> None:
    given = fields_beside(field, 1)
    tasks.create("anna", TaskRequest.model_validate(given), "key")
    del given[field]
    with pytest.raises(IdempotencyKeyReusedError):
        tasks.create("anna", TaskRequest.model_validate(given), "key")


def test_a_repeated_request_may_be_written_in_another_way(tasks: VideoTasks) -> None:
    """Defaults spelled out, and metadata in another order, are still the same request."""
    url, metadata = "https://example.com/a.png", {"order": "1", "shop": "2"}
    spelled_out: dict[str, Any] = {"image_url": url} | {
        name: field.get_default(call_default_factory=True)
        for name, field in TaskRequest.model_fields.items()
        if not field.is_required()
    }
    first = tasks.create("anna", TaskRequest(image_url=url, metadata=metadata), "key")
    spelled_out["metadata"] = dict(reversed(metadata.items()))
    assert tasks.create("anna", TaskRequest.model_validate(spelled_out), "key") == first


def test_what_the_caller_leaves_out_is_filled_in(
    tasks: VideoTasks, generator: ScriptedGenerator
) -> None:
    task = tasks.create("anna", REQUEST, None)
    [request] = generator.requests
    assert task.name == "portrait one.png"
    assert request.prompt
    assert request.negative_prompt
    assert (request.video_time, request.model_version.value) == (5, "a2e")


def test_the_workflow_exists_before_anything_is_paid(
    tasks: VideoTasks,
    generator: ScriptedGenerator,
    application: Application,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = generator.start

    def watch(request: StartRequest) -> Started:
        [execution] = executions(application)
        assert execution.partition("-")[0] == request.name.partition("-")[0]
        return start(request)

    monkeypatch.setattr(generator, "start", watch)
    assert tasks.create("anna", REQUEST, None).status is TaskStatus.GENERATING


def test_without_a_workflow_nothing_is_paid_and_nothing_is_lost(
    tasks: VideoTasks,
    steps: WorkflowSteps,
    repair: Repair,
    generator: ScriptedGenerator,
    application: Application,
    workflow_client: Any,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise EndpointConnectionError(endpoint_url="states")

    with monkeypatch.context() as patch:
        patch.setattr(workflow_client, "start_execution", down)
        task = tasks.create("anna", REQUEST, "key")
    assert task.status is TaskStatus.QUEUED
    assert generator.requests == []
    clock.advance(3600)
    assert repair.reconcile_tasks() == 1
    assert len(executions(application)) == 1
    clock.advance(20)
    steps.poll_task(task.task_id)
    assert tasks.get("anna", task.task_id).status is TaskStatus.GENERATING


def test_a_lora_is_sent_in_place_of_both_prompts(
    tasks: VideoTasks, generator: ScriptedGenerator
) -> None:
    request = TaskRequest(image_url=REQUEST.image_url, lora="66b1f0", prompt=" ")
    task = tasks.create("anna", request, None)
    [sent] = generator.requests
    assert (sent.lora, sent.prompt, sent.negative_prompt) == ("66b1f0", "", "")
    assert (task.lora, task.prompt, task.negative_prompt) == ("66b1f0", "", "")


def test_the_prompt_is_sent_as_it_is_unless_it_may_be_extended(
    tasks: VideoTasks, generator: ScriptedGenerator
) -> None:
    for fields in ({}, {"extend_prompt": True, "skip_face_enhance": True}):
        tasks.create("anna", TaskRequest.model_validate(REQUEST.model_dump() | fields), None)
    sent = [(request.extend_prompt, request.skip_face_enhance) for request in generator.requests]
    assert sent == [(False, False), (True, True)]
