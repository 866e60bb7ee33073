"""What can never be shown as an image is told from what decoders show."""

import io
import zlib
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_to_video.domain import image_files
from image_to_video.domain.image_files import fault_in
from PIL import Image

from tests.support.images import JPEG, PNG, WEBP
from tests.support.simulation import encoded

NOISE: Final = Image.effect_noise((60, 41), 60).convert("RGB")


def with_thumbnail() -> bytes:
    """A JPEG whose metadata holds a whole JPEG, as cameras write it."""
    exif = b"Exif\0\0" + bytes(20) + encoded(NOISE.resize((16, 16)), "JPEG")
    return encoded(NOISE, "JPEG", exif=exif)


WHOLE: Final[dict[str, bytes]] = {
    "JPEG": JPEG,
    "JPEG of one pixel": encoded(Image.new("RGB", (1, 1)), "JPEG"),
    "progressive JPEG": encoded(NOISE, "JPEG", progressive=True),
    "JPEG in CMYK": encoded(NOISE.convert("CMYK"), "JPEG"),
    "gray JPEG": encoded(NOISE.convert("L"), "JPEG"),
    "JPEG with restart markers": encoded(NOISE, "JPEG", restart_marker_rows=1),
    "JPEG with a comment": encoded(NOISE, "JPEG", comment=b"\xff\xd9 is no end here"),
    "JPEG with a thumbnail": with_thumbnail(),
    "PNG": PNG,
    "PNG of one pixel": encoded(Image.new("1", (1, 1)), "PNG"),
    "PNG with a palette": encoded(NOISE.convert("P"), "PNG"),
    "PNG of single bits": encoded(NOISE.convert("1"), "PNG"),
    "PNG of 16 bits": encoded(NOISE.convert("I;16"), "PNG"),
    "PNG with an alpha channel": encoded(NOISE.convert("RGBA"), "PNG"),
    "animated PNG": encoded(NOISE, "PNG", save_all=True, append_images=[NOISE.rotate(9)]),
    "lossy WebP": WEBP,
    "lossless WebP": encoded(NOISE, "WEBP", lossless=True),
    "WebP with an alpha channel": encoded(NOISE.convert("RGBA"), "WEBP"),
    "WebP with metadata": encoded(NOISE, "WEBP", exif=b"Exif\0\0" + bytes(100)),
    "animated WebP": encoded(NOISE, "WEBP", save_all=True, append_images=[NOISE.rotate(9)]),
}
whole_images = pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE)


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def png(width: int, height: int, packed: bytes, kind: bytes = b"\x08\x02\0\0\0") -> bytes:
    """A PNG of these pixels; `kind` is the end of its header: depth, color type, methods."""
    header = width.to_bytes(4) + height.to_bytes(4) + kind
    data = chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def webp(kind: bytes, body: bytes) -> bytes:
    inner = b"WEBP" + kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)
    return b"RIFF" + len(inner).to_bytes(4, "little") + inner


def replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    assert old in content
    return content.replace(old, new, 1)


@whole_images
def test_a_whole_image_has_no_fault(content: bytes) -> None:
    with Image.open(io.BytesIO(content)) as image:
        image.load()
    assert fault_in(content) is None


@whole_images
@pytest.mark.parametrize("tail", [b"\0", b"\r\n\r\n", b"\0\0\0\x18ftypmp42", JPEG], ids=len)
def test_bytes_behind_the_end_are_no_fault(content: bytes, tail: bytes) -> None:
    assert fault_in(content + tail) is None


@pytest.mark.parametrize("name", WHOLE)
@given(data=st.data())
def test_an_image_that_is_cut_anywhere_is_not_taken(name: str, data: Any) -> None:
    content = WHOLE[name]
    assert fault_in(content[: data.draw(st.integers(0, len(content) - 1))]) is not None


