"""The submitted picture: fetched as A2E fetches it, and composed into one still to render."""

import asyncio
import io
import struct
import zlib

import httpx
from PIL import Image, ImageFilter, ImageOps

FETCH_SECONDS = 60.0
"""Most seconds that a whole fetch may take."""
MOST_BYTES = 20 * 1024 * 1024
"""Largest picture accepted, in bytes; A2E's own limit is not known."""
MOST_PIXELS = 50_000_000
"""Largest picture decoded; a small file can claim to be far larger."""
UNREADABLE = (OSError, SyntaxError, ValueError, TypeError, EOFError, struct.error, zlib.error)
"""What Pillow raises, one way or another, for a damaged file."""
STILL_SIZE = (2560, 1440)
"""Twice the video's size, so that a slow zoom over whole pixels does not jitter."""


class ClipError(Exception):
    """No video can be made; the text is what the task shows as `failed_message`."""


async def fetch_picture(image_url: str) -> bytes:
    """The bytes behind the address, by a plain GET without credentials, as A2E does it."""
    # trust_env off: no proxy between two servers of one machine, and no password from a .netrc.
    async with httpx.AsyncClient(
        follow_redirects=True, max_redirects=3, trust_env=False, timeout=FETCH_SECONDS
    ) as client:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                return await _read(client, image_url)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise ClipError(f"Failed to fetch image: {type(error).__name__}") from error


async def _read(client: httpx.AsyncClient, image_url: str) -> bytes:
    async with client.stream("GET", image_url) as answer:
        if answer.status_code != httpx.codes.OK:
            raise ClipError(f"Failed to fetch image: HTTP {answer.status_code}")
        received = bytearray()
        async for piece in answer.aiter_bytes():
            received += piece
            if len(received) > MOST_BYTES:
                raise ClipError("Failed to fetch image: it is too large")
        return bytes(received)


def compose_still(picture: bytes) -> bytes:
    """The whole picture over a blurred copy of itself, 16:9, as a BMP; raises `ClipError`."""
    upright = _upright(picture)
    width, height = STILL_SIZE
    small = ImageOps.fit(upright, (width // 16, height // 16))
    still = small.filter(ImageFilter.GaussianBlur(4)).resize(STILL_SIZE, Image.Resampling.BICUBIC)
    scale = min(width / upright.width, height / upright.height)
    # A line one pixel thin stays one pixel thin.
    size = (max(1, round(upright.width * scale)), max(1, round(upright.height * scale)))
    front = upright.resize(size, Image.Resampling.BICUBIC)
    still.paste(front, ((width - front.width) // 2, (height - front.height) // 2))
    bitmap = io.BytesIO()
    still.save(bitmap, "BMP")
    return bitmap.getvalue()


def _upright(picture: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(picture), formats=["JPEG", "PNG", "WEBP"]) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise ClipError("The image has too many pixels")
            turned = ImageOps.exif_transpose(opened).convert("RGBA")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ClipError("The image has too many pixels") from error
    except UNREADABLE as error:
        raise ClipError("The file is not a readable image") from error
    white = Image.new("RGBA", turned.size, "white")
    return Image.alpha_composite(white, turned).convert("RGB")
