"""What comes through the other doors, spoiled: object events, metadata, records, result headers."""

import json
from typing import Any, Final

import httpx
from hypothesis import given
from hypothesis import strategies as st
from image_to_video.adapters.safe_download import Downloads
from image_to_video.adapters.storage import UploadedImage
from image_to_video.adapters.task_table import task_of
from image_to_video.contract.requests import TaskOptions
from image_to_video.domain.errors import VideoDownloadError
from image_to_video.domain.task import Failure, FailureCode, Task
from image_to_video.lifecycle.uploads import UploadedObject, read_options
from pydantic import ValidationError

from functions.on_image_uploaded.app import ObjectCreated
from tests.handlers.conftest import sample
from tests.support.near_misses import BOUNDED, ODD, spoiled
from tests.support.samples import a_full_task

EVENT: Final = sample("on_image_uploaded/object_created")


@BOUNDED
@given(event=spoiled(EVENT) | st.recursive(ODD, lambda inner: st.lists(inner, max_size=2)))
def test_a_spoiled_object_event_names_an_object_or_is_refused(event: Any) -> None:
    try:
        detail = ObjectCreated.model_validate(event).detail
    except ValidationError:
        return
    uploaded = UploadedObject(bucket=detail.bucket.name, **dict(detail.object))
    assert len(uploaded.identity) == 64
    owner = uploaded.owner
    assert owner is None or uploaded.key.startswith(f"uploads/{owner}/")


OPTION: Final = st.sampled_from(
    ["prompt", "negative-prompt", "name", "video-time", "model-version", "meta-", "meta-a", "other"]
)
VALUE: Final = st.one_of(
    st.text(st.characters(codec=None), max_size=20),
    st.sampled_from(["5", "20", "\u0665", "²", "7", "9" * 5000, "a2e-v2", "x" * 1001, "\0", "5.0"]),
)


@BOUNDED
@given(
    metadata=st.dictionaries(OPTION | st.text(max_size=5), VALUE, max_size=20),
    size=st.sampled_from([0, 1, 100, 10 * 1024 * 1024, 10 * 1024 * 1024 + 1]),
    start=st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBP", b""])
    | st.binary(max_size=16),
)
def test_any_metadata_makes_options_or_a_failure(
    metadata: dict[str, str], size: int, start: bytes
) -> None:
    uploaded = UploadedObject("images", "uploads/anna/cat.png", None, "e", "s")
    options = read_options(uploaded, UploadedImage(size, metadata, start))
    if isinstance(options, Failure):
        assert options.code in (FailureCode.INVALID_IMAGE, FailureCode.INVALID_REQUEST)
        assert len(options.message) < 10_000
    else:
        assert isinstance(options, TaskOptions)
        assert 0 < size <= 10 * 1024 * 1024
        assert options.video_time in (5, 10, 15, 20)
        assert options.model_dump_json()


STORED: Final = json.loads(a_full_task().model_dump_json(exclude_none=True))


@BOUNDED
@given(item=spoiled(STORED))
def test_a_spoiled_record_is_a_task_or_refused_without_being_quoted(item: Any) -> None:
    if not isinstance(item, dict):
        return
    try:
        task = task_of(item)
    except ValidationError as error:
        quoted = str(error)
    else:
        quoted = ""
        assert isinstance(task, Task)
    assert "token=secret" not in quoted
    assert "input_value" not in quoted


def _downloaded(headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as client,
        Downloads(client).open("https://cdn.example/v.mp4?sig=CANARY") as download,
    ):
        assert download.bytes_expected is None or download.bytes_expected >= 0
        assert b"".join(download.chunks) == body


@BOUNDED
@given(
    length=st.binary(max_size=30)
    | st.sampled_from([b"9" * 5000, b"-1", b"5,5", b"\xd9\xa3", b"1e3"]),
    kind=st.binary(max_size=30) | st.just(b"text/https://a.example/?sig=CANARY"),
)
def test_any_headers_of_a_result_end_as_a_download_or_a_failed_one(
    length: bytes, kind: bytes
) -> None:
    said = ""
    try:
        _downloaded([(b"Content-Length", length), (b"Content-Type", kind)], b"video")
    except VideoDownloadError as error:
        said = str(error)
    assert "CANARY" not in said
    assert len(said) < 200
