"""The boxes of an MP4 or QuickTime file (ISO/IEC 14496-12, 4.2), read within hard bounds.

The file comes from a stranger. Nothing is allocated by a number that it announces, nothing nests
deeper than the reader asks, and what is read of it altogether is limited.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from image_to_video.domain.errors import VideoDownloadError

# A hundred times what the longest clip of A2E has, and some seconds of work at most.
MAX_BOXES: Final = 250_000
MAX_TABLE_BYTES: Final = 32 * 1024 * 1024
_BLOCK_BYTES: Final = 64 * 1024

type ReadAt = Callable[[int, int], bytes]
"""Read so many bytes from a place in the file; fewer come only where it ends."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box: where it begins, where its payload does, and where it says that it ends."""

    kind: bytes
    start: int
    payload: int
    end: int


class Mp4File:
    """Reads boxes and tables. Raises `VideoDownloadError` beyond its bounds."""

    def __init__(self, read_at: ReadAt, size: int) -> None:
        self.size = size
        self._read_at = read_at
        self._boxes_left = MAX_BOXES
        self._table_bytes_left = MAX_TABLE_BYTES

    def box(self, place: int, end: int) -> Box | None:
        """The box at this place, which may say that it ends beyond `end`; None for no header."""
        self._boxes_left -= 1
        if self._boxes_left < 0:
            raise VideoDownloadError(f"the file has more than {MAX_BOXES} boxes")
        head = self._read_at(place, max(0, min(16, end - place)))
        if len(head) < 8:
            return None
        size, kind = int.from_bytes(head[:4]), head[4:8]
        payload = place + 8
        if size == 0:
            # The last box may leave its length open.
            return Box(kind, place, payload, end)
        if size == 1:
            # The length follows in 64 bits; where it is cut off, the box is.
            payload += 8
            size = int.from_bytes(head[8:]) if len(head) == 16 else end - place + 1
        return Box(kind, place, payload, place + size) if place + size >= payload else None

    def tail(self, place: int) -> bytes:
        """The up to 7 bytes behind the last box."""
        return self._read_at(place, min(7, self.size - place))

    def inside(self, parent: Box) -> Iterator[Box]:
        """The boxes within a box of the index. Raises `VideoDownloadError` for one that sticks out.

        Up to 7 bytes behind the last one are no box; QuickTime ends some lists with four zeros.
        """
        place = parent.payload
        while place + 8 <= parent.end:
            box = self.box(place, parent.end)
            if box is None or box.end > parent.end:
                raise broken(parent)
            yield box
            place = box.end

    def first(self, parent: Box) -> dict[bytes, Box]:
        """The first box of each kind within a box."""
        found: dict[bytes, Box] = {}
        for box in self.inside(parent):
            found.setdefault(box.kind, box)
        return found

    def fields(self, box: Box, at: int, layout: str) -> tuple[int, ...] | None:
        """Big-endian fields from this byte of the payload on; None where the box is too short."""
        begin, length = box.payload + at, struct.calcsize(f">{layout}")
        if begin + length > box.end:
            return None
        content = self._read_at(begin, length)
        return struct.unpack(f">{layout}", content) if len(content) == length else None

    def table(self, box: Box, at: int, count: int, row: str) -> Iterator[tuple[int, ...]]:
        """The rows of a table that begins at this byte of the payload, read block by block.

        Raises `VideoDownloadError` for one that says it has more rows than its box has room for.
        """
        width = struct.calcsize(f">{row}")
        place, end = box.payload + at, box.payload + at + count * width
        if end > box.end:
            raise broken(box)
        self._table_bytes_left -= end - place
        if self._table_bytes_left < 0:
            raise VideoDownloadError(f"the index has more than {MAX_TABLE_BYTES} bytes")
        return self._rows(place, end, f">{row}", width)

    def _rows(self, place: int, end: int, row: str, width: int) -> Iterator[tuple[int, ...]]:
        block = _BLOCK_BYTES // width * width
        while place < end:
            content = self._read_at(place, min(block, end - place))
            if len(content) % width or not content:
                raise VideoDownloadError("the file ends inside its index")
            yield from struct.iter_unpack(row, content)
            place += len(content)


def broken(box: Box) -> VideoDownloadError:
    """The error of a box of the index that cannot be read."""
    kind = box.kind.decode("ascii", "replace")
    return VideoDownloadError(f"the index is broken in its box {kind!r}")
