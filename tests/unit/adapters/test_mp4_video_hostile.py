"""A file made to exhaust its reader is read within bounds, and refused or taken, nothing else."""

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_to_video.adapters import mp4_boxes
from image_to_video.adapters.mp4_video import measured
from image_to_video.domain.errors import VideoDownloadError

from tests.support import mp4_files
from tests.support.mp4_files import FRAGMENTED, PLAIN, box, fragmented, words

MIB = 1024 * 1024


def run(count: int, flags: int = 0x200) -> bytes:
    head = box(b"tfhd", words(0x20000, 1))
    return box(b"moof", box(b"traf", head, box(b"trun", words(flags, count), bytes(32))))


def nested(kind: bytes, depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = box(kind, content)
    return content


BOMBS = {
    "2**31 samples in each fragment": fragmented(*[run(2**31)] * 400, box(b"mdat", bytes(99))),
    "2**31 samples without a size": fragmented(*[run(2**31, 0)] * 400, box(b"mdat", bytes(99))),
    "boxes in boxes": nested(b"moov", 6000),
    "tracks in tracks": fragmented(nested(b"traf", 6000)),
    "a tower of tables": box(b"moov", box(b"trak", nested(b"mdia", 6000))),
    "a million empty boxes": box(b"ftyp") + box(b"free") * 1_000_000,
    "nothing but tracks": box(b"moov", box(b"trak") * 300_000),
    "nothing but fragments": fragmented(box(b"moof") * 300_000),
    "sizes without an end": mp4_files.film(
        box(b"stsz", words(0, 0, 2**32 - 1)),
        box(b"stsc", words(0, 1, 1, 2**32 - 1, 1)),
        box(b"stco", words(0, 1, 0)),
    ),
    "a gap of 2**32 chunks": mp4_files.film(
        box(b"stsz", words(0, 1, 1)),
        box(b"stsc", words(0, 1, 2**32 - 1, 1, 1)),
        box(b"stco", words(0, 3, 0, 0, 0)),
    ),
    "segments without an end": box(b"sidx", words(0, 1, 1, 0, 0, 0xFFFF), bytes(99)),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_with_little_memory(content: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(VideoDownloadError):
            measured(lambda at, length: content[at : at + length], len(content))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 100 * MIB


@pytest.mark.parametrize("name", [*PLAIN, *FRAGMENTED])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_measured_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    """Damage to the index above all, where every number is believed or checked."""
    content = bytearray(mp4_files.made(tmp_path_factory, name))
    index = content.index(b"moov"), min(len(content) - 1, content.index(b"moov") + 2500)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(*index) | st.integers(0, len(content) - 1))
        damage = data.draw(st.binary(min_size=1, max_size=8))
        content[place : place + len(damage)] = damage
    damaged = bytes(content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))])
    asked = 0

    def read(at: int, length: int) -> bytes:
        nonlocal asked
        assert at >= 0
        assert 0 <= length <= 64 * 1024
        asked += length
        return damaged[at : at + length]

    try:
        found = measured(read, len(damaged))
    except VideoDownloadError:
        pass
    else:
        assert found.width is None or 0 < found.width <= 65_535
        assert found.height is None or 0 < found.height <= 65_535
        assert found.seconds is None or 0 < found.seconds <= 864_000
    assert asked <= mp4_boxes.MAX_TABLE_BYTES + 16 * mp4_boxes.MAX_BOXES
