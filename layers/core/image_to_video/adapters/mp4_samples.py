"""Where the samples (pictures, pieces of sound) of an MP4 lie, and whether they are all there.

Two forms of index exist: the sample tables of `moov` (ISO/IEC 14496-12, 8.6 to 8.7), and the
fragments `moof`, each in front of its own media (8.8). A file may have both.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from image_to_video.adapters.mp4_boxes import Box, Mp4File, broken
from image_to_video.domain.errors import VideoDownloadError

# Flags of `tfhd` and `trun` (8.8.7, 8.8.8) that matter here, each with the field that it announces.
_BASE_OFFSET: Final = 0x1
_DESCRIPTION: Final = 0x2
_DEFAULT_DURATION: Final = 0x8
_DEFAULT_SIZE: Final = 0x10
_BASE_IS_MOOF: Final = 0x20000
_DATA_OFFSET: Final = 0x1
_FIRST_FLAGS: Final = 0x4
_DURATIONS: Final = 0x100
_SIZES: Final = 0x200
_SAMPLE_FIELDS: Final = (0x100, 0x200, 0x400, 0x800)


@dataclass(slots=True)
class Samples:
    """What a track has: how many samples, their bytes, their length in ticks; None if unknown.

    `zero` is where the track's own clock stood at its beginning, once a fragment has told its time.
    """

    count: int = 0
    size: int = 0
    ticks: int | None = 0
    zero: int | None = None

    def begin_fragment(self, time: int | None) -> int:
        """Ticks at which the next fragment begins; `time` is what it says of that itself."""
        follows = self.ticks or 0
        if time is None:
            return follows
        if self.zero is None:
            self.zero = time - follows
        return time - self.zero


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for the samples of a fragment that say nothing themselves (`trex`, 8.8.3)."""

    ticks: int = 0
    size: int = 0


def read_tables(file: Mp4File, stbl: Box) -> Samples:
    """Walk the sample tables of a track.

    Raises `VideoDownloadError` where a sample lies beyond the end of the file, or tables do not fit
    together.
    """
    boxes, samples = file.first(stbl), Samples()
    offsets = boxes.get(b"co64") or boxes.get(b"stco")
    sizes = boxes.get(b"stsz") or boxes.get(b"stz2")
    if sizes is None or offsets is None or b"stsc" not in boxes:
        return samples
    count, each = _sizes(file, sizes)
    chunks = _chunk_lengths(file, boxes[b"stsc"])
    left = count
    for (offset,), most in zip(
        _counted(file, offsets, "Q" if offsets.kind == b"co64" else "I"), chunks, strict=False
    ):
        taken = min(most, left)
        size = sum(islice(each, taken)) if isinstance(each, Iterator) else taken * each
        _check_place(file, offset, size)
        left -= taken
        samples.size += size
        if not left:
            break
    if left:
        raise broken(stbl)
    samples.count = count
    samples.ticks = _ticks(file, boxes.get(b"stts"), count)
    return samples


