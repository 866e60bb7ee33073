"""Both forms of index say where each sample lies: its tables, and its fragments."""

import struct

import pytest
from image_to_video.adapters import mp4_boxes
from image_to_video.adapters.mp4_boxes import Mp4File
from image_to_video.adapters.mp4_samples import Defaults, Samples, read_fragment, read_tables
from image_to_video.domain.errors import VideoDownloadError

from tests.support.mp4_files import box, words

ONE_CHUNK = box(b"stsc", words(0, 1, 1, 100, 1))


def opened(content: bytes, size: int) -> Mp4File:
    """A file that begins with this index and has `size` bytes."""
    return Mp4File(lambda at, length: content[at : at + length], size)


def tables(*boxes: bytes, size: int = 10_000) -> Samples:
    content = box(b"stbl", *boxes)
    file = opened(content, size)
    stbl = file.box(0, len(content))
    assert stbl is not None
    return read_tables(file, stbl)


SIZES = {
    "each its own": box(b"stsz", words(0, 0, 4, 3, 0, 5, 2)),
    "in 16 bits": box(b"stz2", words(0, 16, 4), struct.pack(">4H", 3, 0, 5, 2)),
    "in 8 bits": box(b"stz2", words(0, 8, 4), bytes([3, 0, 5, 2])),
    "in 4 bits": box(b"stz2", words(0, 4, 4), bytes([0x30, 0x52])),
}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize(
    "offset", [box(b"stco", words(0, 1, 90)), box(b"co64", words(0, 1, 0, 90))], ids=["32", "64"]
)
def test_every_sample_must_be_there(sizes: bytes, offset: bytes) -> None:
    assert tables(sizes, ONE_CHUNK, offset, size=100) == Samples(count=4, size=10, ticks=None)
    with pytest.raises(VideoDownloadError, match=r"points at byte 100, and the file has 99"):
        tables(sizes, ONE_CHUNK, offset, size=99)


def test_an_odd_number_of_samples_in_4_bits_is_read() -> None:
    sizes = box(b"stz2", words(0, 4, 3), bytes([0x31, 0x5F]))
    assert tables(sizes, ONE_CHUNK, box(b"stco", words(0, 1, 0))).size == 9


def test_samples_of_one_size_need_no_table() -> None:
    sizes, offsets = box(b"stsz", words(0, 7, 3)), box(b"stco", words(0, 1, 79))
    assert tables(sizes, ONE_CHUNK, offsets, size=100).size == 21
    with pytest.raises(VideoDownloadError, match="cut"):
        tables(sizes, ONE_CHUNK, offsets, size=99)


def test_chunks_hold_as_many_samples_as_their_table_says() -> None:
    """Chunks 1 and 2 hold one sample each, all from the third on hold two."""
    sizes = box(b"stsz", words(0, 0, 6, 10, 20, 30, 40, 50, 60))
    chunks = box(b"stsc", words(0, 2, 1, 1, 1, 3, 2, 1))
    offsets = box(b"stco", words(0, 4, 0, 100, 200, 300))
    assert tables(sizes, chunks, offsets, size=410).size == 210
    with pytest.raises(VideoDownloadError, match="byte 410"):
        tables(sizes, chunks, offsets, size=409)


def test_a_chunk_in_the_middle_counts_too() -> None:
    sizes, offsets = box(b"stsz", words(0, 5, 3)), box(b"stco", words(0, 3, 0, 900, 10))
    with pytest.raises(VideoDownloadError, match="byte 905"):
        tables(sizes, box(b"stsc", words(0, 1, 1, 1, 1)), offsets, size=100)


def test_offsets_behind_the_last_sample_are_nothing() -> None:
    sizes, offsets = box(b"stsz", words(0, 5, 1)), box(b"stco", words(0, 2, 0, 2**32 - 1))
    assert tables(sizes, ONE_CHUNK, offsets, size=100).count == 1


