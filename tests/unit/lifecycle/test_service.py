"""The service around a task: admission, cancel, repair, lists."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import (
    IdempotencyKeyReusedError,
    InvalidCursorError,
    InvalidTaskError,
)
from image_to_video.domain.generator import Started, StartRequest
from image_to_video.domain.task import (
    FailureCode,
    Task,
    TaskStatus,
)
from image_to_video.lifecycle.repair import Repair
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.uploads import UploadedObject
from image_to_video.lifecycle.workflow_steps import WorkflowSteps
from image_to_video.wiring import Application as Services

from tests.conftest import Application, Clock, ScriptedGenerator

REQUEST = TaskRequest(image_url="https://example.com/art/portrait%20one.png")


def executions(application: Application) -> list[str]:
    found = application.client("stepfunctions").list_executions(
        stateMachineArn=application.environment["STATE_MACHINE_ARN"]
    )
    return [execution["name"] for execution in found["executions"]]


class TestAdmission:
    def test_the_same_key_is_the_same_task(
        self, tasks: VideoTasks, generator: ScriptedGenerator, application: Application
    ) -> None:
        first, second = (tasks.create("anna", REQUEST, "key") for _ in range(2))
        assert first == second
        assert len(generator.requests) == 1
        assert executions(application) == [first.task_id]

    def test_the_same_key_of_another_owner_is_another_task(self, tasks: VideoTasks) -> None:
        ids = {tasks.create(owner, REQUEST, "key").task_id for owner in ("anna", "ben")}
        assert len(ids) == 2

    def test_without_a_key_every_request_is_a_task(self, tasks: VideoTasks) -> None:
        assert len({tasks.create("anna", REQUEST, None).task_id for _ in range(3)}) == 3

    def test_the_same_key_with_another_request_is_refused(
        self, tasks: VideoTasks, generator: ScriptedGenerator
    ) -> None:
        tasks.create("anna", REQUEST, "key")
        other = REQUEST.model_copy(update={"prompt": "something else"})
        with pytest.raises(IdempotencyKeyReusedError):
            tasks.create("anna", other, "key")
        assert len(generator.requests) == 1

    def test_what_the_caller_leaves_out_is_filled_in(
        self, tasks: VideoTasks, generator: ScriptedGenerator
    ) -> None:
        task = tasks.create("anna", REQUEST, None)
        [request] = generator.requests
        assert task.name == "portrait one.png"
        assert request.prompt
        assert request.negative_prompt
        assert (request.video_time, request.model_version.value) == (5, "a2e")

    def test_the_workflow_exists_before_anything_is_paid(
        self,
        tasks: VideoTasks,
        generator: ScriptedGenerator,
        application: Application,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        start = generator.start

        def watch(request: StartRequest) -> Started:
            assert request.name.startswith(executions(application)[0])
            return start(request)

        monkeypatch.setattr(generator, "start", watch)
        assert tasks.create("anna", REQUEST, None).status is TaskStatus.GENERATING

    def test_without_a_workflow_nothing_is_paid_and_nothing_is_lost(
        self,
        tasks: VideoTasks,
        services: Services,
        steps: WorkflowSteps,
        repair: Repair,
        generator: ScriptedGenerator,
        application: Application,
        clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def down(*_: Any, **__: Any) -> None:
            raise EndpointConnectionError(endpoint_url="states")

        client = services._workflow._client
        monkeypatch.setattr(client, "start_execution", down)
        task = tasks.create("anna", REQUEST, "key")
        assert task.status is TaskStatus.QUEUED
        assert generator.requests == []
        monkeypatch.undo()
        clock.advance(3600)
        assert repair.reconcile_overdue() == 1
        assert len(executions(application)) == 1
        clock.advance(20)
        steps.advance(task.task_id)
        assert tasks.get("anna", task.task_id).status is TaskStatus.GENERATING

    @pytest.mark.parametrize(
        "address",
        [
            "http://127.0.0.1/a.png",
            "http://localhost/a.png",
            "http://10.0.0.1/a.png",
            "https://192.168.1.1:8443/a.png",
            "http://169.254.169.254/latest/meta-data",
            "http://[::1]/a.png",
            "http://[::ffff:10.0.0.1]/a.png",
            "http://2130706433/a.png",
            "http://0177.0.0.1/a.png",
            "http://0x7f.1/a.png",
            "http://%31%32%37.0.0.1/a.png",
            "http://\uff11\uff12\uff17.0.0.1/a.png",
            "http://printer.local/a.png",
            "http://metadata.google.internal/a.png",
            "https://user:password@example.com/a.png",
            "https:///a.png",
            "https://example.com:port/a.png",
            "http://[::1/a.png",
        ],
    )
    def test_addresses_that_are_not_public_are_refused(
        self, tasks: VideoTasks, generator: ScriptedGenerator, address: str
    ) -> None:
        with pytest.raises(InvalidTaskError) as caught:
            tasks.create("anna", TaskRequest(image_url=address), None)
        assert caught.value.pointer == "/image_url"
        assert generator.requests == []
        assert tasks.list("anna", limit=1).data == []


PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


def upload(
    application: Application, key: str, body: bytes = PNG, metadata: dict[str, str] | None = None
) -> UploadedObject:
    bucket = application.environment["IMAGES_BUCKET"]
    reply = application.client("s3").put_object(
        Bucket=bucket, Key=key, Body=body, Metadata=metadata or {}
    )
    return UploadedObject(bucket, key, None, reply["ETag"].strip('"'), "0001")


class TestUpload:
    def test_one_object_is_one_task_and_one_start(
        self, tasks: VideoTasks, application: Application, generator: ScriptedGenerator
    ) -> None:
        uploaded = upload(application, "uploads/anna/ä + b.png", metadata={"prompt": "wave"})
        first, second = (tasks.create_from_upload(uploaded) for _ in range(2))
        assert first is not None
        assert first == second
        assert (first.owner, first.name, first.prompt) == ("anna", "ä + b.png", "wave")
        [request] = generator.requests
        assert request.image_url.startswith("https://")
        assert "X-Amz-Signature" in request.image_url
        assert "Signature" not in first.image_url

    def test_the_options_come_from_the_metadata(
        self, tasks: VideoTasks, application: Application
    ) -> None:
        metadata = {
            "negative-prompt": "blur",
            "name": "My film",
            "video-time": "10",
            "model-version": "a2e-v2",
            "meta-order": "77",
            "unrelated": "x",
        }
        task = tasks.create_from_upload(upload(application, "uploads/anna/a.png", PNG, metadata))
        assert task is not None
        assert (task.negative_prompt, task.name, task.video_time) == ("blur", "My film", 10)
        assert (task.model_version.value, task.metadata) == ("a2e-v2", {"order": "77"})

    @pytest.mark.parametrize(
        ("body", "metadata", "code", "words"),
        [
            (b"", {}, FailureCode.INVALID_IMAGE, "empty"),
            (b"<html>not a picture</html>", {}, FailureCode.INVALID_IMAGE, "not a JPEG"),
            (b"RIFF1234WAVE", {}, FailureCode.INVALID_IMAGE, "not a JPEG"),
            (PNG + bytes(10 * 1024 * 1024), {}, FailureCode.INVALID_IMAGE, "at most"),
            (PNG, {"video-time": "7"}, FailureCode.INVALID_REQUEST, "video-time"),
            (PNG, {"video-time": "ten"}, FailureCode.INVALID_REQUEST, "video-time"),
            (PNG, {"model-version": "best"}, FailureCode.INVALID_REQUEST, "model-version"),
            (PNG, {"prompt": "x" * 1001}, FailureCode.INVALID_REQUEST, "prompt"),
        ],
    )
    def test_a_bad_upload_is_recorded_as_failed(
        self,
        tasks: VideoTasks,
        application: Application,
        generator: ScriptedGenerator,
        body: bytes,
        metadata: dict[str, str],
        code: FailureCode,
        words: str,
    ) -> None:
        task = tasks.create_from_upload(upload(application, "uploads/anna/x", body, metadata))
        assert task is not None
        assert task.status is TaskStatus.FAILED
        assert task.failure is not None
        assert task.failure.code is code
        assert words in task.failure.message
        assert generator.requests == []
        assert tasks.get("anna", task.task_id) == task

    def test_a_key_that_no_link_can_name_fails_at_once(
        self, tasks: VideoTasks, application: Application, generator: ScriptedGenerator
    ) -> None:
        task = tasks.create_from_upload(
            UploadedObject(
                application.environment["IMAGES_BUCKET"], "uploads/a/../b", None, "e", "1"
            )
        )
        assert task is not None
        assert task.failure is not None
        assert task.failure.code is FailureCode.INVALID_IMAGE
        assert generator.requests == []

    @pytest.mark.parametrize(
        "key", ["uploads/a.png", "uploads//a.png", "uploads/anna/", "uploads/../a.png", "x/y/z"]
    )
    def test_a_key_of_nobody_is_left_alone(
        self, tasks: VideoTasks, application: Application, key: str
    ) -> None:
        assert tasks.create_from_upload(upload(application, key)) is None

    def test_an_object_that_is_gone_is_a_failed_task(
        self, tasks: VideoTasks, application: Application
    ) -> None:
        gone = UploadedObject(
            application.environment["IMAGES_BUCKET"], "uploads/anna/a.png", None, "e", "1"
        )
        task = tasks.create_from_upload(gone)
        assert task is not None
        assert task.failure is not None
        assert task.failure.code is FailureCode.INVALID_IMAGE


class TestRepair:
    @pytest.fixture
    def stranded(self, tasks: VideoTasks, application: Application, clock: Clock) -> Task:
        """A task whose execution has ended, long after its next look was due."""
        task = tasks.create("anna", REQUEST, None)
        clock.advance(3600)
        return task

    def test_a_stranded_task_gets_a_new_execution(
        self, tasks: VideoTasks, repair: Repair, stranded: Task, application: Application
    ) -> None:
        for name in executions(application):
            application.client("stepfunctions").stop_execution(
                executionArn=execution_arn(application, name)
            )
        assert repair.reconcile_overdue() == 1
        revived = tasks.get("anna", stranded.task_id)
        assert revived.execution != stranded.execution
        assert set(executions(application)) == {stranded.execution, revived.execution}
        assert repair.reconcile_overdue() == 0

    def test_a_task_whose_workflow_lives_is_left_alone(
        self, repair: Repair, stranded: Task, application: Application
    ) -> None:
        assert repair.reconcile_overdue() == 0
        assert executions(application) == [stranded.execution]

    def test_a_closed_task_is_left_alone(
        self, tasks: VideoTasks, repair: Repair, stranded: Task, application: Application
    ) -> None:
        tasks.cancel("anna", stranded.task_id)
        application.client("stepfunctions").stop_execution(
            executionArn=execution_arn(application, stranded.execution)
        )
        assert repair.reconcile_overdue() == 0


def execution_arn(application: Application, name: str) -> str:
    machine = application.environment["STATE_MACHINE_ARN"]
    return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"


class TestLists:
    def test_pages_are_newest_first_and_complete(self, tasks: VideoTasks, clock: Clock) -> None:
        made = []
        for _ in range(7):
            made.append(tasks.create("anna", REQUEST, None).task_id)
            tasks.create("ben", REQUEST, None)
            clock.advance(1)
        seen: list[str] = []
        cursor: str | None = None
        while True:
            page = tasks.list("anna", limit=3, cursor=cursor)
            seen += [task.task_id for task in page.data]
            cursor = page.next_cursor
            assert page.has_more == (cursor is not None)
            if cursor is None:
                break
        assert seen == made[::-1]

    def test_filters_hold(self, tasks: VideoTasks, clock: Clock) -> None:
        began = clock()
        first = tasks.create("anna", REQUEST, None)
        tasks.cancel("anna", first.task_id)
        clock.advance(60)
        second = tasks.create("anna", REQUEST, None)

        def ids(**filters: Any) -> list[str]:
            return [task.task_id for task in tasks.list("anna", limit=10, **filters).data]

        assert ids(status=TaskStatus.CANCELED) == [first.task_id]
        assert ids(created_after=began + timedelta(seconds=30)) == [second.task_id]
        assert ids(created_before=began + timedelta(seconds=30)) == [first.task_id]

    def test_a_cursor_of_another_owner_is_refused(self, tasks: VideoTasks) -> None:
        for _ in range(2):
            tasks.create("anna", REQUEST, None)
        cursor = tasks.list("anna", limit=1).next_cursor
        with pytest.raises(InvalidCursorError):
            tasks.list("ben", limit=1, cursor=cursor)
