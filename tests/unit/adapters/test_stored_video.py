"""A stored video is read back in pieces, and removed only as it was found."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from image_to_video.adapters.storage import Storage

from tests.conftest import REGION, Application

KEY = "anna/0123456789abcdef.mp4"


@pytest.fixture
def client(application: Application) -> Any:
    return boto3.client("s3", region_name=REGION)


@pytest.fixture
def storage(client: Any) -> Storage:
    return Storage(client, images_bucket="images", videos_bucket="videos")


def test_a_stored_video_is_read_in_few_ranges(
    storage: Storage, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("image_to_video.adapters.stored_video._BLOCK_BYTES", 1000)
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
