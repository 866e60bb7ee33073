"""MP4 files of every form that a generator may send, and boxes to build hostile ones from."""

import struct
from typing import Final

import pytest

from tests.support.clips import made_once

_PICTURE: Final = ["-f", "lavfi", "-i", "testsrc=s=320x180:r=24:d=2"]
_SOUND: Final = ["-f", "lavfi", "-i", "sine=d=2"]
_STILL: Final = ["-f", "lavfi", "-i", "color=c=red:s=64x64:r=0.5:d=2"]
_H264: Final = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "12"]
_FILM: Final = [*_PICTURE, *_H264]
_TALKIE: Final = [*_PICTURE, *_SOUND, *_H264, "-c:a", "aac"]
_CODECS: Final = "-c:v:0 mjpeg -frames:v:0 1 -strict -1 -c:v:1 libx264 -pix_fmt:v:1 yuv420p"
_STILL_FIRST: Final = [
    "-map",
    "0:v",
    "-map",
    "1:v",
    "-c:v:0",
    "mjpeg",
    "-frames:v:0",
    "1",
    "-strict",
    "-1",
    "-c:v:1",
    "libx264",
    "-pix_fmt:v:1",
    "yuv420p",
]

PLAIN: Final = {
    "index in front": [*_FILM, "-movflags", "+faststart"],
    "index at the end": _FILM,
    "with sound": [*_TALKIE, "-movflags", "+faststart"],
    "sound first": [*_TALKIE, "-map", "1:a", "-map", "0:v"],
    "quicktime": [*_PICTURE, *_SOUND, *_H264, "-c:a", "pcm_s16le", "-f", "mov"],
    "timecode track": [*_FILM, "-timecode", "00:00:01:00", "-f", "mov"],
    "another codec": [*_PICTURE, "-c:v", "mpeg4"],
    "still picture first": [*_STILL, *_PICTURE, *_STILL_FIRST],
    "wide pixels": [*_FILM, "-vf", "setsar=2/1"],
}
"""Files with one index of all samples."""

FRAGMENTED: Final = {
    "fragments": [*_TALKIE, "-movflags", "frag_keyframe+empty_moov"],
    "based on moof": [*_TALKIE, "-movflags", "frag_keyframe+empty_moov+default_base_moof"],
    "without offsets": [*_TALKIE, "-movflags", "frag_every_frame+empty_moov+omit_tfhd_offset"],
    "tables and fragments": [*_TALKIE, "-movflags", "frag_keyframe"],
    "dash": [*_TALKIE, "-movflags", "dash+frag_keyframe"],
    "dash on demand": [*_TALKIE, "-movflags", "dash+frag_keyframe+global_sidx"],
    "cmaf": [*_TALKIE, "-movflags", "cmaf+frag_keyframe"],
}
"""Files with an index in front of each piece."""

SOUND_ALONE: Final = [*_SOUND, "-c:a", "aac"]


def made(folders: pytest.TempPathFactory, name: str) -> bytes:
    """The file of this name."""
    return made_once(folders, *(PLAIN | FRAGMENTED)[name])


def turned(content: bytes, degrees: int) -> bytes:
    """The same film with its picture turned; only the matrix of its track changes."""
    a, b = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    matrix = [a, b, 0, -b, a, 0, 0, 0]
    place = content.index(b"tkhd") + 4 + 40
    words = struct.pack(">8i", *(number << 16 for number in matrix))
    return content[:place] + words + content[place + len(words) :]


def with_64_bit_media(content: bytes) -> bytes:
    """The film with its length in 64 bits, in the room of the empty box that ffmpeg leaves."""
    place = content.index(b"mdat") - 4
    assert content[place - 8 : place] == b"\0\0\0\x08free"
    size = int.from_bytes(content[place : place + 4]) + 8
    return content[: place - 8] + struct.pack(">I4sQ", 1, b"mdat", size) + content[place + 8 :]


def with_open_end(content: bytes) -> bytes:
    """The film whose last box, its media, does not say how long it is."""
    place = content.index(b"mdat") - 4
    return content[:place] + bytes(4) + content[place + 4 :]


def without_brand(content: bytes) -> bytes:
    """The film without its first box, as in the oldest QuickTime files, and its media in place."""
    size = int.from_bytes(content[:4])
    return struct.pack(">I4s", size, b"wide") + bytes(size - 8) + content[size:]


def boundaries(content: bytes) -> list[int]:
    """Where the boxes at the top of a file begin, and where the last one ends."""
    places = [0]
    while places[-1] < len(content):
        places.append(places[-1] + int.from_bytes(content[places[-1] : places[-1] + 4]))
    return places


def box(kind: bytes, *parts: bytes) -> bytes:
    """One box."""
    payload = b"".join(parts)
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def words(*numbers: int) -> bytes:
    """32-bit numbers."""
    return struct.pack(f">{len(numbers)}I", *numbers)


def film(*tables: bytes, entry: bytes = b"", track_head: bytes = b"", scale: int = 24) -> bytes:
    """An index whose one track has these sample tables."""
    handler = box(b"hdlr", words(0, 0), b"vide", bytes(13))
    described = box(b"stsd", words(0, 1), entry) if entry else b""
    tables_box = box(b"stbl", described, *tables)
    head = box(b"mdhd", words(0, 0, 0, scale, 0, 0))
    media = box(b"mdia", head, handler, box(b"minf", tables_box))
    return box(b"moov", box(b"mvhd", words(0, 0, 0, 1000, 0)), box(b"trak", track_head, media))


def fragmented(*fragments: bytes) -> bytes:
    """A file of these fragments, for a track of the number 1 that has no samples of its own."""
    head = box(b"tkhd", words(0, 0, 0, 1, 0, 0))
    start = box(b"ftyp", b"isom", words(0)) + film(track_head=head)
    return start + b"".join(fragments)