BROKEN = {
    "more samples than chunks": (words(0, 0, 2, 1, 1), words(0, 1, 1, 1, 1), words(0, 1, 0)),
    "samples and no chunks": (words(0, 1, 1), words(0, 1, 1, 1, 1), words(0, 0)),
    "no samples in chunks": (words(0, 1, 1), words(0, 1, 1, 0, 1), words(0, 1, 0)),
    "no run of chunks": (words(0, 1, 1), words(0, 0), words(0, 1, 0)),
    "more sizes than room": (words(0, 0, 2**31, 1), words(0, 1, 1, 1, 1), words(0, 1, 0)),
    "more chunks than room": (words(0, 1, 9), words(0, 1, 1, 1, 1), words(0, 2**31, 0)),
    "more runs than room": (words(0, 1, 1), words(0, 2**31, 1, 1, 1), words(0, 1, 0)),
    "half a head": (words(0), words(0, 1, 1, 1, 1), words(0, 1, 0)),
    "chunks without a head": (words(0, 1, 1), words(0, 1, 1, 1, 1), words(0)),
}


@pytest.mark.parametrize(("sizes", "runs", "chunks"), BROKEN.values(), ids=BROKEN)
def test_tables_that_do_not_fit_are_refused(sizes: bytes, runs: bytes, chunks: bytes) -> None:
    with pytest.raises(VideoDownloadError, match="broken"):
        tables(box(b"stsz", sizes), box(b"stsc", runs), box(b"stco", chunks))


def test_a_width_that_there_is_not_is_refused() -> None:
    sizes = box(b"stz2", words(0, 12, 1), bytes(9))
    with pytest.raises(VideoDownloadError, match="broken"):
        tables(sizes, ONE_CHUNK, box(b"stco", words(0, 1, 0)))


@pytest.mark.parametrize("missing", range(3))
def test_a_track_whose_tables_are_missing_has_no_samples(missing: int) -> None:
    boxes = [box(b"stsz", words(0, 1, 1)), ONE_CHUNK, box(b"stco", words(0, 1, 0))]
    del boxes[missing]
    assert tables(*boxes) == Samples()


@pytest.mark.parametrize(
    ("durations", "ticks"),
    [
        (words(0, 1, 4, 512), 2048),
        (words(0, 2, 3, 10, 1, 0), 30),
        (words(0, 1, 3, 512), None),
        (words(0, 0), None),
        (words(0, 2**31, 4, 512), None),
        (words(0), None),
    ],
)
def test_the_length_is_told_when_it_is_told_for_each(durations: bytes, ticks: int | None) -> None:
    offsets = box(b"stco", words(0, 1, 0))
    found = tables(SIZES["each its own"], ONE_CHUNK, offsets, box(b"stts", durations))
    assert found.ticks == ticks


def fragment(*tracks: bytes, size: int, samples: Samples | None = None) -> Samples:
    content = box(b"moof", *tracks)
    file, found = opened(content, size), samples or Samples()
    moof = file.box(0, len(content))
    assert moof is not None
    read_fragment(file, moof, {1: found}, {1: Defaults(ticks=5, size=10)})
    return found


def track(*boxes: bytes, flags: int = 0x20000, fields: bytes = b"", number: int = 1) -> bytes:
    return box(b"traf", box(b"tfhd", words(flags, number), fields), *boxes)


@pytest.mark.parametrize(
    ("run", "size", "ticks"),
    [
        (words(0x1, 4, 60), 40, 20),
        (words(0x201, 4, 60, 1, 2, 3, 4), 10, 20),
        (words(0x101, 4, 60, 1, 2, 3, 4), 40, 10),
        (words(0x301, 2, 60, 7, 1, 8, 2), 3, 15),
        (words(0xF05, 2, 60, 99, 7, 1, 99, 99, 8, 2, 99, 99), 3, 15),
        (words(0xA01, 2, 60, 1, 99, 2, 99), 3, 10),
    ],
)
def test_a_run_says_as_much_as_its_flags(run: bytes, size: int, ticks: int) -> None:
    found = fragment(track(box(b"trun", run)), size=60 + size)
    assert (found.size, found.ticks) == (size, ticks)
    with pytest.raises(VideoDownloadError, match="cut"):
        fragment(track(box(b"trun", run)), size=60 + size - 1)


