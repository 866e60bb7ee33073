"""An object in the image bucket becomes one task of the owner that its key names."""

from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from botocore.exceptions import ClientError
from image_to_video.domain.errors import GeneratorUnavailableError, UnreadableImageError
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import FailureCode, Task, WaitingFor
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.uploads import UploadedObject
from image_to_video.wiring import Application as Services

from tests.conftest import Application, ScriptedGenerator
from tests.support.images import JPEG, PNG, WEBP
from tests.support.workflow import executions

MAX_BYTES = 10 * 1024 * 1024


@pytest.fixture(autouse=True)
def _versions(application: Application) -> None:
    """The image bucket keeps versions, as the template says."""
    application.client("s3").put_bucket_versioning(
        Bucket="images", VersioningConfiguration={"Status": "Enabled"}
    )


def upload(
    application: Application,
    key: str = "uploads/anna/a.png",
    body: bytes = PNG,
    metadata: dict[str, str] | None = None,
    **options: Any,
) -> UploadedObject:
    reply = application.client("s3").put_object(
        Bucket="images", Key=key, Body=body, Metadata=metadata or {}, **options
    )
    return UploadedObject("images", key, reply["VersionId"], reply["ETag"].strip('"'), "0001")


def created(tasks: VideoTasks, uploaded: UploadedObject) -> Task:
    task = tasks.create_from_upload(uploaded)
    assert task is not None
    return task


def assert_failed(task: Task, code: FailureCode, words: str) -> None:
    assert task.status is TaskStatus.FAILED
    assert task.failure is not None
    assert task.failure.code is code
    assert words in task.failure.message


def test_one_object_is_one_task_and_one_start(
    tasks: VideoTasks, application: Application, generator: ScriptedGenerator
) -> None:
    uploaded = upload(application, "uploads/anna/ä + b.png", metadata={"prompt": "wave"})
    first, second = (created(tasks, uploaded) for _ in range(2))
    assert first == second
    assert (first.owner, first.name, first.prompt) == ("anna", "ä + b.png", "wave")
    assert first.image_url == "s3://images/uploads/anna/ä + b.png"
    assert executions(application) == [first.execution]
    [request] = generator.requests
    assert request.image_url.startswith("https://")
    assert unquote(urlsplit(request.image_url).path).endswith("/uploads/anna/ä + b.png")
    assert "X-Amz-Signature" in request.image_url
    assert "Signature" not in first.image_url


def copied(
    application: Application,
    source: UploadedObject,
    key: str | None = None,
    metadata: dict[str, str] | None = None,
    **options: Any,
) -> UploadedObject:
    """Copy an object, onto itself unless a key is given; with its metadata unless some is given."""
    key = key or source.key
    if metadata is not None:
        options |= {"Metadata": metadata, "MetadataDirective": "REPLACE"}
    reply = application.client("s3").copy_object(
        Bucket="images", Key=key, CopySource={"Bucket": "images", "Key": source.key}, **options
    )
    etag = reply["CopyObjectResult"]["ETag"].strip('"')
    return UploadedObject("images", key, reply["VersionId"], etag, "0002")


