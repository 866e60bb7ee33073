"""Boxes are read within bounds that the file cannot move."""

import struct

import pytest
from image_to_video.adapters import mp4_boxes
from image_to_video.adapters.mp4_boxes import Box, Mp4File
from image_to_video.domain.errors import VideoDownloadError

from tests.support.mp4_files import box, words


def opened(content: bytes) -> Mp4File:
    return Mp4File(lambda at, length: content[at : at + length], len(content))


@pytest.mark.parametrize(
    ("head", "payload", "end"),
    [
        (struct.pack(">I4s", 20, b"free"), 8, 20),
        (struct.pack(">I4s", 8, b"free"), 8, 8),
        (struct.pack(">I4s", 999, b"free"), 8, 999),
        (struct.pack(">I4s", 0, b"free"), 8, 40),
        (struct.pack(">I4sQ", 1, b"free", 24), 16, 24),
        (struct.pack(">I4sQ", 1, b"free", 2**40), 16, 2**40),
    ],
)
def test_the_head_of_a_box_is_read(head: bytes, payload: int, end: int) -> None:
    content = head + bytes(40 - len(head))
    assert opened(content).box(0, 40) == Box(b"free", 0, payload, end)


@pytest.mark.parametrize(
    "head",
    [b"", bytes(7), words(7) + b"free", words(2) + b"free", words(1) + b"free" + words(0, 15)],
)
def test_what_is_no_head_is_no_box(head: bytes) -> None:
    assert opened(head).box(0, len(head)) is None


def test_a_long_head_that_is_cut_sticks_out() -> None:
    content = words(1) + b"free" + bytes(7)
    found = opened(content).box(0, len(content))
    assert found is not None
    assert found.end > len(content)


def test_a_box_that_sticks_out_of_its_parent_breaks_the_index() -> None:
    content = box(b"moov", box(b"free"), words(100) + b"trak") + bytes(100)
    file = opened(content)
    moov = file.box(0, len(content))
    assert moov is not None
    with pytest.raises(VideoDownloadError, match="broken in its box 'moov'"):
        list(file.inside(moov))


def test_four_zeros_end_a_list() -> None:
    file = opened(box(b"moov", box(b"free"), bytes(4)))
    moov = file.box(0, file.size)
    assert moov is not None
    assert [found.kind for found in file.inside(moov)] == [b"free"]


def test_the_first_of_a_kind_counts() -> None:
    file = opened(box(b"moov", box(b"mvhd", b"a"), box(b"mvhd", b"b")))
    moov = file.box(0, file.size)
    assert moov is not None
    assert file.first(moov)[b"mvhd"].start == 8


def test_fields_beyond_a_box_are_unknown() -> None:
    file = opened(box(b"mvhd", words(1, 2)) + words(3))
    found = file.box(0, file.size)
    assert found is not None
    assert file.fields(found, 0, "II") == (1, 2)
    assert file.fields(found, 4, "II") is None
    assert file.fields(found, 4, "H") == (0,)


def test_a_table_is_read_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mp4_boxes, "_BLOCK_BYTES", 30)
    asked: list[int] = []
    content = box(b"stsc", words(*range(90)))

    def read(at: int, length: int) -> bytes:
        asked.append(length)
        return content[at : at + length]

    file = Mp4File(read, len(content))
    found = file.box(0, file.size)
    assert found is not None
    assert [row[0] for row in file.table(found, 0, 30, "III")] == list(range(0, 90, 3))
    assert max(asked) <= 30


def test_a_file_that_shrank_meanwhile_is_refused() -> None:
    content = box(b"stsz", words(*range(9)))
    file = Mp4File(lambda at, length: content[at : min(at + length, 20)], len(content))
    found = file.box(0, file.size)
    assert found is not None
    with pytest.raises(VideoDownloadError, match="ends inside"):
        list(file.table(found, 0, 9, "I"))


def test_the_number_of_boxes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mp4_boxes, "MAX_BOXES", 10)
    file = opened(box(b"moov", box(b"free") * 10))
    moov = file.box(0, file.size)
    assert moov is not None
    with pytest.raises(VideoDownloadError, match="more than 10 boxes"):
        list(file.inside(moov))


def test_the_bytes_of_all_tables_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mp4_boxes, "MAX_TABLE_BYTES", 100)
    file = opened(box(b"stsz", bytes(60)))
    found = file.box(0, file.size)
    assert found is not None
    file.table(found, 0, 15, "I")
    with pytest.raises(VideoDownloadError, match="more than 100 bytes"):
        file.table(found, 0, 15, "I")