@pytest.mark.parametrize("name", [name for name in WHOLE if "WebP" not in name])
@given(data=st.data())
def test_an_image_whose_rest_is_padding_is_not_taken(name: str, data: Any) -> None:
    """As what was fetched in part, into a file that had its full size before."""
    content = WHOLE[name]
    # Behind its pixels nothing is missed.
    cut = content[: data.draw(st.integers(0, len(content) // 2))]
    padding = data.draw(st.sampled_from([b"\0", b"\xff"]))
    assert fault_in(cut + padding * (len(content) - len(cut))) is not None


@pytest.mark.parametrize("name", [name for name in WHOLE if "JPEG" in name])
def test_a_cut_image_before_a_whole_one_is_not_taken(name: str) -> None:
    content = WHOLE[name]
    assert fault_in(content[:-2] + JPEG) is not None


FRAME: Final = b"\xff\xc0\0\x0b\x08\0\x10\0\x10\x01\x01\x11\0"
SCAN: Final = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0"
HEAD: Final = b"\xff\xd8\xff\xe0\0\x04JF"
PIXELS: Final = zlib.compress(bytes(4 * 13))
LOSSY: Final = b"\x10\0\0\x9d\x01\x2a\x10\0\x10\0" + bytes(8)
LOSSLESS: Final = b"\x2f\x0f\xc0\x03\x00" + bytes(8)


@pytest.mark.parametrize(
    "content",
    [
        HEAD + FRAME + SCAN + b"abc\xff\xd9",
        HEAD + b"\xff\xff\xff" + FRAME + SCAN + b"abc\xff\xd9",
        HEAD + b"garbage" + FRAME + SCAN + b"a\xff\0b\xff\xd0c\xff\x01d" + b"\xff\xff\xd9",
        HEAD + FRAME + SCAN + b"abc" + SCAN + b"d\xff\xd9",
        png(4, 4, PIXELS),
        png(4, 4, zlib.compress(bytes(4 * 13 + 9))),
        png(4, 4, zlib.compress(bytes(4 * 2 + 8)), b"\x01\x00\0\0\x01"),
        png(9, 9, zlib.compress(bytes(262)), b"\x08\x02\0\0\x01") + b"behind the end",
        replaced(png(4, 4, PIXELS), b"IEND\xae", b"IEND\xaf"),
        webp(b"VP8 ", LOSSY),
        webp(b"VP8L", LOSSLESS),
    ],
)
def test_what_decoders_forgive_is_forgiven(content: bytes) -> None:
    assert fault_in(content) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a JPEG"),
        (b"GIF89a" + bytes(100), "not a JPEG"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "not a JPEG"),
        (b"\xff\xd8\xff", "cut"),
        (b"\xff\xd8\xff\xd9", "no image data"),
        (HEAD + b"\xff\xd9", "no image data"),
        (HEAD + FRAME + b"\xff\xd9", "no image data"),
        (HEAD + FRAME + SCAN + b"\xff\xd9", "no image data"),
        (HEAD + SCAN + b"abc\xff\xd9", "without a frame"),
        (HEAD + FRAME + SCAN + b"abc\xff\xd8" + b"abc\xff\xd9", "begins inside"),
        (HEAD + FRAME[:5] + b"\0\0" + FRAME[7:] + SCAN + b"abc\xff\xd9", "height of 0"),
        (HEAD + FRAME[:7] + b"\0\0" + FRAME[9:] + SCAN + b"abc\xff\xd9", "height of 0"),
        (b"\x89PNG\r\n\x1a\n", "cut"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""), "does not begin with a header"),
        (replaced(PNG, b"IDAT", b"iDAT"), "no image data"),
        (png(0, 4, PIXELS), "height of 0"),
        (png(4, 0, PIXELS), "height of 0"),
        (png(4, 4, PIXELS, b"\x03\x02\0\0\0"), "PNG does not have"),
        (png(4, 4, PIXELS, b"\x08\x05\0\0\0"), "PNG does not have"),
        (png(4, 4, PIXELS, b"\x08\x02\0\0\x02"), "PNG does not have"),
        (png(4, 5, PIXELS), "cut"),
        (png(2**31 - 1, 2**31 - 1, PIXELS), "cut"),
        (png(4, 4, PIXELS[:6]), "cut"),
        (png(9, 9, zlib.compress(bytes(261)), b"\x08\x02\0\0\x01"), "cut"),
        (png(4, 4, b"not packed"), "cannot be unpacked"),
        (replaced(png(4, 4, PIXELS), PIXELS, PIXELS[::-1]), "checksum"),
        (b"RIFF\x04\0\0\0WEBP", "no image data"),
        (webp(b"EXIF", b"only metadata"), "no image data"),
        (webp(b"VP8 ", LOSSY)[:-1], "cut"),
        (webp(b"VP8 ", b"\x11" + LOSSY[1:]), "key frame"),
        (webp(b"VP8 ", LOSSY.replace(b"\x9d", b"\x9e")), "key frame"),
        (webp(b"VP8 ", b"\xf0\xff" + LOSSY[2:]), "key frame"),
        (webp(b"VP8 ", LOSSY[:6] + b"\0\0\x10\0" + bytes(8)), "height of 0"),
        (webp(b"VP8L", b"\x2e" + LOSSLESS[1:]), "lossless"),
        (webp(b"VP8L", LOSSLESS[:4]), "lossless"),
        (replaced(webp(b"VP8 ", LOSSY), b"VP8 \x12", b"VP8 \x14"), "beyond its end"),
    ],
)
def test_what_no_decoder_shows_is_told(content: bytes, words: str) -> None:
    assert words in str(fault_in(content))


@given(st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBP"]), st.binary())
def test_any_bytes_are_judged(start: bytes, rest: bytes) -> None:
    judged = fault_in(start + rest)
    assert judged is None or judged.endswith(".")


def test_a_bomb_is_unpacked_to_its_bound_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_files, "_MOST_UNFOLDED", 5 * 1024 * 1024)
    bomb = zlib.compress(bytes(5 * 1024 * 1024))
    assert fault_in(png(2**31 - 1, 2**31 - 1, bomb)) is None
    assert "cut" in str(fault_in(png(2**31 - 1, 2**31 - 1, zlib.compress(bytes(4_000_000)))))
