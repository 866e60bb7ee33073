"""Videos as ffmpeg makes them, each made once on this machine for all workers of a run."""

import hashlib
import subprocess
import tempfile
from pathlib import Path

import imageio_ffmpeg
import pytest


def made_once(folders: pytest.TempPathFactory, *arguments: str) -> bytes:
    """The MP4 that ffmpeg makes with these arguments."""
    # Workers of one run have folders next to each other.
    shared = folders.getbasetemp().parent
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", *arguments]
    path = shared / f"{hashlib.sha256(repr(command).encode()).hexdigest()}.mp4"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=shared) as folder:
            made = Path(folder) / "clip.mp4"
            subprocess.run([*command, str(made)], check=True, stdin=subprocess.DEVNULL)
            made.replace(path)
    return path.read_bytes()
