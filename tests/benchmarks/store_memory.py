"""How much memory a copy takes, by the size of the video: `make benchmark` prints ratios.

Each copy is measured beside the plain way, which holds the whole file; sizes are made by padding a
real clip with an MP4 `free` box. Nothing is timed against a limit, and nothing leaves the process.
"""

import struct
import subprocess
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
from image_to_video.adapters.storage import Storage
from image_to_video.adapters.video_probe import InspectedVideo

MIB = 1024 * 1024


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


def main() -> None:
    video = clip()
    sizes = (16, 64, 256)
    rows = {
        size: (peak(streamed, video, size * MIB), peak(held, video, size * MIB)) for size in sizes
    }
    print(f"{'video':>8} {'streamed':>10} {'held':>10} {'held/streamed':>14}")
    for size, ((most, _), (all_of_it, _)) in rows.items():
        print(f"{size:>4} MiB {most:>6.1f} MiB {all_of_it:>6.1f} MiB {all_of_it / most:>13.1f}x")
    growth = rows[sizes[-1]][0][0] / rows[sizes[0]][0][0]
    print(f"A video {sizes[-1] // sizes[0]} times as large takes {growth:.2f} times the memory.")


if __name__ == "__main__":
    main()
