"""Whether an MP4 holds all that its index points at, and what a player shows of it.

The index alone is never believed: it often comes first, and a file that was cut still has it whole.
Samples are not decoded, so bytes that are there and wrong are not noticed.
"""

from dataclasses import dataclass, field
from typing import Final

from image_to_video.adapters.mp4_boxes import Box, Mp4File, ReadAt, broken
from image_to_video.adapters.mp4_samples import Defaults, Samples, read_fragment, read_tables
from image_to_video.domain.errors import VideoDownloadError

# What may stand at the top of a file, by ISO/IEC 14496-12, 23009-1 (DASH) and Apple's QuickTime.
TOP_BOXES: Final = frozenset(
    b"ftyp styp moov moof mdat mfra sidx ssix prft emsg meta free skip wide pnot udta uuid".split()
)
# Ten days; what says that it is longer says nothing.
_MOST_SECONDS: Final = 864_000
_MOST_PIXELS: Final = 65_535
# Where the size of the picture lies in a sample entry, and what follows it (8.5.2, 12.1.3).
_ENTRY_SIZE_AT: Final = 24
_ENTRY_BOXES_AT: Final = 78


@dataclass(frozen=True, slots=True)
class Measures:
    """Size of the picture as a player shows it, in pixels, and length; None where nobody says."""

    width: int | None
    height: int | None
    seconds: float | None


@dataclass(slots=True)
class _Track:
    """One track: its kind, its samples, and what else says how long it is: ticks and scale."""

    handler: bytes = b""
    samples: Samples = field(default_factory=Samples)
    scale: int = 0
    media_ticks: int = 0
    movie_ticks: int = 0
    shown: tuple[int, int] = (0, 0)
    is_turned: bool = False
    entry: Box | None = None


def measured(read_at: ReadAt, size: int) -> Measures:
    """Check that a file is a whole video, and measure it.

    Raises `VideoDownloadError` for a file that is cut, broken, or no video. Work and memory are
    bounded, whatever the file says.
    """
    file = Mp4File(read_at, size)
    moov, fragments = _top(file)
    movie_ticks, movie_scale = _lengths(file, file.first(moov).get(b"mvhd"))
    tracks, defaults = _tracks(file, moov)
    samples = {number: track.samples for number, track in tracks.items()}
    for moof in fragments:
        read_fragment(file, moof, samples, defaults)
    # A still picture may come before the film, as its cover: the film has the most pictures.
    film = max(
        (track for track in tracks.values() if track.handler == b"vide"),
        key=lambda track: track.samples.count,
        default=None,
    )
    if film is None:
        raise VideoDownloadError("the file holds no video track")
    if not film.samples.count or not film.samples.size:
        raise VideoDownloadError("the video track holds no picture")
    width, height = _shown_size(file, film)
    seconds = _seconds(
        (film.samples.ticks, film.scale),
        (film.media_ticks, film.scale),
        (film.movie_ticks, movie_scale),
        (movie_ticks, movie_scale),
    )
    return Measures(width, height, seconds)


def _top(file: Mp4File) -> tuple[Box, list[Box]]:
    """The index and the fragments. Raises `VideoDownloadError` for a file that was cut."""
    moov: Box | None = None
    fragments: list[Box] = []
    has_media, place = False, 0
    while place + 8 <= file.size:
        box = file.box(place, file.size)
        if box is None or box.end > file.size:
            if box is not None and box.kind in TOP_BOXES:
                raise VideoDownloadError(
                    f"the box {box.kind.decode()!r} ends at byte {box.end}, and the file has"
                    f" {file.size}: it was cut"
                )
            # Something else was appended. Whether the video ended before is seen from its index.
            break
        match box.kind:
            case b"moov":
                moov = moov or box
            case b"moof":
                fragments.append(box)
            case b"mdat":
                has_media = True
            case b"sidx":
                _check_segments(file, box)
        place = box.end
    else:
        _check_rest(file, place)
    if moov is None:
        raise VideoDownloadError("the file holds no index")
    if not has_media:
        raise VideoDownloadError("the file holds an index and no media")
    return moov, fragments


def _check_rest(file: Mp4File, place: int) -> None:
    """A few bytes behind the last box are nothing, unless they begin another one."""
    begun = file.tail(place)[4:]
    if begun and any(kind.startswith(begun) for kind in TOP_BOXES):
        raise VideoDownloadError("the file ends inside the head of a box: it was cut")


def _check_segments(file: Mp4File, sidx: Box) -> None:
    """The segments that follow must be there, as far as this index announces them (8.16.3)."""
    version = file.fields(sidx, 0, "B")
    layout = "QQ" if version and version[0] else "II"
    places, counts = (
        file.fields(sidx, 12, layout),
        file.fields(sidx, 28 if "Q" in layout else 20, "HH"),
    )
    if places is None or counts is None:
        raise broken(sidx)
    end = sidx.end + places[1]
    for reference, _, _ in file.table(sidx, 32 if "Q" in layout else 24, counts[1], "III"):
        end += reference & 0x7FFFFFFF
    if end > file.size:
        raise VideoDownloadError(
            f"the segments end at byte {end}, and the file has {file.size}: it was cut"
        )


