"""S3 is told what each part and the whole must be; `test_storage.py` has the rest of an upload."""

import zlib
from base64 import b64decode
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from image_to_video.adapters.multipart_upload import PART_BYTES, MultipartUpload

from tests.conftest import REGION, Application

KEY = "anna/0123456789abcdef.mp4"


@pytest.fixture
def client(application: Application) -> Any:
    return boto3.client("s3", region_name=REGION)


def sent_by(client: Any, content: bytes) -> dict[str, list[Any]]:
    """The parameters of each call that an upload makes, by operation."""
    calls: dict[str, list[Any]] = {}

    def record(params: dict[str, Any], model: Any, **_: Any) -> None:
        calls.setdefault(model.name, []).append(dict(params))

    client.meta.events.register("provide-client-params.s3", record)
    chunks = [content[at : at + 1_000_000] for at in range(0, len(content), 1_000_000)]
    upload = MultipartUpload(client, bucket="videos", key=KEY)
    assert upload.send(chunks, content_type="video/mp4")
    return calls


def crc32(text: str) -> int:
    return int.from_bytes(b64decode(text, validate=True), "big")


@pytest.mark.parametrize("size", [1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES + 1_234_567])
def test_every_part_is_sent_and_joined_with_its_checksum_and_the_whole_with_its_size(
    client: Any, size: int
) -> None:
    content = bytes(number % 251 for number in range(997)) * (size // 997 + 1)
    calls = sent_by(client, content[:size])
    (create,) = calls["CreateMultipartUpload"]
    assert create["ChecksumAlgorithm"] == "CRC32"
    parts = sorted(calls["UploadPart"], key=lambda part: part["PartNumber"])
    assert [crc32(part["ChecksumCRC32"]) for part in parts] == [
        zlib.crc32(part["Body"]) for part in parts
    ]
    (complete,) = calls["CompleteMultipartUpload"]
    assert complete["MpuObjectSize"] == size
    assert [part["ChecksumCRC32"] for part in complete["MultipartUpload"]["Parts"]] == [
        part["ChecksumCRC32"] for part in parts
    ]


def test_no_part_is_sent_with_a_checksum_that_the_upload_was_not_created_with(client: Any) -> None:
    headers: list[dict[str, Any]] = []
    client.meta.events.register(
        "before-send.s3.UploadPart", lambda request, **_: headers.append(dict(request.headers))
    )
    sent_by(client, b"video")
    assert "x-amz-trailer" not in {name.lower() for name in headers[0]}
    assert "x-amz-checksum-crc32" in {name.lower() for name in headers[0]}


def test_a_part_that_arrives_damaged_is_refused_and_nothing_is_left(client: Any) -> None:
    def refuse(**_: Any) -> None:
        error: Any = {"Error": {"Code": "BadDigest", "Message": "checksum"}}
        raise ClientError(error, "CompleteMultipartUpload")

    client.meta.events.register("before-send.s3.CompleteMultipartUpload", refuse)
    with pytest.raises(ClientError, match="BadDigest"):
        MultipartUpload(client, bucket="videos", key=KEY).send([b"video"], content_type="video/mp4")
    assert "Uploads" not in client.list_multipart_uploads(Bucket="videos")
    assert "Contents" not in client.list_objects_v2(Bucket="videos")
