"""A video is measured while it passes by, and a bad one never reaches its end."""

import hashlib
from collections.abc import Iterator

import pytest
from image_to_video.adapters.video_probe import InspectedVideo
from image_to_video.domain.errors import VideoDownloadError

from tests.support import mp4_files
from tests.support.clips import made_once
from tests.support.mp4_files import FRAGMENTED, PLAIN


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return mp4_files.made(tmp_path_factory, "index in front")


def in_chunks(content: bytes, size: int = 4096) -> Iterator[bytes]:
    return (content[place : place + size] for place in range(0, len(content), size))


@pytest.mark.parametrize("name", [*PLAIN, *FRAGMENTED])
def test_a_whole_video_passes_and_is_measured(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    content = mp4_files.made(tmp_path_factory, name)
    video = InspectedVideo(in_chunks(content))
    assert b"".join(video) == content
    assert (video.size, video.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert video.height == 180
    assert video.duration_seconds == pytest.approx(2.0, abs=1 / 24)


def test_a_small_video_is_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    gray = ["-f", "lavfi", "-i", "color=c=gray:s=64x64:d=1", "-pix_fmt", "yuv420p"]
    content = made_once(tmp_path_factory, *gray)
    assert len(content) < 4096
    video = InspectedVideo([content])
    assert b"".join(video) == content
    assert (video.width, video.height, video.duration_seconds) == (64, 64, 1.0)


def test_chunks_pass_on_as_they_come(film: bytes) -> None:
    taken: list[int] = []

    def sending() -> Iterator[bytes]:
        for chunk in in_chunks(film, 9000):
            taken.append(len(chunk))
            yield chunk

    passing = iter(InspectedVideo(sending()))
    assert len(next(passing)) == 9000
    assert taken == [9000]


@pytest.mark.parametrize("name", [*PLAIN, *FRAGMENTED])
def test_half_a_video_is_refused_after_its_last_byte(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    content = mp4_files.made(tmp_path_factory, name)
    half = content[: len(content) // 2]
    passed: list[bytes] = []
    with pytest.raises(VideoDownloadError):
        passed.extend(InspectedVideo(in_chunks(half)))
    assert b"".join(passed) == half


@pytest.mark.parametrize("content", [b"", b"\0\0\0\x18ftyp"])
def test_next_to_nothing_is_refused(content: bytes) -> None:
    with pytest.raises(VideoDownloadError):
        list(InspectedVideo([content]))


@pytest.mark.parametrize(
    "content",
    [
        b"<html>" + b" " * 20_000,
        b"\x89PNG\r\n\x1a\n" + bytes(20_000),
        b"\x1a\x45\xdf\xa3" + bytes(20_000),
        b"RIFF" + bytes(4) + b"AVI " + bytes(20_000),
        bytes(16) + b"ftyp" + bytes(20_000),
        bytes(20_000),
        b"ftyp",
    ],
    ids=["page", "picture", "webm", "avi", "late brand", "zeros", "four bytes"],
)
def test_what_does_not_begin_like_an_mp4_is_refused_before_anything_passes(content: bytes) -> None:
    with pytest.raises(VideoDownloadError, match="begin like an MP4"):
        next(iter(InspectedVideo(in_chunks(content))))


def test_trouble_of_the_sender_comes_through(film: bytes) -> None:
    def breaking() -> Iterator[bytes]:
        yield film[:9000]
        raise VideoDownloadError("the transfer broke: ReadError")

    with pytest.raises(VideoDownloadError, match="broke"):
        list(InspectedVideo(breaking()))


def test_nothing_is_measured_of_a_bad_video(film: bytes) -> None:
    video = InspectedVideo(in_chunks(film[:-1]))
    with pytest.raises(VideoDownloadError):
        list(video)
    assert not hasattr(video, "sha256")
    assert not hasattr(video, "width")
