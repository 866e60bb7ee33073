"""A video is measured while it passes by, and a bad one never reaches its end."""

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import imageio_ffmpeg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_to_video.adapters.video_probe import MIN_BYTES, InspectedVideo
from image_to_video.domain.errors import VideoDownloadError


class Clips(NamedTuple):
    """The same two seconds with the index in front, at the end, in pieces; and a sound alone."""

    front: bytes
    end: bytes
    pieces: bytes
    sound: bytes


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    picture = ("-f", "lavfi", "-i", "color=c=gray:s=320x180:r=24:d=2", "-vf", "noise=c0s=20:c0f=t")
    video = (*picture, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    folder = tmp_path_factory.mktemp("clips")
    return Clips(
        front=_made(folder / "front.mp4", *video, "-movflags", "+faststart"),
        end=_made(folder / "end.mp4", *video),
        pieces=_made(folder / "pieces.mp4", *video, "-movflags", "frag_keyframe+empty_moov"),
        sound=_made(folder / "sound.mp4", "-f", "lavfi", "-i", "sine=d=4", "-c:a", "aac"),
    )


def _made(path: Path, *arguments: str) -> bytes:
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    command = [ffmpeg, "-hide_banner", "-loglevel", "error", *arguments, str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path.read_bytes()


def in_chunks(content: bytes, size: int = 64 * 1024) -> Iterator[bytes]:
    return (content[place : place + size] for place in range(0, len(content), size))


def inspect(content: bytes, *, bytes_expected: int | None = None) -> InspectedVideo:
    video = InspectedVideo(in_chunks(content), bytes_expected=bytes_expected)
    assert b"".join(video) == content
    return video


@pytest.mark.parametrize("index", ["front", "end", "pieces"])
def test_a_whole_video_is_measured_wherever_its_index_is(clips: Clips, index: str) -> None:
    content: bytes = getattr(clips, index)
    assert (content.index(b"moov") < content.index(b"mdat")) is (index != "end")
    video = inspect(content, bytes_expected=len(content))
    assert video.size == len(content)
    assert video.sha256 == hashlib.sha256(content).hexdigest()
    assert (video.width, video.height) == (320, 180)
    assert video.duration_seconds == pytest.approx(2.0, abs=1 / 24)


def test_without_an_announced_length_what_came_counts(clips: Clips) -> None:
    assert inspect(clips.front).size == len(clips.front)


def test_chunks_pass_on_as_they_come(clips: Clips) -> None:
    taken: list[int] = []

    def sending() -> Iterator[bytes]:
        for chunk in in_chunks(clips.front, 100_000):
            taken.append(len(chunk))
            yield chunk

    passing = iter(InspectedVideo(sending(), bytes_expected=None))
    assert len(next(passing)) == 100_000
    assert taken == [100_000]


@pytest.mark.parametrize("missing", [-1, 1, 100_000])
def test_a_video_of_another_length_than_announced_is_refused(clips: Clips, missing: int) -> None:
    with pytest.raises(VideoDownloadError, match="cut"):
        inspect(clips.front, bytes_expected=len(clips.front) + missing)


def test_a_video_cut_before_its_index_is_refused(clips: Clips) -> None:
    with pytest.raises(VideoDownloadError, match="no readable video track"):
        inspect(clips.end[: len(clips.end) // 2])


def test_a_stub_is_refused(clips: Clips) -> None:
    stub = clips.front[: MIN_BYTES - 1]
    with pytest.raises(VideoDownloadError, match="too few"):
        inspect(stub)
    assert inspect(clips.front[:MIN_BYTES]).size == MIN_BYTES


@pytest.mark.parametrize("content", [b"", b"\0\0\0\x18ftyp"])
def test_next_to_nothing_is_refused(content: bytes) -> None:
    with pytest.raises(VideoDownloadError):
        inspect(content)


@pytest.mark.parametrize(
    "content",
    [
        b"<html>" + b" " * 20_000,
        b"\x89PNG\r\n\x1a\n" + bytes(20_000),
        bytes(16) + b"ftyp" + bytes(20_000),
        bytes(20_000),
    ],
)
def test_what_does_not_begin_like_an_mp4_is_refused_before_anything_passes(content: bytes) -> None:
    with pytest.raises(VideoDownloadError, match="begin like an MP4"):
        next(iter(InspectedVideo(in_chunks(content), bytes_expected=None)))


def test_sound_alone_is_no_video(clips: Clips) -> None:
    assert len(clips.sound) > MIN_BYTES
    with pytest.raises(VideoDownloadError, match="no readable video track"):
        inspect(clips.sound)


def test_a_track_without_a_picture_in_it_is_no_video(clips: Clips) -> None:
    """The index says that there will be pictures of this size; what follows is padding."""
    index = clips.pieces[: clips.pieces.index(b"moof") - 4]
    padding = (20_000).to_bytes(4, "big") + b"free" + bytes(19_992)
    with pytest.raises(VideoDownloadError, match="no readable video track"):
        inspect(index + padding)


def test_garbage_behind_a_good_beginning_is_no_video() -> None:
    with pytest.raises(VideoDownloadError, match="no readable video track"):
        inspect(b"\0\0\0\x18ftypisom" + bytes(20_000))


def test_trouble_of_the_sender_comes_through(clips: Clips) -> None:
    def breaking() -> Iterator[bytes]:
        yield clips.front[:50_000]
        raise VideoDownloadError("the transfer broke: ReadError")

    with pytest.raises(VideoDownloadError, match="broke"):
        list(InspectedVideo(breaking(), bytes_expected=None))


def test_nothing_is_measured_of_a_bad_video(clips: Clips) -> None:
    video = InspectedVideo(in_chunks(clips.sound), bytes_expected=None)
    with pytest.raises(VideoDownloadError):
        list(video)
    assert not hasattr(video, "sha256")


@settings(max_examples=60)
@given(data=st.data())
def test_a_damaged_video_is_measured_or_refused(clips: Clips, data: st.DataObject) -> None:
    """Damage to the media and cuts anywhere; damaged counts in the index cost minutes to read."""
    content = bytearray(clips.front)
    media = clips.front.index(b"mdat") + 4
    for _ in range(data.draw(st.integers(0, 5))):
        content[data.draw(st.integers(media, len(content) - 1))] = data.draw(st.integers(0, 255))
    whole = bytes(content[: data.draw(st.integers(0, len(content)))])
    video = InspectedVideo(in_chunks(whole), bytes_expected=None)
    try:
        list(video)
    except VideoDownloadError:
        assert not hasattr(video, "size")
    else:
        assert (video.width, video.height) == (320, 180)
