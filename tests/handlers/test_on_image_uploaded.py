"""An object in the image bucket becomes a task of the owner its key names."""

from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from image_to_video.domain.errors import GeneratorUnavailableError
from pydantic import ValidationError

import functions.on_image_uploaded.app as on_image_uploaded
from tests.conftest import PROJECT, Application, ScriptedGenerator
from tests.handlers.conftest import invoke, sample

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

PNG = (PROJECT / "i2v" / "sample" / "portrait.png").read_bytes()
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 100
WEBP = b"RIFF\x24\0\0\0WEBPVP8 " + b"\0" * 100


@pytest.fixture(autouse=True)
def _versions(deployed: Application) -> None:
    """The image bucket keeps versions, as the template says."""
    deployed.client("s3").put_bucket_versioning(
        Bucket="images", VersioningConfiguration={"Status": "Enabled"}
    )


def upload(
    deployed: Application,
    case: str = "object_created",
    *,
    content: bytes = PNG,
    metadata: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Put the object that a sample tells of; the event that S3 would send for it."""
    event = sample(f"on_image_uploaded/{case}")
    described = event["detail"]["object"]
    put = deployed.client("s3").put_object(
        Bucket="images", Key=described["key"], Body=content, Metadata=metadata or {}
    )
    described |= {"size": len(content), "etag": put["ETag"].strip('"')}
    if "version-id" in described:
        described["version-id"] = put["VersionId"]
    return event


def deliver(event: dict[str, Any]) -> str | None:
    answer = invoke(on_image_uploaded.handler, event)
    assert set(answer) == {"task_id"}
    return answer["task_id"]  # type: ignore[no-any-return]


def tasks(deployed: Application) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = deployed.table("TASKS_TABLE").scan()["Items"]
    return found


@pytest.mark.parametrize(
    "case", ["object_created", "object_created_odd_key", "object_created_without_version"]
)
def test_an_upload_starts_a_task_of_the_owner_in_its_key(
    deployed: Application, generator: ScriptedGenerator, case: str
) -> None:
    event = upload(deployed, case)
    key = event["detail"]["object"]["key"]

    task_id = deliver(event)

    (task,) = tasks(deployed)
    assert (task["task_id"], task["owner"]) == (task_id, "demo")
    assert task["status"] == "generating"
    assert task["name"] == key.rpartition("/")[2]
    assert task["image_url"] == f"s3://images/{key}"
    (request,) = generator.requests
    assert unquote(urlsplit(request.image_url).path).endswith(f"/{key}")


@pytest.mark.parametrize("content", [PNG, JPEG, WEBP], ids=["png", "jpeg", "webp"])
def test_the_three_kinds_of_image_are_taken(
    deployed: Application, generator: ScriptedGenerator, content: bytes
) -> None:
    deliver(upload(deployed, content=content))

    assert len(generator.requests) == 1


def test_the_generator_gets_a_link_to_the_very_version_that_was_uploaded(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    event = upload(deployed)
    upload(deployed, content=JPEG)

    deliver(event)

    link = generator.requests[0].image_url
    assert f"versionId={event['detail']['object']['version-id']}" in link
    assert "X-Amz-Signature=" in link


@pytest.mark.parametrize("case", ["object_created", "object_created_without_version"])
def test_the_same_event_twice_is_one_task_and_one_paid_start(
    deployed: Application, generator: ScriptedGenerator, case: str
) -> None:
    event = upload(deployed, case)

    ids = {deliver(event) for _ in range(3)}

    assert len(ids) == len(tasks(deployed)) == len(generator.requests) == 1


def test_a_new_version_under_the_same_key_is_a_new_task(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    ids = {deliver(upload(deployed)) for _ in range(2)}

    assert len(ids) == len(generator.requests) == 2


def test_metadata_chooses_the_options(deployed: Application, generator: ScriptedGenerator) -> None:
    metadata = {
        "prompt": "Waves roll in.",
        "negative-prompt": "people",
        "name": "Sea",
        "video-time": "15",
        "model-version": "a2e-v2",
        "meta-order": "4711",
        "camera": "ignored",
    }

    deliver(upload(deployed, metadata=metadata))

    (task,) = tasks(deployed)
    assert (task["name"], task["metadata"]) == ("Sea", {"order": "4711"})
    (request,) = generator.requests
    assert (request.prompt, request.negative_prompt) == ("Waves roll in.", "people")
    assert (request.video_time, request.model_version) == (15, "a2e-v2")


@pytest.mark.parametrize(
    ("content", "metadata", "code", "reason"),
    [
        (b"", {}, "invalid_image", "empty"),
        (b"GIF89a" + b"\0" * 100, {}, "invalid_image", "JPEG, PNG or WebP"),
        (b"RIFF\x24\0\0\0WAVEfmt ", {}, "invalid_image", "JPEG, PNG or WebP"),
        (PNG + b"\0" * (10 * 1024 * 1024), {}, "invalid_image", "at most 10485760"),
        (PNG, {"video-time": "7"}, "invalid_request", "video-time"),
        (PNG, {"video-time": "soon"}, "invalid_request", "video-time"),
        (PNG, {"model-version": "a2e-v9"}, "invalid_request", "model-version"),
        (PNG, {"prompt": "p" * 1001}, "invalid_request", "prompt"),
        (PNG, {"video_time": "20"}, "invalid_request", "write video-time"),
    ],
    ids=["empty", "gif", "wave", "large", "time", "time-word", "model", "prompt", "misspelt"],
)
def test_a_bad_upload_is_recorded_as_failed_and_never_started(
    deployed: Application,
    generator: ScriptedGenerator,
    content: bytes,
    metadata: dict[str, str],
    code: str,
    reason: str,
) -> None:
    task_id = deliver(upload(deployed, content=content, metadata=metadata))

    (task,) = tasks(deployed)
    assert (task["task_id"], task["owner"], task["status"]) == (task_id, "demo", "failed")
    assert task["failure"]["code"] == code
    assert reason in task["failure"]["message"]
    assert not generator.requests
    executions = deployed.client("stepfunctions").list_executions(
        stateMachineArn=deployed.environment["STATE_MACHINE_ARN"]
    )
    assert not executions["executions"]


@pytest.mark.parametrize(
    ("kept", "meant"),
    [
        ("=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße"),
        ("=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?no-charset?B?R3LDvMOfZQ==?=", "=?no-charset?B?R3LDvMOfZQ==?="),
        ("=?UTF-8?B?/w==?=", "=?UTF-8?B?/w==?="),
        ("=?UTF-8?B?R?=", "=?UTF-8?B?R?="),
    ],
)
def test_metadata_is_read_as_s3_writes_what_is_not_ascii(
    deployed: Application, kept: str, meant: str
) -> None:
    deliver(upload(deployed, metadata={"prompt": kept, "meta-note": kept}))

    (task,) = tasks(deployed)
    assert (task["prompt"], task["metadata"]) == (meant, {"note": meant})


REFUSALS = {
    "a customer's own key": (
        400,
        "InvalidRequest",
        "stored using a form of Server Side Encryption",
    ),
    "a foreign KMS key": (403, "AccessDenied", "not authorized to perform: kms:Decrypt"),
    "a disabled KMS key": (400, "KMS.DisabledException", "the key is disabled"),
}


def refuse(monkeypatch: pytest.MonkeyPatch, status: int, code: str, message: str) -> None:
    """Let S3 answer so: HeadObject without a body, so without a reason."""
    call: Any = BaseClient._make_api_call  # type: ignore[attr-defined]

    def answer(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        if operation not in ("HeadObject", "GetObject"):
            return call(client, operation, parameters)
        reason = {"Code": str(status)} if operation == "HeadObject" else {"Code": code}
        reply = {"Error": reason | {"Message": message if operation == "GetObject" else ""}}
        raise ClientError(reply | {"ResponseMetadata": {"HTTPStatusCode": status}}, operation)  # type: ignore[arg-type]

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)


@pytest.mark.parametrize(("status", "code", "message"), REFUSALS.values(), ids=REFUSALS)
def test_an_image_whose_encryption_keeps_us_out_has_failed(
    deployed: Application,
    generator: ScriptedGenerator,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str,
    message: str,
) -> None:
    event = upload(deployed)
    refuse(monkeypatch, status, code, message)

    deliver(event)

    (task,) = tasks(deployed)
    assert (task["status"], task["failure"]["code"]) == ("failed", "invalid_image")
    assert "encrypted" in task["failure"]["message"]
    assert not generator.requests


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (403, "AccessDenied", "not authorized to perform: s3:GetObject"),
        (400, "ExpiredToken", "The provided token has expired"),
        (503, "SlowDown", "Reduce your request rate"),
    ],
)
def test_what_is_not_the_uploader_s_fault_is_for_lambda_to_repeat(
    deployed: Application,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str,
    message: str,
) -> None:
    event = upload(deployed)
    refuse(monkeypatch, status, code, message)

    with pytest.raises(ClientError):
        deliver(event)
    assert not tasks(deployed)


def test_an_image_of_exactly_10_mib_is_taken(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    deliver(upload(deployed, content=PNG.ljust(10 * 1024 * 1024, b"\0")))

    assert len(generator.requests) == 1


def test_an_object_removed_meanwhile_is_recorded_as_failed(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    deliver(sample("on_image_uploaded/object_created_multipart"))

    (task,) = tasks(deployed)
    assert task["failure"]["code"] == "invalid_image"
    assert not generator.requests


def test_a_key_of_1000_characters_works(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    event = upload(deployed, "object_created_without_version")
    event["detail"]["object"]["key"] = key = "uploads/demo/" + "k" * 983 + ".png"
    deployed.client("s3").put_object(Bucket="images", Key=key, Body=PNG)

    deliver(event)

    (task,) = tasks(deployed)
    assert (len(key), task["image_url"]) == (1000, f"s3://images/{key}")
    assert task["name"] == "k" * 120
    assert len(generator.requests) == 1


def test_a_key_without_an_owner_is_nobody_s(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    assert deliver(upload(deployed, "object_created_without_owner")) is None
    assert not tasks(deployed)
    assert not generator.requests


def test_a_generator_that_is_away_does_not_lose_the_upload(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    generator.starts = [GeneratorUnavailableError("busy")]

    deliver(upload(deployed))

    (task,) = tasks(deployed)
    assert (task["status"], task["waiting_for"]) == ("queued", "generator")


def test_an_event_of_another_shape_is_an_error_for_lambda_to_repeat() -> None:
    with pytest.raises(ValidationError):
        invoke(on_image_uploaded.handler, {"detail": {}})
