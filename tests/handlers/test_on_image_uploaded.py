"""S3's event about a new image becomes the object that the service makes a task of."""

from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from image_to_video.lifecycle.uploads import UploadedObject
from pydantic import ValidationError

import functions.on_image_uploaded.app as on_image_uploaded
from tests.conftest import PROJECT, Application, ScriptedGenerator
from tests.handlers.conftest import invoke, sample
from tests.support.corrupted_json import BOUNDED, ODD, corrupted

PNG = (PROJECT / "i2v" / "sample" / "portrait.png").read_bytes()
EVENT: Final = sample("on_image_uploaded/object_created")


@pytest.fixture
def versioned(deployed: Application) -> Application:
    """The stack, whose image bucket keeps versions, as the template says."""
    deployed.client("s3").put_bucket_versioning(
        Bucket="images", VersioningConfiguration={"Status": "Enabled"}
    )
    return deployed


def upload(deployed: Application, case: str) -> dict[str, Any]:
    """Put the object that a sample names; the event that S3 would send for it."""
    event = sample(f"on_image_uploaded/{case}")
    described = event["detail"]["object"]
    put = deployed.client("s3").put_object(Bucket="images", Key=described["key"], Body=PNG)
    described |= {"size": len(PNG), "etag": put["ETag"].strip('"')}
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
def test_an_upload_starts_one_task_of_the_owner_in_its_key(
    versioned: Application, generator: ScriptedGenerator, case: str
) -> None:
    event = upload(versioned, case)
    described = event["detail"]["object"]

    assert deliver(event) == (task_id := deliver(event))

    (task,) = tasks(versioned)
    assert (task["task_id"], task["owner"]) == (task_id, "demo")
    assert task["status"] == "generating"
    assert task["name"] == described["key"].rpartition("/")[2]
    assert task["image_url"] == f"s3://images/{described['key']}"
    (request,) = generator.requests
    link = urlsplit(request.image_url)
    assert unquote(link.path).endswith(f"/{described['key']}")
    # Also where the event names no version: the one that was read.
    read = versioned.client("s3").head_object(Bucket="images", Key=described["key"])
    assert f"versionId={read['VersionId']}" in link.query


def test_a_key_without_an_owner_is_left_alone(
    versioned: Application, generator: ScriptedGenerator
) -> None:
    assert deliver(upload(versioned, "object_created_without_owner")) is None
    assert not tasks(versioned)
    assert not generator.requests


def test_an_empty_object_is_left_alone(
    versioned: Application, generator: ScriptedGenerator, capsys: pytest.CaptureFixture[str]
) -> None:
    event = sample("on_image_uploaded/object_created_empty")
    key = event["detail"]["object"]["key"]
    put = versioned.client("s3").put_object(Bucket="images", Key=key, Body=b"")
    event["detail"]["object"]["version-id"] = put["VersionId"]
    assert deliver(event) is None
    assert not tasks(versioned)
    assert not generator.requests
    assert '"UploadsEmpty":[1.0]' in capsys.readouterr().out


def test_an_object_that_was_removed_is_a_failed_task(
    versioned: Application, generator: ScriptedGenerator
) -> None:
    deliver(sample("on_image_uploaded/object_created_multipart"))

    (task,) = tasks(versioned)
    assert task["failure"]["code"] == "invalid_image"
    assert not generator.requests


def test_an_outage_of_the_bucket_is_an_error_so_that_lambda_delivers_again(
    versioned: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = upload(versioned, "object_created")
    call: Any = BaseClient._make_api_call  # type: ignore[attr-defined]

    def unavailable(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        if operation in ("HeadObject", "GetObject"):
            raise ClientError({"Error": {"Code": "SlowDown", "Message": ""}}, operation)
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", unavailable)
    with pytest.raises(ClientError):
        deliver(event)
    assert not tasks(versioned)


def test_an_event_of_another_shape_is_an_error(without_aws: None) -> None:
    with pytest.raises(ValidationError):
        deliver({"detail": {}})


@BOUNDED
@given(event=corrupted(EVENT) | st.recursive(ODD, lambda inner: st.lists(inner, max_size=2)))
def test_a_corrupted_event_names_an_object_or_is_refused(event: Any) -> None:
    try:
        detail = on_image_uploaded.ObjectCreated.model_validate(event).detail
    except ValidationError:
        return
    uploaded = UploadedObject(bucket=detail.bucket.name, **dict(detail.object))
    assert len(uploaded.identity(uploaded.version)) == 64
    owner = uploaded.owner
    assert owner is None or uploaded.key.startswith(f"uploads/{owner}/")
