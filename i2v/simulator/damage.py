"""Videos as the world really sends them: odd, or made to exhaust whoever reads them."""

import re
import struct


def without_lengths(video: bytes) -> bytes:
    """The same MP4 with every duration in its index set to 0, as some writers leave them."""
    content = bytearray(video)
    # Where the duration lies behind the name of the box, in its first version (ISO/IEC 14496-12).
    for kind, offset in ((b"mvhd", 20), (b"tkhd", 24), (b"mdhd", 20)):
        for found in re.finditer(re.escape(kind), video):
            place = found.start() + offset
            content[place : place + 4] = bytes(4)
    return bytes(content)


def crafted_video() -> bytes:
    """An MP4 of 50 KB whose 400 fragments announce 2**31 samples each.

    A reader that makes room for what is announced needs gigabytes.
    """
    heads = (
        _box(b"tkhd", _words(0, 0, 0, 1, 0, 0)),
        _box(b"mdia", _box(b"hdlr", _words(0, 0) + b"vide")),
    )
    index = _box(b"moov", _box(b"trak", *heads))
    # Each sample has a size of its own, so a table of 8 GB is announced; 32 bytes of it are there.
    run = _box(b"trun", _words(0x200, 2**31), bytes(32))
    fragment = _box(b"moof", _box(b"traf", _box(b"tfhd", _words(0x20000, 1)), run))
    media = _box(b"mdat", bytes(20_000))
    return _box(b"ftyp", b"isom", _words(0)) + index + fragment * 400 + media


def _box(kind: bytes, *parts: bytes) -> bytes:
    payload = b"".join(parts)
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def _words(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)
