"""How much memory a copy takes, by the size of the video, and how fast it is, as ratios.

Memory is measured beside the plain way, which holds the whole file, and time beside a bare copy
over the same link of 40 MB/s each way. Sizes are made by padding a real clip with an MP4 `free`
box. Nothing leaves the process.
"""

import struct
import subprocess
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import imageio_ffmpeg
from image_to_video.adapters.multipart_upload import PART_BYTES
from image_to_video.adapters.storage import Storage
from image_to_video.adapters.video_probe import InspectedVideo

MIB = 1024 * 1024
SIZES = (16, 64, 256)
"""MiB."""
LINK_BYTES = 40_000_000
"""A second, of the link that the video comes by, and of the one to S3."""


class Discarding:
    """An S3 client that takes every part and keeps none."""

    exceptions: Any = None

    def create_multipart_upload(self, **_: object) -> dict[str, str]:
        return {"UploadId": "1"}

    def upload_part(self, **_: object) -> dict[str, str]:
        return {"ETag": "1"}

    def complete_multipart_upload(self, **_: object) -> None:
        return None


def clip() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        source = "testsrc2=size=1280x720:rate=24:duration=5"
        ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
        command = [ffmpeg, "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", str(path)]
        subprocess.run(command, check=True, capture_output=True)
        return path.read_bytes()


def padded(video: bytes, size: int) -> Iterator[bytes]:
    """The clip and a box of zeros that players skip, in chunks as a network brings them."""
    padding = size - len(video)
    yield video + struct.pack(">I4s", padding, b"free")
    for _ in range((padding - 8) // (64 * 1024)):
        yield bytes(64 * 1024)
    yield bytes((padding - 8) % (64 * 1024))


def streamed(video: bytes, size: int) -> None:
    client: Any = Discarding()
    storage = Storage(client, images_bucket="images", videos_bucket="videos")
    storage.store_video("key", InspectedVideo(padded(video, size)))


def held(video: bytes, size: int) -> None:
    content = b"".join(padded(video, size))
    storage = Storage(Discarding(), images_bucket="images", videos_bucket="videos")  # type: ignore[arg-type]
    storage.store_video("key", InspectedVideo(iter([content])))


def peak(copy: Callable[[bytes, int], None], video: bytes, size: int) -> tuple[float, float]:
    """Peak of Python's memory in MiB, and seconds, of one copy."""
    tracemalloc.start()
    began = time.perf_counter()
    copy(video, size)
    seconds = time.perf_counter() - began
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / MIB, seconds


class Limited(Discarding):
    """An S3 client at the end of a link: a part takes its time."""

    def upload_part(self, **arguments: Any) -> dict[str, str]:
        time.sleep(len(arguments["Body"]) / LINK_BYTES)
        return {"ETag": "1"}


def arriving(video: bytes, size: int) -> Iterator[bytes]:
    """The padded clip over a link, which goes on by itself only as far as a socket's buffer."""
    arrived = 0.0
    for chunk in padded(video, size):
        now = time.perf_counter()
        # 4 MiB wait in the buffers of the sockets, as a window of TCP.
        arrived = max(arrived, now - 4 * MIB / LINK_BYTES) + len(chunk) / LINK_BYTES
        time.sleep(max(0.0, arrived - now))
        yield chunk


def copied(video: bytes, size: int) -> float:
    """Seconds of a copy of ours over both links."""
    client: Any = Limited()
    storage = Storage(client, images_bucket="images", videos_bucket="videos")
    began = time.perf_counter()
    storage.store_video("key", InspectedVideo(arriving(video, size)))
    return time.perf_counter() - began


def copied_bare(video: bytes, size: int) -> float:
    """Seconds of a copy that does nothing but send on, part by part, while the next one comes."""
    client: Any = Limited()
    began = time.perf_counter()
    with ThreadPoolExecutor(1) as sender:
        sent = []
        part = bytearray()
        for chunk in arriving(video, size):
            part += chunk
            if len(part) >= PART_BYTES:
                sent.append(sender.submit(client.upload_part, Body=bytes(part)))
                part.clear()
        sent.append(sender.submit(client.upload_part, Body=bytes(part)))
    return time.perf_counter() - began


def figures() -> dict[str, float]:
    """`copy_slope`: MiB of memory for each MiB of a video; `copy_ratio`: our time by a bare one."""
    video = clip()
    small, large = (peak(streamed, video, size * MIB)[0] for size in SIZES[1:])
    size = 64 * MIB
    ratios = [copied(video, size) / copied_bare(video, size) for _ in range(3)]
    return {
        "copy_slope": (large - small) / (SIZES[2] - SIZES[1]),
        "copy_ratio": median(ratios),
    }


def main() -> None:
    video = clip()
    rows = {
        size: (peak(streamed, video, size * MIB), peak(held, video, size * MIB)) for size in SIZES
    }
    print(f"{'video':>8} {'streamed':>10} {'held':>10} {'held/streamed':>14}")
    for size, ((most, _), (all_of_it, _)) in rows.items():
        print(f"{size:>4} MiB {most:>6.1f} MiB {all_of_it:>6.1f} MiB {all_of_it / most:>13.1f}x")
    for name, value in figures().items():
        print(f"{name:<16}{value:8.3f}")


if __name__ == "__main__":
    main()
