"""A video is whole when all that its index points at is there; then it is measured."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_to_video.adapters.mp4_video import TOP_BOXES, Measures, measured
from image_to_video.domain.errors import VideoDownloadError
from pymediainfo import MediaInfo

from i2v.simulator.damage import without_lengths
from tests.support import mp4_files
from tests.support.clips import made_once
from tests.support.mp4_files import FRAGMENTED, PLAIN, box, words


def measure(content: bytes) -> Measures:
    return measured(lambda at, length: content[at : at + length], len(content))


def is_whole(content: bytes) -> bool:
    try:
        measure(content)
    except VideoDownloadError:
        return False
    return True


@pytest.fixture(scope="session")
def front(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return mp4_files.made(tmp_path_factory, "index in front")


@pytest.fixture(scope="session")
def end(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return mp4_files.made(tmp_path_factory, "index at the end")


@pytest.mark.parametrize("name", [*PLAIN, *FRAGMENTED])
def test_a_whole_file_is_taken_and_measured(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    found = measure(mp4_files.made(tmp_path_factory, name))
    assert (found.width, found.height) == (640 if name == "wide pixels" else 320, 180)
    assert found.seconds == pytest.approx(2.0, abs=1 / 24)


@pytest.mark.parametrize("name", sorted({*PLAIN} - {"wide pixels", "still picture first"}))
def test_another_reader_measures_the_same(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    content = mp4_files.made(tmp_path_factory, name)
    path = tmp_path_factory.mktemp("other") / "clip"
    path.write_bytes(content)
    [track] = MediaInfo.parse(path).video_tracks
    seconds = round(float(track.duration)) / 1000
    assert measure(content) == Measures(track.width, track.height, seconds)


@pytest.mark.parametrize("name", PLAIN)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_file_that_is_cut_anywhere_is_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    content = mp4_files.made(tmp_path_factory, name)
    cut = data.draw(st.integers(0, len(content) - 1))
    assert not is_whole(content[:cut])


@pytest.mark.parametrize("name", PLAIN)
def test_a_cut_at_the_edge_of_a_box_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    content = mp4_files.made(tmp_path_factory, name)
    for edge in mp4_files.boundaries(content):
        for cut in range(max(0, edge - 20), min(len(content), edge + 20)):
            assert not is_whole(content[:cut]), cut


@pytest.mark.parametrize("name", FRAGMENTED)
def test_fragments_that_are_cut_are_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """Only what ends with a fragment, up to a few bytes, looks like a shorter whole file."""
    content = mp4_files.made(tmp_path_factory, name)
    edges = mp4_files.boundaries(content)
    between = {edge + rest for edge in edges for rest in range(5)}
    near = [edge + by for edge in (*edges[:9], *edges[-9:]) for by in range(-20, 20)]
    cuts = {*range(0, len(content), 997), *near}
    whole = {cut for cut in cuts if 0 <= cut < len(content) and is_whole(content[:cut])}
    assert whole <= between
    kinds = {cut: content[cut + 4 : cut + 8] for cut in whole & set(edges)}
    if name == "dash on demand":
        assert set(kinds.values()) <= {b"mfra"}, "its first index announces all segments"
    assert all(kind in {b"moof", b"sidx", b"mfra", b"styp", b"prft"} for kind in kinds.values())


@pytest.mark.parametrize("name", [*PLAIN, *FRAGMENTED])
@pytest.mark.parametrize(
    "behind",
    [b"\r\n\r\n", b"\0", bytes(5000), b"<!-- cache -->" * 99, b"\xff" * 9],
    ids=["two lines", "zero", "zeros", "text", "ones"],
)
def test_bytes_behind_the_end_are_nothing(
    tmp_path_factory: pytest.TempPathFactory, name: str, behind: bytes
) -> None:
    content = mp4_files.made(tmp_path_factory, name)
    assert measure(content + behind) == measure(content)


def test_appended_bytes_do_not_stand_for_what_was_cut(front: bytes) -> None:
    for cut in (front.index(b"mdat") - 4, front.index(b"stsz"), front.index(b"moov") - 4):
        assert not is_whole(front[:cut] + b"<html>" * len(front))


def test_a_length_in_64_bits_is_read(end: bytes) -> None:
    content = mp4_files.with_64_bit_media(end)
    assert measure(content) == measure(end)
    media = content.index(b"mdat") - 4
    for cut in (*range(media, media + 20), len(content) // 2):
        assert not is_whole(content[:cut])


def test_a_last_box_of_open_length_is_whole_when_its_samples_are_there(front: bytes) -> None:
    content = mp4_files.with_open_end(front)
    assert measure(content) == measure(front)
    assert not is_whole(content[:-1])


def test_a_file_without_a_brand_is_a_video_too(front: bytes) -> None:
    assert measure(mp4_files.without_brand(front)) == measure(front)


def test_boxes_that_nobody_knows_are_passed_over(end: bytes) -> None:
    assert measure(end + box(b"beam", bytes(99))) == measure(end)


@pytest.mark.parametrize("name", [*PLAIN, *FRAGMENTED])
def test_durations_of_zero_decide_nothing(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    content = mp4_files.made(tmp_path_factory, name)
    assert measure(without_lengths(content)) == measure(content)


def test_a_length_that_nothing_tells_is_null(front: bytes) -> None:
    place = front.index(b"stts") + 16
    content = without_lengths(front[:place] + bytes(4) + front[place + 4 :])
    assert measure(content) == Measures(320, 180, None)


@pytest.mark.parametrize("ticks", [2**32 - 1, 2**31])
def test_a_length_that_cannot_be_is_null(front: bytes, ticks: int) -> None:
    place = front.index(b"stts") + 12
    content = without_lengths(front[:place] + words(48, ticks) + front[place + 8 :])
    content = content.replace(b"mvhd" + bytes(16), b"mvhd" + bytes(12) + words(1))
    assert measure(content).seconds is None


def test_a_broken_table_of_durations_leaves_what_the_head_says(front: bytes) -> None:
    place = front.index(b"stts") + 8
    content = front[:place] + words(2**31) + front[place + 4 :]
    assert measure(content) == Measures(320, 180, 2.0)


@pytest.mark.parametrize(
    ("degrees", "size"), [(90, (180, 320)), (180, (320, 180)), (270, (180, 320))]
)
def test_a_turned_picture_is_measured_as_it_is_shown(
    front: bytes, degrees: int, size: tuple[int, int]
) -> None:
    found = measure(mp4_files.turned(front, degrees))
    assert (found.width, found.height) == size


VISUAL = bytes(24) + struct.pack(">HH", 320, 180) + bytes(50)


@pytest.mark.parametrize(
    ("extras", "size"),
    [
        (b"", (320, 180)),
        (box(b"pasp", words(2, 1)), (640, 180)),
        (box(b"pasp", words(1, 0)), (320, 180)),
        (box(b"pasp", words(1, 2**32 - 1)), (None, None)),
        (box(b"pasp", words(2**32 - 1, 1)), (None, None)),
        (box(b"clap", words(300, 1, 160, 1, 0, 1, 0, 1)), (300, 160)),
        (box(b"clap", words(300, 1, 160, 1, 0, 1, 0, 1)) + box(b"pasp", words(2, 1)), (600, 160)),
        (box(b"clap", words(9999, 1, 160, 0, 0, 1, 0, 1)), (320, 180)),
        (words(999) + b"pasp" + words(2, 1), (320, 180)),
        (bytes(4), (320, 180)),
    ],
)
def test_the_size_of_the_picture_is_that_of_square_pixels(
    extras: bytes, size: tuple[int | None, int | None]
) -> None:
    found = measure(small(entry=box(b"avc1", VISUAL, extras)))
    assert (found.width, found.height) == size


def test_without_a_size_in_its_description_the_track_tells() -> None:
    head = box(
        b"tkhd", bytes(40), words(1 << 16, 0, 0, 0, 1 << 16), bytes(16), words(640 << 16, 360 << 16)
    )
    assert measure(small(track_head=head)) == Measures(640, 360, 1.0)
    wide = measure(small(entry=box(b"avc1", VISUAL), track_head=head))
    assert (wide.width, wide.height) == (320, 180)
    assert measure(small()) == Measures(None, None, 1.0)


def small(entry: bytes = b"", track_head: bytes = b"") -> bytes:
    """24 pictures of one byte each."""
    tables = [
        box(b"stsz", words(0, 1, 24)),
        box(b"stsc", words(0, 1, 1, 24, 1)),
        box(b"stco", words(0, 1, 24)),
        box(b"stts", words(0, 1, 24, 1)),
    ]
    return (
        box(b"ftyp", b"isom", words(0))
        + box(b"mdat", bytes(24))
        + mp4_files.film(*tables, entry=entry, track_head=track_head)
    )


def test_sound_alone_is_no_video(tmp_path_factory: pytest.TempPathFactory) -> None:
    content = made_once(tmp_path_factory, *mp4_files.SOUND_ALONE)
    with pytest.raises(VideoDownloadError, match="no video track"):
        measure(content)


def test_a_track_without_a_picture_in_it_is_no_video(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    content = mp4_files.made(tmp_path_factory, "fragments")
    start = content[: content.index(b"moof") - 4]
    with pytest.raises(VideoDownloadError, match="no media"):
        measure(start + box(b"free", bytes(20_000)))
    with pytest.raises(VideoDownloadError, match="no picture"):
        measure(start + box(b"mdat", bytes(20_000)))


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\0\x18ftyp", b"\0\0\0\x18ftypisom" + bytes(20_000)],
    ids=["nothing", "half a box", "zeros"],
)
def test_next_to_nothing_is_no_video(content: bytes) -> None:
    with pytest.raises(VideoDownloadError):
        measure(content)


def test_the_boxes_of_the_top_are_four_letters_each() -> None:
    assert all(len(kind) == 4 for kind in TOP_BOXES)
