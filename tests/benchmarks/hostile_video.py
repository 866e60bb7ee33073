"""How much memory and time a hostile video takes: each is read in a process of its own.

Beside it MediaInfo, which read videos here before, reads the same file under a limit of memory and
time, for comparison. Nothing is compared with a limit, and nothing leaves the processes.
"""

import math
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from image_to_video.adapters.mp4_boxes import MAX_BOXES, MAX_TABLE_BYTES
from image_to_video.adapters.mp4_video import measured
from image_to_video.domain.errors import VideoDownloadError
from pymediainfo import MediaInfo

from i2v.simulator.damage import crafted_video
from tests.support.mp4_files import box, film, words

MIB = 1024 * 1024
MOST_SECONDS = 20
MOST_BYTES = 4096 * MIB


def nested(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = box(b"moov", content)
    return content


def longest_index() -> bytes:
    """As many samples as are read at most, all of one byte and all there: a whole video."""
    count = MAX_TABLE_BYTES // 4 - 64
    tables = (
        box(b"stsz", words(0, 0, count), bytes((0, 0, 0, 1)) * count),
        box(b"stsc", words(0, 1, 1, count, 1)),
        box(b"stco", words(0, 1, 8)),
        box(b"stts", words(0, 1, count, 1)),
    )
    return box(b"mdat", bytes(count)) + film(*tables, scale=24)


VIDEOS: dict[str, Callable[[], bytes]] = {
    "2**31 samples in each of 400 fragments": crafted_video,
    "6,000 nested boxes": lambda: nested(6000),
    "as many boxes as are read": lambda: box(b"ftyp") + box(b"free") * MAX_BOXES,
    "as long an index as is read": longest_index,
}


def ours(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        found = measured(lambda at, length: os.pread(descriptor, length, at), path.stat().st_size)
    except VideoDownloadError as error:
        return f"refused: {error}"
    return f"taken: {found.seconds} s"


def mediainfo(path: Path) -> str:
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
    with path.open("rb") as file:
        return f"{len(MediaInfo.parse(file).tracks)} tracks"


def reading(read: Callable[[Path], str], path: Path, answer: Any) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    said = read(path)
    seconds = time.perf_counter() - began
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer.send((said, seconds, (most - before) / 1024))


def measure(read: Callable[[Path], str], path: Path) -> tuple[str, float, float] | None:
    """What a process of its own said, its seconds and its MiB; None where it did not end."""
    spawned = multiprocessing.get_context("spawn")
    receiver, sender = spawned.Pipe(duplex=False)
    process = spawned.Process(target=reading, args=(read, path, sender))
    process.start()
    sender.close()
    try:
        if not receiver.poll(MOST_SECONDS):
            return None
        measured_there: tuple[str, float, float] = receiver.recv()
    except EOFError:
        return None
    finally:
        process.kill()
        process.join()
    return measured_there


def figures() -> dict[str, float]:
    """The most MiB and seconds that any of the videos took here; prints each."""
    most_seconds = most_mib = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, make in VIDEOS.items():
            path = Path(folder) / "video.mp4"
            path.write_bytes(make())
            print(f"{name} ({path.stat().st_size:,} bytes)")
            taken = measure(ours, path)
            print(f"  here       {_written(taken)}")
            print(f"  MediaInfo  {_written(measure(mediainfo, path))}")
            _, seconds, mib = taken or ("", math.inf, math.inf)
            most_seconds, most_mib = max(most_seconds, seconds), max(most_mib, mib)
    return {"crafted_mib": most_mib, "crafted_s": most_seconds}


def _written(taken: tuple[str, float, float] | None) -> str:
    if taken is None:
        return f"died, or did not end within {MOST_SECONDS} s"
    said, seconds, mib = taken
    return f"{seconds:>6.2f} s {mib:>7.1f} MiB  {said}"


if __name__ == "__main__":
    for figure, value in figures().items():
        print(f"{figure:<16}{value:8.2f}")
