"""Images come in, videos go out: whole or not at all, and never over an older one."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import MagicMock
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from image_to_video.adapters.multipart_upload import PART_BYTES
from image_to_video.adapters.storage import Storage, UploadedImage
from image_to_video.domain.errors import UnreadableImageError

from tests.conftest import REGION, Application
from tests.support.patience import PATIENCE

KEYS = [
    "uploads/anna/cat.png",
    "uploads/anna/a cat + 100% #1?.png",
    "uploads/anna/Grüße из Києва 猫.png",
    "uploads/anna//double//slash.png",
    "uploads/anna/" + "x" * 900,
]
KEY = "anna/0123456789abcdef.mp4"


@pytest.fixture
def client(application: Application) -> Any:
    return boto3.client("s3", region_name=REGION, config=Config(signature_version="s3v4"))


@pytest.fixture
def storage(client: Any) -> Storage:
    return Storage(client, images_bucket="images", videos_bucket="videos")


def left_behind(client: Any) -> tuple[list[str], list[str]]:
    """The objects and the unfinished uploads in the bucket of videos."""
    objects = client.list_objects_v2(Bucket="videos").get("Contents", [])
    uploads = client.list_multipart_uploads(Bucket="videos").get("Uploads", [])
    return [one["Key"] for one in objects], [one["Key"] for one in uploads]


def in_pieces(size: int, piece: int = 300_000) -> Iterator[bytes]:
    """So many bytes in pieces of varying content."""
    for number, place in enumerate(range(0, size, piece)):
        yield bytes([number % 251]) * min(piece, size - place)


@pytest.mark.parametrize(
    ("size", "parts"),
    [
        (20_000, 1),
        (PART_BYTES, 1),
        (PART_BYTES + 1, 1),
        (PART_BYTES * 2 + 1_000_000, 2),
    ],
)
def test_a_video_is_stored_byte_for_byte_in_parts(
    storage: Storage, client: Any, size: int, parts: int
) -> None:
    assert storage.store_video(KEY, in_pieces(size)) is True
    stored = client.get_object(Bucket="videos", Key=KEY)
    content = stored["Body"].read()
    expected = hashlib.sha256(b"".join(in_pieces(size)))
    assert hashlib.sha256(content).digest() == expected.digest()
    assert stored["ContentType"] == "video/mp4"
    assert int(stored["ETag"].strip('"').rpartition("-")[2]) >= parts
    assert left_behind(client) == ([KEY], [])
    found = storage.stored_video(KEY)
    assert found is not None
    assert b"".join(found.chunks()) == content


def test_no_more_than_one_part_is_held_in_memory(storage: Storage, client: Any) -> None:
    sizes: list[int] = []
    client.meta.events.register(
        "provide-client-params.s3.UploadPart",
        lambda params, **_: sizes.append(len(params["Body"])),
    )
    storage.store_video(KEY, in_pieces(PART_BYTES * 2 + 1_000_000))
    assert sum(sizes) == PART_BYTES * 2 + 1_000_000
    assert all(PART_BYTES <= size < PART_BYTES + 300_000 for size in sizes[:-1])


def test_an_older_video_stays_untouched(storage: Storage, client: Any) -> None:
    client.put_object(Bucket="videos", Key=KEY, Body=b"the first")
    assert storage.store_video(KEY, in_pieces(20_000)) is False
    assert client.get_object(Bucket="videos", Key=KEY)["Body"].read() == b"the first"
    assert left_behind(client) == ([KEY], [])


@pytest.mark.parametrize("sent", [0, 20_000, PART_BYTES + 1_000_000])
@pytest.mark.parametrize("error", [ValueError("bad video"), KeyboardInterrupt()])
def test_trouble_of_the_sender_leaves_nothing_behind(
    storage: Storage, client: Any, sent: int, error: BaseException
) -> None:
    def breaking() -> Iterator[bytes]:
        yield from in_pieces(sent)
        raise error

    with pytest.raises(type(error)):
        storage.store_video(KEY, breaking())
    assert left_behind(client) == ([], [])


def test_an_empty_video_leaves_nothing_behind(storage: Storage, client: Any) -> None:
    with pytest.raises(ClientError):
        storage.store_video(KEY, iter(()))
    assert left_behind(client) == ([], [])


class _NoSuchUploadError(ClientError):
    """The class that a client makes for this code."""


def refusal(
    status: int, code: str = "Other", message: str = "", *, kind: type[ClientError] = ClientError
) -> Any:
    """An error as boto3 raises it."""
    error = {"Code": code, "Message": message}
    answer: Any = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}}
    return kind(answer, "AnyOperation")


def broken_bucket(**faults: ClientError) -> tuple[Storage, Any]:
    """A bucket that refuses some calls; moto cannot be made to."""
    client = MagicMock()
    client.exceptions.NoSuchUpload = _NoSuchUploadError
    for call, fault in faults.items():
        getattr(client, call).side_effect = fault
    return Storage(client, images_bucket="images", videos_bucket="videos"), client


def test_cleaning_up_what_is_gone_does_not_hide_the_trouble() -> None:
    gone = refusal(404, "NoSuchUpload", kind=_NoSuchUploadError)
    storage, _ = broken_bucket(upload_part=refusal(503, "SlowDown"), abort_multipart_upload=gone)
    with pytest.raises(ClientError, match="SlowDown"):
        storage.store_video(KEY, [b"video"])


def test_nothing_is_visible_before_the_last_byte(storage: Storage, client: Any) -> None:
    seen: list[list[str]] = []

    def sending() -> Iterator[bytes]:
        for piece in in_pieces(PART_BYTES + 1_000_000, 3_000_000):
            yield piece
            seen.append(left_behind(client)[0])

    assert storage.store_video(KEY, sending())
    assert seen == [[]] * 4


@pytest.mark.parametrize("status", [403, 404, 409, 500])
def test_other_refusals_of_the_bucket_are_errors_and_cleaned_up(status: int) -> None:
    storage, client = broken_bucket(complete_multipart_upload=refusal(status))
    with pytest.raises(ClientError):
        storage.store_video(KEY, [b"video"])
    client.abort_multipart_upload.assert_called_once()


def test_a_video_can_be_removed_once_and_again(storage: Storage, client: Any) -> None:
    storage.store_video(KEY, in_pieces(20_000))
    storage.delete_video(KEY)
    storage.delete_video(KEY)
    assert left_behind(client) == ([], [])


def put_image(client: Any, key: str, content: bytes, **options: Any) -> UploadedImage:
    """Put an object; what should be read of it, without a version."""
    put = client.put_object(Bucket="images", Key=key, Body=content, **options)
    metadata = {name.lower(): value for name, value in options.get("Metadata", {}).items()}
    return UploadedImage(len(content), metadata, put["ETag"].strip('"'), None, content)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("content", [b"\x89PNG" + bytes(1000), b"\xff", b""], ids=len)
def test_an_image_is_read_with_its_metadata(
    storage: Storage, client: Any, key: str, content: bytes
) -> None:
    image = put_image(client, key, content, Metadata={"Video-Time": "10"})
    assert storage.image(key, None) == image


def test_a_missing_image_is_none(storage: Storage, client: Any) -> None:
    assert storage.image("uploads/anna/a", None) is None
    put_image(client, "uploads/anna/a", b"x")
    assert storage.image("uploads/anna/a", "0" * 32) is None


def test_what_is_too_large_for_an_image_is_not_read(
    storage: Storage, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("image_to_video.adapters.storage.MAX_IMAGE_BYTES", 1000)
    taken = put_image(client, "uploads/anna/a", bytes(1000))
    refused = put_image(client, "uploads/anna/b", bytes(1001))
    assert storage.image("uploads/anna/a", None) == taken
    assert storage.image("uploads/anna/b", None) == replace(refused, content=None)


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_of_an_archived_image_all_but_its_content_is_read(
    storage: Storage, client: Any, storage_class: str
) -> None:
    key = "uploads/anna/a"
    stored = put_image(client, key, b"pixels", Metadata={"name": "x"}, StorageClass=storage_class)
    archived = replace(stored, content=None, is_archived=True)
    assert storage.image(key, None) == archived
    client.restore_object(Bucket="images", Key=key, RestoreRequest={"Days": 1})
    assert storage.image(key, None) == stored


def test_a_version_is_read_although_a_newer_one_came(client: Any) -> None:
    storage, key = (
        Storage(client, images_bucket="versions", videos_bucket="videos"),
        "uploads/anna/a",
    )
    client.create_bucket(Bucket="versions")
    client.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    first, second = (
        client.put_object(Bucket="versions", Key=key, Body=body)["VersionId"]
        for body in (b"first", b"second one")
    )

    def read(version: str | None) -> tuple[bytes | None, str | None]:
        image = storage.image(key, version)
        assert image is not None
        return image.content, image.version_id

    for version, body in ((first, b"first"), (second, b"second one"), (None, b"second one")):
        # Also an event that names no version leads to the one that was read.
        assert read(version) == (body, version or second)
        link = storage.sign_image(storage.image_url(key), version)
        assert requests.get(link, timeout=PATIENCE).content == body
    client.delete_object(Bucket="versions", Key=key)
    assert storage.image(key, None) is None
    assert read(first) == (b"first", first)


def unreadable_image(status: int, code: str, message: str) -> Storage:
    return broken_bucket(get_object=refusal(status, code, message))[0]


ROLE = "User: arn:aws:sts::1:assumed-role/kms-encryption-OnImageUploaded/a is not authorized"


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (
            400,
            "InvalidRequest",
            "The object was stored using a form of Server Side Encryption. The correct parameters "
            "must be provided to retrieve the object.",
        ),
        (403, "AccessDenied", f"{ROLE} to perform: kms:Decrypt on resource: arn:aws:kms:::key/1"),
        (
            403,
            "AccessDenied",
            "The ciphertext refers to a customer master key that does not exist, does not exist in "
            "this region, or you are not allowed to access.",
        ),
        (400, "KMS.DisabledException", "the key is disabled"),
        (400, "KMS.NotFoundException", "the key is gone"),
        (400, "KMS.KMSInvalidStateException", "the key is pending deletion"),
    ],
    ids=["SSE-C", "no kms:Decrypt", "a foreign key", "disabled", "deleted", "to be deleted"],
)
def test_an_image_that_its_encryption_hides_is_unreadable(
    status: int, code: str, message: str
) -> None:
    with pytest.raises(UnreadableImageError, match="encrypted"):
        unreadable_image(status, code, message).image("uploads/anna/a", None)


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (403, "AccessDenied", "Access Denied"),
        (403, "AccessDenied", f"{ROLE} to perform: s3:GetObject on resource: arn:aws:s3:::b/kms:a"),
        (403, "AccessDenied", f"{ROLE} to perform: s3:GetObjectVersion with an explicit deny"),
        (400, "KMS.ThrottlingException", "You have exceeded the rate at which you may call KMS"),
        (400, "KMS.KMSInternalException", "an internal error of KMS"),
        (403, "KMS.OptInRequired", "the account is not subscribed to KMS"),
        (400, "InvalidRequest", "Missing required header for this request"),
        (400, "ExpiredToken", "The provided token has expired"),
        (404, "NoSuchBucket", "The specified bucket does not exist"),
        (405, "MethodNotAllowed", "The specified method is not allowed against this resource"),
        (503, "SlowDown", "Reduce your request rate"),
    ],
)
def test_what_is_not_the_uploader_s_fault_is_an_error(status: int, code: str, message: str) -> None:
    with pytest.raises(ClientError, match=code):
        unreadable_image(status, code, message).image("uploads/anna/a", None)


@pytest.mark.parametrize("key", KEYS)
def test_a_signed_link_gives_the_very_image(storage: Storage, client: Any, key: str) -> None:
    client.put_object(Bucket="images", Key=key, Body=b"picture", ContentType="image/png")
    url = storage.image_url(key)
    assert url == f"s3://images/{key}"
    link = storage.sign_image(url, None)
    parts = urlsplit(link)
    assert parts.scheme == "https"
    assert unquote(parts.path) == f"/{key}"
    assert "+" not in parts.path
    query = parse_qs(parts.query)
    assert query["X-Amz-Expires"] == [str(12 * 3600)]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert "versionId" not in query
    answer = requests.get(link, timeout=PATIENCE)
    assert (answer.status_code, answer.content) == (200, b"picture")


@pytest.mark.parametrize("head", [False, True])
def test_a_link_to_a_video_says_itself_when_it_ends(storage: Storage, head: bool) -> None:
    before = datetime.now(UTC).replace(microsecond=0)

    link, ends_at = storage.sign_video("anna/a.mp4", file_name="a.mp4", head=head)

    query = parse_qs(urlsplit(link).query)
    signed_at = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%S%z")
    assert before <= signed_at <= datetime.now(UTC)
    assert ends_at == signed_at + timedelta(seconds=int(query["X-Amz-Expires"][0]))
    assert ends_at.utcoffset() == timedelta(0)
