"""Whether a file can be an image: the structure of JPEG, PNG and WebP, read without a decoder.

Only what is certainly broken counts as a fault: a file that is cut, holds no image data, or whose
own sizes and checksums contradict it. What decoders forgive is forgiven here: bytes behind the end,
garbage between the segments of a JPEG, unknown chunks, metadata of any kind.
"""

import re
import zlib
from typing import Final

MAX_IMAGE_BYTES: Final = 10 * 1024 * 1024

_JPEG: Final = b"\xff\xd8\xff"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_CUT: Final = "The file is cut: its end is missing."
_CORRUPTED: Final = "The file is corrupted"
_EMPTY: Final = "The file holds no image data."
_NO_SIZE: Final = "The image has a width or height of 0."

# ITU-T T.81, B.1.1.3. The others stand alone and carry nothing: stuffed and fill bytes, TEM, RSTn.
_SEGMENT: Final = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
# C4, C8 and CC between them are tables, an extension, and conditioning.
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

# PNG, third edition, 11.2.1: samples of a pixel by color type, and the bits that each may have.
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS: Final = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
# Start and step of the columns and of the rows of each pass of an interlaced image (8.1).
_WHOLE: Final = ((0, 1, 0, 1),)
_ADAM7: Final = (
    *((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4)),
    *((0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)),
)
_VITAL: Final = frozenset({b"IHDR", b"PLTE", b"IDAT"})
_STEP: Final = 1024 * 1024
# 10 MiB can unfold to 10 GiB. 64 million pixels of 4 bytes take seconds; the rest is believed.
_MOST_UNFOLDED: Final = 256 * 1024 * 1024


def fault_in(content: bytes) -> str | None:
    """Why these bytes can never be shown as an image, for people; None where they may be."""
    if content.startswith(_JPEG):
        return _fault_in_jpeg(content)
    if content.startswith(_PNG):
        return _fault_in_png(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return _fault_in_webp(content)
    return "The file is not a JPEG, PNG or WebP image."


def _fault_in_jpeg(content: bytes) -> str | None:
    """Walk from segment to segment; an end or a start inside of one, as thumbnails have, is none.

    An image without its end marker may be shown in part, which is not what was meant.
    """
    place, has_frame, in_scan, has_data = 2, False, False, False
    while found := _SEGMENT.search(content, place):
        marker, has_data = found[1][0], has_data or (in_scan and found.start() > place)
        if marker == _EOI:
            return None if has_data else _EMPTY
        if marker == _SOI:
            return f"{_CUT} Another image begins inside of it."
        start = found.end()
        place = start + max(int.from_bytes(content[start : start + 2]), 2)
        if place > len(content):
            return _CUT
        if marker in _FRAMES:
            has_frame = True
            if not (any(content[start + 3 : start + 5]) and any(content[start + 5 : start + 7])):
                return _NO_SIZE
        in_scan = marker == _SOS
        if in_scan and not has_frame:
            return f"{_CORRUPTED}: it has image data without a frame."
    return _CUT


def _fault_in_png(content: bytes) -> str | None:
    """Walk from chunk to chunk; the pixels must be all there, in whole chunks with an end."""
    header, data, kind = b"", bytearray(), b""
    place, view = len(_PNG), memoryview(content)
    while kind != b"IEND":
        end = place + 12 + int.from_bytes(view[place : place + 4])
        if end > len(content):
            return _CUT
        kind, body = bytes(view[place + 4 : place + 8]), view[place + 8 : end - 4]
        is_sound = zlib.crc32(view[place + 4 : end - 4]) == int.from_bytes(view[end - 4 : end])
        if kind in _VITAL and not is_sound:
            return f"{_CORRUPTED}: a checksum is wrong."
        if place == len(_PNG):
            header = bytes(body)
            if kind != b"IHDR" or len(header) != 13:
                return f"{_CORRUPTED}: it does not begin with a header."
        if kind == b"IDAT":
            data += body
        place = end
    return _fault_in_pixels(header, data) if data else _EMPTY


def _fault_in_pixels(header: bytes, data: bytearray) -> str | None:
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    depth, color, *methods = header[8:]
    if not (width and height):
        return _NO_SIZE
    if depth not in _DEPTHS.get(color, ()) or methods not in ([0, 0, 0], [0, 0, 1]):
        return f"{_CORRUPTED}: its header names a kind of image that PNG does not have."
    needed = 0
    for left, step_right, top, step_down in _ADAM7 if methods[2] else _WHOLE:
        columns = len(range(left, width, step_right))
        rows = len(range(top, height, step_down)) if columns else 0
        needed += rows * (1 + (columns * _SAMPLES[color] * depth + 7) // 8)
    try:
        is_whole = _unfolds_to(min(needed, _MOST_UNFOLDED), data)
    except zlib.error:
        return f"{_CORRUPTED}: its image data cannot be unpacked."
    return None if is_whole else _CUT


def _unfolds_to(needed: int, packed: bytearray) -> bool:
    """True where the data unpacks to at least so many bytes, of which few are held at a time."""
    inflater, rest = zlib.decompressobj(), bytes(packed)
    while needed:
        step = min(needed, _STEP)
        size = len(inflater.decompress(rest, step))
        needed, rest = needed - size, inflater.unconsumed_tail
        if size < step:
            break
    return not needed


def _fault_in_webp(content: bytes) -> str | None:
    """RFC 9649, 2: find the first frame, which must be whole."""
    end = 8 + int.from_bytes(content[4:8], "little")
    if end > len(content):
        return _CUT
    place = 12
    while place + 8 <= end:
        kind, start = content[place : place + 4], place + 8
        size = int.from_bytes(content[place + 4 : start], "little")
        body = content[start : start + size]
        if start + size > end:
            return f"{_CORRUPTED}: a part reaches beyond its end."
        if kind == b"VP8 ":
            return _fault_in_vp8(body)
        if kind == b"VP8L":
            return _fault_in_vp8l(body)
        # The frames of an animation are parts of parts, behind 16 bytes of place and duration.
        place = start + (16 if kind == b"ANMF" else size + size % 2)
    return _EMPTY


def _fault_in_vp8(frame: bytes) -> str | None:
    """RFC 6386, 9.1: the frame's tag, its start code, its size."""
    tag = int.from_bytes(frame[:3], "little")
    if tag & 1 or frame[3:6] != b"\x9d\x01\x2a" or (tag >> 5) > len(frame):
        return f"{_CORRUPTED}: its frame is not a whole key frame."
    width, height = (int.from_bytes(frame[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    return None if width and height else _NO_SIZE


def _fault_in_vp8l(frame: bytes) -> str | None:
    """RFC 9649, 3.4: the signature, a size that cannot be 0, and version 0."""
    is_lossless = len(frame) > 5 and frame[0] == 0x2F and frame[4] >> 5 == 0
    return None if is_lossless else f"{_CORRUPTED}: its frame is not a lossless image."