def in_parts(application: Application, key: str, body: bytes, size: int) -> UploadedObject:
    """Upload an object in parts of this size, as tools do with large files."""
    s3, parts = application.client("s3"), []
    upload_id = s3.create_multipart_upload(Bucket="images", Key=key)["UploadId"]
    at = {"Bucket": "images", "Key": key, "UploadId": upload_id}
    for number, start in enumerate(range(0, len(body), size), start=1):
        part = s3.upload_part(**at, PartNumber=number, Body=body[start : start + size])
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    reply = s3.complete_multipart_upload(**at, MultipartUpload={"Parts": parts})
    return UploadedObject("images", key, reply["VersionId"], reply["ETag"].strip('"'), "0003")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The metrics that the intake has counted."""
    names: list[str] = []
    monkeypatch.setattr("image_to_video.lifecycle.intake.count", names.append)
    return names


def test_an_event_without_a_version_is_one_task_of_the_version_that_was_read(
    tasks: VideoTasks, application: Application, generator: ScriptedGenerator
) -> None:
    uploaded = upload(application)
    plain = UploadedObject("images", uploaded.key, None, uploaded.etag, "0001")
    assert created(tasks, plain) == created(tasks, plain) == created(tasks, uploaded)
    upload(application, body=JPEG)
    [request] = generator.requests
    assert f"versionId={uploaded.version_id}" in request.image_url


def test_administration_of_an_object_is_no_new_order(
    tasks: VideoTasks, application: Application, generator: ScriptedGenerator, counted: list[str]
) -> None:
    first = upload(application, metadata={"prompt": "wave"})
    task = created(tasks, first)
    attributes = {"prompt": "wave", "mtime": "1764208000.25", "uid": "501", "mode": "33188"}
    touched = [
        upload(application, metadata={"prompt": "wave"}),
        copied(application, first, metadata=attributes),
        copied(application, first, StorageClass="STANDARD_IA"),
        copied(application, first, StorageClass="GLACIER"),
    ]
    for uploaded in touched[::-1]:
        assert created(tasks, uploaded) == task
        assert created(tasks, first) == task
    assert len(generator.requests) == len(executions(application)) == 1
    assert counted.count("UploadsRepeated") == len(touched)


def test_an_upload_in_parts_and_its_copies_are_one_order(
    tasks: VideoTasks, application: Application, generator: ScriptedGenerator
) -> None:
    key, body = "uploads/anna/large.png", PNG.ljust(6 * 1024 * 1024, b"\0")
    parts = in_parts(application, key, body, 5 * 1024 * 1024)
    whole = copied(application, parts, StorageClass="STANDARD_IA")
    assert parts.etag != whole.etag
    again = in_parts(application, key, body, 5 * 1024 * 1024 + 1)
    archived = copied(application, whole, StorageClass="DEEP_ARCHIVE")
    ids = {created(tasks, one).task_id for one in (parts, whole, again, archived)}
    assert len(ids) == len(generator.requests) == 1


def test_other_content_other_options_and_another_key_are_new_orders(
    tasks: VideoTasks, application: Application, generator: ScriptedGenerator, counted: list[str]
) -> None:
    first = upload(application)
    orders = [
        first,
        copied(application, first, metadata={"prompt": "wave"}),
        copied(application, first, metadata={"meta-take": "2"}),
        copied(application, first, "uploads/anna/b.png"),
        copied(application, first, "uploads/bob/a.png"),
        upload(application, body=JPEG),
    ]
    ids = {created(tasks, uploaded).task_id for uploaded in orders}
    assert len(ids) == len(generator.requests) == len(orders)
    assert "UploadsRepeated" not in counted


def test_what_comes_back_as_it_was_is_the_order_that_it_was(
    tasks: VideoTasks, application: Application, generator: ScriptedGenerator
) -> None:
    first = created(tasks, upload(application))
    created(tasks, upload(application, body=JPEG))
    application.client("s3").delete_object(Bucket="images", Key="uploads/anna/a.png")
    assert created(tasks, upload(application)) == first
    assert len(generator.requests) == 2


def test_the_generator_gets_a_link_to_the_very_version_that_was_uploaded(
    tasks: VideoTasks, application: Application, generator: ScriptedGenerator
) -> None:
    uploaded = upload(application)
    upload(application, body=JPEG)
    tasks.create_from_upload(uploaded)
    [request] = generator.requests
    assert f"versionId={uploaded.version_id}" in request.image_url


@pytest.mark.parametrize("body", [PNG, JPEG, WEBP, PNG.ljust(MAX_BYTES, b"\0")], ids=len)
def test_three_kinds_of_image_are_taken_up_to_10_mib(
    tasks: VideoTasks, application: Application, generator: ScriptedGenerator, body: bytes
) -> None:
    assert created(tasks, upload(application, body=body)).status is TaskStatus.GENERATING
    assert len(generator.requests) == 1


def test_the_options_come_from_the_metadata(
    tasks: VideoTasks, application: Application, generator: ScriptedGenerator
) -> None:
    metadata = {
        "prompt": "Waves roll in.",
        "negative-prompt": "blur",
        "name": "My film",
        "video-time": "10",
        "model-version": "a2e-v2",
        "extend-prompt": "TRUE",
        "skip-face-enhance": "false",
        "end-image-url": "https://example.com/last.png",
        "meta-order": "77",
        "unrelated": "x",
    }
    task = created(tasks, upload(application, metadata=metadata))
    assert (task.name, task.metadata) == ("My film", {"order": "77"})
    [request] = generator.requests
    assert (request.prompt, request.negative_prompt) == ("Waves roll in.", "blur")
    assert (request.video_time, request.model_version) == (10, "a2e-v2")
    assert (request.extend_prompt, request.skip_face_enhance) == (True, False)
    assert request.end_image_url == "https://example.com/last.png"


@pytest.mark.parametrize(
    ("body", "metadata", "code", "words"),
    [
        (b"\xff\xd8\xff", {}, FailureCode.INVALID_IMAGE, "cut"),
        (JPEG[: len(JPEG) // 3], {}, FailureCode.INVALID_IMAGE, "cut"),
        (PNG[:-20], {}, FailureCode.INVALID_IMAGE, "cut"),
        (WEBP[:-1], {}, FailureCode.INVALID_IMAGE, "cut"),
        (b"<html>not a picture</html>", {}, FailureCode.INVALID_IMAGE, "not a JPEG"),
        (b"GIF89a" + bytes(100), {}, FailureCode.INVALID_IMAGE, "JPEG, PNG or WebP"),
        (b"RIFF\x24\0\0\0WAVEfmt ", {}, FailureCode.INVALID_IMAGE, "not a JPEG"),
        (PNG.ljust(MAX_BYTES + 1, b"\0"), {}, FailureCode.INVALID_IMAGE, f"at most {MAX_BYTES}"),
        (PNG, {"video-time": "7"}, FailureCode.INVALID_REQUEST, "video-time"),
        (PNG, {"video-time": "ten"}, FailureCode.INVALID_REQUEST, "video-time"),
        (PNG, {"video_time": "20"}, FailureCode.INVALID_REQUEST, "write video-time"),
        (PNG, {"model-version": "best"}, FailureCode.INVALID_REQUEST, "model-version"),
        (PNG, {"extend-prompt": "maybe"}, FailureCode.INVALID_REQUEST, "extend-prompt"),
        (PNG, {"extend_prompt": "true"}, FailureCode.INVALID_REQUEST, "write extend-prompt"),
        (
            *(PNG, {"end-image-url": "http://10.0.0.1/a.png"}, FailureCode.INVALID_REQUEST),
            "end-image-url: must be a public address",
        ),
        (
            *(PNG, {"lora": "66b1f0", "prompt": "wave"}, FailureCode.INVALID_REQUEST),
            "lora: takes the place of prompt",
        ),
        (PNG, {"prompt": "x" * 1001}, FailureCode.INVALID_REQUEST, "prompt"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str | FailureCode) else "",
)
def test_an_invalid_upload_is_recorded_as_failed_and_never_started(
    tasks: VideoTasks,
    application: Application,
    generator: ScriptedGenerator,
    body: bytes,
    metadata: dict[str, str],
    code: FailureCode,
    words: str,
) -> None:
    task = created(tasks, upload(application, body=body, metadata=metadata))
    assert task.owner == "anna"
    assert_failed(task, code, words)
    assert generator.requests == []
    assert executions(application) == []
    assert tasks.get("anna", task.task_id) == task


def test_an_image_that_cannot_be_decrypted_is_recorded_as_failed(
    tasks: VideoTasks,
    services: Services,
    application: Application,
    generator: ScriptedGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> None:
        raise UnreadableImageError("The uploaded object is encrypted.")

    monkeypatch.setattr(services._storage, "image", refuse)
    task = created(tasks, upload(application))
    assert_failed(task, FailureCode.INVALID_IMAGE, "encrypted")
    assert generator.requests == []


@pytest.mark.parametrize(
    ("key", "words"), [("uploads/anna/a.png", "removed"), ("uploads/a/../b", "segment of dots")]
)
def test_an_object_that_cannot_be_fetched_is_recorded_as_failed(
    tasks: VideoTasks, generator: ScriptedGenerator, key: str, words: str
) -> None:
    task = created(tasks, UploadedObject("images", key, None, "e", "1"))
    assert_failed(task, FailureCode.INVALID_IMAGE, words)
    assert generator.requests == []


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_archived_upload_is_a_failed_task_until_it_can_be_read(
    tasks: VideoTasks, application: Application, generator: ScriptedGenerator, storage_class: str
) -> None:
    metadata = {"prompt": "wave", "meta-order": "77"}
    archived = upload(application, metadata=metadata, StorageClass=storage_class)
    task = created(tasks, archived)
    assert_failed(task, FailureCode.INVALID_IMAGE, "archived")
    assert (task.owner, task.prompt, task.metadata) == ("anna", "wave", {"order": "77"})
    assert created(tasks, archived) == task
    assert generator.requests == []

    # Refused because it was archived, it can be ordered once it is not.
    again = created(tasks, upload(application, metadata=metadata))
    assert again.status is TaskStatus.GENERATING
    assert again.task_id != task.task_id


def test_a_permission_of_ours_that_is_missing_is_an_error_and_no_task(
    tasks: VideoTasks, services: Services, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploaded = upload(application)
    denied: Any = {"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}

    def refuse(**_: object) -> None:
        raise ClientError(denied, "GetObject")

    monkeypatch.setattr(services._storage._client, "get_object", refuse)
    with pytest.raises(ClientError, match="AccessDenied"):
        tasks.create_from_upload(uploaded)
    assert application.table("TASKS_TABLE").scan()["Items"] == []


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("uploads/anna/2026/", {}),
        ("uploads/anna/2026_$folder$", {}),
        ("uploads/anna/2026/", {"ContentType": "application/x-directory; charset=UTF-8"}),
        ("uploads/anna/a.png", {"Metadata": {"prompt": "wave", "mode": "33188"}}),
        ("uploads/anna/archive/", {"StorageClass": "GLACIER"}),
        ("uploads/a/../b", {}),
    ],
)
def test_an_empty_object_is_no_order(
    tasks: VideoTasks,
    application: Application,
    generator: ScriptedGenerator,
    counted: list[str],
    key: str,
    options: dict[str, Any],
) -> None:
    reply = application.client("s3").put_object(Bucket="images", Key=key, Body=b"", **options)
    assert tasks.create_from_upload(UploadedObject("images", key, None, "e", "1")) is None
    versioned = UploadedObject("images", key, reply["VersionId"], "e", "1")
    assert tasks.create_from_upload(versioned) is None
    assert application.table("TASKS_TABLE").scan()["Items"] == []
    assert generator.requests == []
    assert counted == ["UploadsEmpty"] * 2


def test_what_follows_an_empty_first_write_is_the_order(
    tasks: VideoTasks, application: Application, generator: ScriptedGenerator
) -> None:
    empty, written = upload(application, body=b""), upload(application)
    task = created(tasks, written)
    assert tasks.create_from_upload(empty) is None
    assert task.status is TaskStatus.GENERATING
    assert len(generator.requests) == 1


@pytest.mark.parametrize("key", ["uploads/anna/2026/", "uploads/anna/.png"])
def test_an_image_is_an_order_whatever_its_key_looks_like(
    tasks: VideoTasks, application: Application, generator: ScriptedGenerator, key: str
) -> None:
    assert created(tasks, upload(application, key)).status is TaskStatus.GENERATING


@pytest.mark.parametrize(
    "key", ["uploads/a.png", "uploads//a.png", "uploads/anna/", "uploads/../a.png", "x/y/z"]
)
def test_a_key_without_an_owner_is_left_alone(
    tasks: VideoTasks, application: Application, generator: ScriptedGenerator, key: str
) -> None:
    assert tasks.create_from_upload(upload(application, key)) is None
    assert application.table("TASKS_TABLE").scan()["Items"] == []
    assert generator.requests == []


def test_a_key_of_1000_characters_works(
    tasks: VideoTasks, application: Application, generator: ScriptedGenerator
) -> None:
    key = "uploads/anna/" + "k" * 983 + ".png"
    task = created(tasks, upload(application, key))
    assert (len(key), task.image_url) == (1000, f"s3://images/{key}")
    assert task.name == "k" * 120
    assert len(generator.requests) == 1


def test_an_upload_waits_for_a_generator_that_is_unavailable(
    tasks: VideoTasks, application: Application, generator: ScriptedGenerator
) -> None:
    generator.starts = [GeneratorUnavailableError("busy")]
    task = created(tasks, upload(application))
    assert (task.status, task.waiting_for) == (TaskStatus.QUEUED, WaitingFor.GENERATOR)
