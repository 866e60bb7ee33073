"""The video of a picture: a real MP4, made by the ffmpeg of imageio-ffmpeg."""

import asyncio
from pathlib import Path

import imageio_ffmpeg

from i2v.simulator.picture import ClipError, compose_still

FRAMES_PER_SECOND = 24
VIDEO_SIZE = (1280, 720)
"""720p, as A2E's public documentation describes its results."""
RENDER_SECONDS_EACH = 60.0
"""Most seconds that the rendering may take, for each second of video."""


async def render_video(picture: bytes, seconds: int, target: Path) -> None:
    """Write an H.264 MP4 of exactly so many seconds, slowly zooming over the picture.

    Raises `ClipError` for a file that is no picture, and when ffmpeg fails or takes too long.
    Cancelling leaves no process and no file behind.
    """
    unfinished = target.with_suffix(".part.mp4")
    still = await asyncio.to_thread(compose_still, picture)
    try:
        await _run(_command(seconds, unfinished), still, RENDER_SECONDS_EACH * seconds)
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _command(seconds: int, target: Path) -> list[str]:
    frames = seconds * FRAMES_PER_SECOND
    width, height = VIDEO_SIZE
    turn = f"PI*on/{frames}"
    move = (
        f"zoompan=z='1.02+0.08*(1-cos({turn}))':x='(iw-iw/zoom)*(0.5+0.3*sin(2*{turn}))'"
        f":y='(ih-ih/zoom)*(0.5-0.3*sin({turn}))':d={frames}:s={width}x{height}"
        f":fps={FRAMES_PER_SECOND}"
    )
    # The noise keeps a video of one flat colour as large as clients expect a video to be.
    filters = f"{move},noise=c0s=6:c0f=t,format=yuv420p"
    options = (
        "-hide_banner -loglevel error -y -filter_threads 2 -f bmp_pipe -i pipe:0"
        f" -vf {filters} -frames:v {frames}"
        " -c:v libx264 -preset veryfast -crf 23 -threads 2 -movflags +faststart"
    )
    return [imageio_ffmpeg.get_ffmpeg_exe(), *options.split(), str(target)]


async def _run(command: list[str], still: bytes, seconds: float) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(seconds):
            _, errors = await process.communicate(still)
    except TimeoutError as error:
        raise ClipError(f"ffmpeg did not end within {seconds:.0f} seconds") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        message = errors.decode(errors="replace").strip()[-500:]
        raise ClipError(f"ffmpeg failed with {process.returncode}: {message}")