def _sizes(file: Mp4File, box: Box) -> tuple[int, Iterator[int] | int]:
    """How many samples there are, and the size of each, or of all."""
    fields = file.fields(box, 4, "II")
    if fields is None:
        raise broken(box)
    if box.kind == b"stsz":
        size, count = fields
        return count, size or (row[0] for row in file.table(box, 12, count, "I"))
    bits, count = fields[0] & 0xFF, fields[1]
    if bits == 4:
        pairs = file.table(box, 12, (count + 1) // 2, "B")
        return count, (half for (pair,) in pairs for half in (pair >> 4, pair & 15))
    if bits not in (8, 16):
        raise broken(box)
    return count, (row[0] for row in file.table(box, 12, count, "B" if bits == 8 else "H"))


def _chunk_lengths(file: Mp4File, stsc: Box) -> Iterator[int]:
    """How many samples each chunk holds, without an end: the last row holds for all that follow."""
    rows = _counted(file, stsc, "III")
    chunk, length = 1, 0
    for first, following, _ in rows:
        while chunk < first:
            yield length
            chunk += 1
        length = following
    while True:
        yield length


def _ticks(file: Mp4File, stts: Box | None, count: int) -> int | None:
    """The length of all samples; None where the table does not say it for each."""
    if stts is None:
        return None
    named = total = 0
    try:
        for number, ticks in _counted(file, stts, "II"):
            named += number
            total += number * ticks
    except VideoDownloadError:
        return None
    return total if named == count else None


def _counted(file: Mp4File, box: Box, row: str) -> Iterator[tuple[int, ...]]:
    """The rows of a table that says itself how many it has."""
    fields = file.fields(box, 4, "I")
    if fields is None:
        raise broken(box)
    return file.table(box, 8, fields[0], row)


def read_fragment(
    file: Mp4File, moof: Box, tracks: dict[int, Samples], defaults: dict[int, Defaults]
) -> None:
    """Add the samples of a fragment to its tracks.

    Raises `VideoDownloadError` where one lies beyond the end of the file.
    """
    # Where nothing else is said, media follows that of the track before (8.8.7.1).
    end = moof.start
    for traf in file.inside(moof):
        if traf.kind != b"traf":
            continue
        boxes = list(file.inside(traf))
        head = next((box for box in boxes if box.kind == b"tfhd"), traf)
        fields = file.fields(head, 0, "II")
        if head is traf or fields is None:
            raise broken(traf)
        flags, track = fields
        base, own = _head(file, head, flags, defaults.get(track, Defaults()))
        end = base if base is not None else moof.start if flags & _BASE_IS_MOOF else end
        base, samples = end, tracks.get(track, Samples())
        time = samples.begin_fragment(_time(file, boxes))
        for box in boxes:
            if box.kind == b"trun":
                count, size, ticks, begin = _run(file, box, base, end, own)
                _check_place(file, begin, size)
                end, time = begin + size, time + ticks
                samples.count += count
                samples.size += size
        if samples.ticks is not None:
            samples.ticks = max(samples.ticks, time)


def _head(file: Mp4File, box: Box, flags: int, inherited: Defaults) -> tuple[int | None, Defaults]:
    """Where the media of a track fragment begins, if it says so, and its defaults."""
    at, values = 8, {}
    widths = {_BASE_OFFSET: "Q", _DESCRIPTION: "I", _DEFAULT_DURATION: "I", _DEFAULT_SIZE: "I"}
    for flag, layout in widths.items():
        if flags & flag:
            fields = file.fields(box, at, layout)
            if fields is None:
                raise broken(box)
            values[flag] = fields[0]
            at += 8 if layout == "Q" else 4
    return values.get(_BASE_OFFSET), Defaults(
        ticks=values.get(_DEFAULT_DURATION, inherited.ticks),
        size=values.get(_DEFAULT_SIZE, inherited.size),
    )


def _time(file: Mp4File, boxes: list[Box]) -> int | None:
    """When a track fragment begins, by its `tfdt` (8.8.12)."""
    box = next((box for box in boxes if box.kind == b"tfdt"), None)
    version = file.fields(box, 0, "B") if box else None
    if box is None or version is None:
        return None
    fields = file.fields(box, 4, "Q" if version[0] else "I")
    return fields[0] if fields else None


def _run(
    file: Mp4File, box: Box, base: int, begin: int, defaults: Defaults
) -> tuple[int, int, int, int]:
    """Number, bytes and ticks of the samples of one run (`trun`), and where its media begins."""
    fields = file.fields(box, 0, "II")
    if fields is None:
        raise broken(box)
    flags, count = fields
    at = 8
    if flags & _DATA_OFFSET:
        offset = file.fields(box, at, "i")
        if offset is None:
            raise broken(box)
        begin, at = base + offset[0], at + 4
    if flags & _FIRST_FLAGS:
        at += 4
    present = [field for field in _SAMPLE_FIELDS if flags & field]
    size = 0 if flags & _SIZES else count * defaults.size
    ticks = 0 if flags & _DURATIONS else count * defaults.ticks
    if present:
        for row in file.table(box, at, count, "I" * len(present)):
            # Both fields come first where they are present, the duration before the size.
            ticks += row[0] if flags & _DURATIONS else 0
            size += row[present.index(_SIZES)] if flags & _SIZES else 0
    return count, size, ticks, begin


def _check_place(file: Mp4File, offset: int, size: int) -> None:
    if size and (offset < 0 or offset + size > file.size):
        raise VideoDownloadError(
            f"the index points at byte {offset + size}, and the file has {file.size}: it was cut"
        )