def test_a_track_fragment_has_its_own_defaults_and_place() -> None:
    own = struct.pack(">QIII", 500, 1, 8, 20)
    head = track(box(b"trun", words(0, 3)), flags=0x1 | 0x2 | 0x8 | 0x10, fields=own)
    assert fragment(head, size=560) == Samples(count=3, size=60, ticks=24)
    with pytest.raises(VideoDownloadError, match="byte 560"):
        fragment(head, size=559)


def test_media_follows_the_run_and_the_track_before() -> None:
    first = track(box(b"trun", words(0x1, 1, 100)), box(b"trun", words(0, 1)), flags=0)
    second = track(box(b"trun", words(0, 2)), flags=0x10, fields=words(10), number=2)
    assert fragment(first, second, size=140).size == 20
    with pytest.raises(VideoDownloadError, match="byte 140"):
        fragment(first, second, size=139)
    own_base = track(box(b"trun", words(0, 2)), flags=0x20010, fields=words(10), number=2)
    assert fragment(first, own_base, size=120).size == 20


def test_a_place_before_the_file_is_refused() -> None:
    with pytest.raises(VideoDownloadError):
        fragment(track(box(b"trun", words(0x1, 1, 2**32 - 60))), size=1000)


def test_fragments_tell_their_time() -> None:
    """Where samples have no length of their own, the next fragment tells when it begins."""
    found = Samples()
    for time in (7000, 7005, 7042):
        at = box(b"tfdt", words(0, time))
        fragment(track(at, box(b"trun", words(0, 1))), size=1000, samples=found)
    assert found.ticks == 42 + 5
    late = box(b"tfdt", words(1 << 24, 0, 7100))
    fragment(track(late, box(b"trun", words(0, 1))), size=1000, samples=found)
    assert found.ticks == 100 + 5


def test_fragments_go_on_where_the_tables_end() -> None:
    found = Samples(count=9, size=9, ticks=90)
    at = box(b"tfdt", words(0, 90))
    fragment(track(at, box(b"trun", words(0, 2))), size=1000, samples=found)
    assert (found.count, found.ticks) == (11, 100)


BROKEN_FRAGMENTS = {
    "no head": box(b"traf", box(b"trun", words(0, 1))),
    "half a head": box(b"traf", box(b"tfhd", words(0))),
    "half a place": track(flags=0x1, fields=words(0)),
    "half a run": track(box(b"trun", words(0))),
    "no offset": track(box(b"trun", words(0x1, 1))),
    "more samples than room": track(box(b"trun", words(0x200, 2**31, 1))),
    "no flags": track(box(b"trun", words(0x204, 1, 1))),
}


@pytest.mark.parametrize("broken", BROKEN_FRAGMENTS.values(), ids=BROKEN_FRAGMENTS)
def test_fragments_that_do_not_fit_are_refused(broken: bytes) -> None:
    with pytest.raises(VideoDownloadError, match="broken"):
        fragment(broken, size=10_000)


def test_announced_samples_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """2**31 samples that need no table are a multiplication; the file is too short for them."""
    with pytest.raises(VideoDownloadError, match="cut"):
        fragment(track(box(b"trun", words(0, 2**31))), size=50_000)
    with pytest.raises(VideoDownloadError, match="cut"):
        tables(box(b"stsz", words(0, 1, 2**31)), box(b"stsc", words(0, 1, 1, 2**31, 1)),
               box(b"stco", words(0, 1, 0)))  # fmt: skip
    monkeypatch.setattr(mp4_boxes, "MAX_TABLE_BYTES", 100)
    with pytest.raises(VideoDownloadError, match="more than 100 bytes"):
        tables(box(b"stsz", words(0, 0, 99), bytes(4 * 99)), ONE_CHUNK, box(b"stco", words(0, 0)))
