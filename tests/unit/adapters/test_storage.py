"""Images come in, videos go out: whole or not at all, and never over an older one."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import MagicMock
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from image_to_video.adapters.storage import PART_BYTES, Storage, UploadedImage
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


def test_a_stored_video_is_read_in_few_ranges(
    storage: Storage, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("image_to_video.adapters.storage._BLOCK_BYTES", 1000)
    content = bytes(range(256)) * 20
    client.put_object(Bucket="videos", Key=KEY, Body=content)
    asked: list[str] = []
    client.meta.events.register(
        "provide-client-params.s3.GetObject", lambda params, **_: asked.append(params["Range"])
    )
    found = storage.stored_video(KEY)
    assert found is not None
    assert found.size == len(content)
    for place, length in ((0, 16), (8, 90), (990, 20), (1995, 2010), (5100, 20), (5110, 999)):
        assert found.read_at(place, length) == content[place : place + length]
    assert found.read_at(len(content), 9) == b""
    assert asked == [f"bytes={begin}-{begin + 999}" for begin in (0, 1000, 2000, 3000, 4000, 5000)]


def test_of_a_stored_video_nothing_newer_is_read_or_removed(storage: Storage, client: Any) -> None:
    client.put_object(Bucket="videos", Key=KEY, Body=b"the first")
    found = storage.stored_video(KEY)
    assert found is not None
    client.put_object(Bucket="videos", Key=KEY, Body=b"a second")
    for reading in (lambda: found.read_at(0, 9), lambda: list(found.chunks())):
        with pytest.raises(ClientError):
            reading()
    found.delete()
    assert client.get_object(Bucket="videos", Key=KEY)["Body"].read() == b"a second"
    client.delete_object(Bucket="videos", Key=KEY)
    found.delete()


def test_a_stored_video_is_removed(storage: Storage, client: Any) -> None:
    client.put_object(Bucket="videos", Key=KEY, Body=b"half")
    found = storage.stored_video(KEY)
    assert found is not None
    found.delete()
    assert storage.stored_video(KEY) is None
    assert left_behind(client) == ([], [])


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


@pytest.mark.parametrize("key", KEYS)
def test_an_image_is_read_with_its_metadata_and_its_beginning(
    storage: Storage, client: Any, key: str
) -> None:
    content = b"\x89PNG" + bytes(1000)
    client.put_object(Bucket="images", Key=key, Body=content, Metadata={"Video-Time": "10"})
    assert storage.image(key, None) == UploadedImage(1004, {"video-time": "10"}, content[:16])


def test_an_image_of_a_few_bytes_is_read(storage: Storage, client: Any) -> None:
    client.put_object(Bucket="images", Key="uploads/anna/a", Body=b"\xff")
    assert storage.image("uploads/anna/a", None) == UploadedImage(1, {}, b"\xff")


def test_an_empty_image_has_no_beginning(storage: Storage, client: Any) -> None:
    client.put_object(Bucket="images", Key="uploads/anna/a", Body=b"", Metadata={"name": "x"})
    assert storage.image("uploads/anna/a", None) == UploadedImage(0, {"name": "x"}, b"")


def test_a_missing_image_is_none(storage: Storage) -> None:
    assert storage.image("uploads/anna/a", None) is None


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
    for version, body in ((first, b"first"), (second, b"second one"), (None, b"second one")):
        assert storage.image(key, version) == UploadedImage(len(body), {}, body)
        link = storage.sign_image(storage.image_url(key), version)
        assert requests.get(link, timeout=PATIENCE).content == body
    client.delete_object(Bucket="versions", Key=key)
    assert storage.image(key, None) is None
    assert storage.image(key, first) == UploadedImage(5, {}, b"first")


@pytest.mark.parametrize("status", [400, 403, 500])
def test_other_troubles_with_an_image_are_errors(status: int) -> None:
    storage, _ = broken_bucket(head_object=refusal(status))
    with pytest.raises(ClientError):
        storage.image("uploads/anna/a", None)


def unreadable_image(status: int, code: str, message: str) -> Storage:
    """HeadObject has no body, so it gives no reason; GetObject does."""
    head, get = refusal(status, str(status)), refusal(status, code, message)
    return broken_bucket(head_object=head, get_object=get)[0]


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (400, "InvalidRequest", "stored using a form of Server Side Encryption"),
        (403, "AccessDenied", "not authorized to perform: kms:Decrypt"),
        (400, "KMS.DisabledException", "the key is disabled"),
    ],
    ids=["a customer's own key", "a foreign KMS key", "a disabled KMS key"],
)
def test_an_image_that_its_encryption_hides_is_unreadable(
    status: int, code: str, message: str
) -> None:
    with pytest.raises(UnreadableImageError, match="encrypted"):
        unreadable_image(status, code, message).image("uploads/anna/a", None)


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (403, "AccessDenied", "not authorized to perform: s3:GetObject"),
        (400, "ExpiredToken", "The provided token has expired"),
        (503, "SlowDown", "Reduce your request rate"),
    ],
)
def test_what_is_not_the_uploader_s_fault_is_an_error(status: int, code: str, message: str) -> None:
    with pytest.raises(ClientError):
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
    assert query["X-Amz-Expires"] == [str(7 * 24 * 3600)]
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