def _tracks(file: Mp4File, moov: Box) -> tuple[dict[int, _Track], dict[int, Defaults]]:
    """The tracks by number, with the samples that the index itself names."""
    tracks: dict[int, _Track] = {}
    defaults: dict[int, Defaults] = {}
    for box in file.inside(moov):
        if box.kind == b"trak":
            number, track = _track(file, box)
            # No fragment means a track without a number of its own.
            tracks[number if number and number not in tracks else -len(tracks)] = track
        elif box.kind == b"mvex":
            for trex in file.inside(box):
                fields = file.fields(trex, 4, "IIII")
                if trex.kind == b"trex" and fields is not None:
                    defaults[fields[0]] = Defaults(ticks=fields[2], size=fields[3])
    return tracks, defaults


def _track(file: Mp4File, trak: Box) -> tuple[int, _Track]:
    boxes, track = file.first(trak), _Track()
    number = _read_head(file, boxes.get(b"tkhd"), track)
    media = file.first(boxes[b"mdia"]) if b"mdia" in boxes else {}
    track.media_ticks, track.scale = _lengths(file, media.get(b"mdhd"))
    if b"hdlr" in media and (fields := file.fields(media[b"hdlr"], 8, "I")):
        track.handler = fields[0].to_bytes(4)
    inner = file.first(media[b"minf"]) if b"minf" in media else {}
    if b"stbl" in inner:
        track.samples = read_tables(file, inner[b"stbl"])
        track.entry = file.first(inner[b"stbl"]).get(b"stsd")
    return number, track


def _read_head(file: Mp4File, tkhd: Box | None, track: _Track) -> int:
    """Read number, length, shown size and rotation of a track (8.3.2); return the number."""
    version = file.fields(tkhd, 0, "B") if tkhd else None
    if tkhd is None or version is None:
        return 0
    head = file.fields(tkhd, 20, "IIQ") if version[0] else file.fields(tkhd, 12, "III")
    shape = file.fields(tkhd, 52 if version[0] else 40, "9i2I")
    if shape is not None:
        # Fixed-point numbers. Turned by a quarter, x' depends on y more than on x.
        track.is_turned = abs(shape[1]) > abs(shape[0])
        track.shown = (shape[9] >> 16, shape[10] >> 16)
    if head is None:
        return 0
    track.movie_ticks = _known(head[2], 8 if version[0] else 4)
    return head[0]


def _lengths(file: Mp4File, box: Box | None) -> tuple[int, int]:
    """Ticks and ticks a second of a `mvhd` or `mdhd` (8.2.2, 8.4.2); zeros where it has none."""
    version = file.fields(box, 0, "B") if box else None
    if box is None or version is None:
        return 0, 0
    fields = file.fields(box, 20, "IQ") if version[0] else file.fields(box, 12, "II")
    return (_known(fields[1], 8 if version[0] else 4), fields[0]) if fields else (0, 0)


def _known(ticks: int, width: int) -> int:
    """A number of ticks; all ones mean that it is not known."""
    return 0 if ticks == 256**width - 1 else ticks


def _seconds(*told: tuple[int | None, int]) -> float | None:
    """The first length that can be one, to the millisecond."""
    for ticks, scale in told:
        if ticks and scale and 0 < (seconds := round(ticks / scale, 3)) <= _MOST_SECONDS:
            return seconds
    return None


def _shown_size(file: Mp4File, track: _Track) -> tuple[int | None, int | None]:
    """The picture as players show it: cut to its clean part, with square pixels, and turned."""
    width, height = _square_size(file, track) or track.shown
    if track.is_turned:
        width, height = height, width
    if not (0 < round(width) <= _MOST_PIXELS and 0 < round(height) <= _MOST_PIXELS):
        return None, None
    return round(width), round(height)


def _square_size(file: Mp4File, track: _Track) -> tuple[float, float] | None:
    """The coded size, stretched in its width; None where the sample entry does not say it."""
    entry = _entry(file, track.entry)
    coded = file.fields(entry, _ENTRY_SIZE_AT, "HH") if entry else None
    if entry is None or coded is None or 0 in coded:
        return None
    width, height = float(coded[0]), float(coded[1])
    extras = _extras(file, entry)
    clean = file.fields(extras[b"clap"], 0, "IIII") if b"clap" in extras else None
    if clean and 0 not in clean:
        width = min(width, clean[0] / clean[1])
        height = min(height, clean[2] / clean[3])
    pixel = file.fields(extras[b"pasp"], 0, "II") if b"pasp" in extras else None
    if pixel and 0 not in pixel:
        return width * pixel[0] / pixel[1], height
    # Without it the size of the track tells, as in ffmpeg (libavformat/mov.c, mov_read_trak).
    if 0 not in track.shown:
        return height * track.shown[0] / track.shown[1], height
    return width, height


def _entry(file: Mp4File, stsd: Box | None) -> Box | None:
    """The first sample entry."""
    return file.box(stsd.payload + 8, stsd.end) if stsd else None


def _extras(file: Mp4File, entry: Box) -> dict[bytes, Box]:
    """The boxes behind the fixed part of a sample entry; none where they cannot be read."""
    rest = Box(entry.kind, entry.start, entry.payload + _ENTRY_BOXES_AT, entry.end)
    try:
        return file.first(rest)
    except VideoDownloadError:
        return {}
