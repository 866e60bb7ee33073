"""The videos are real, and made from the picture."""

import asyncio
import io
from pathlib import Path

import pytest
from PIL import Image
from pymediainfo import MediaInfo

from i2v.sample.draw import portrait
from i2v.simulator.picture import MOST_PIXELS, STILL_SIZE, ClipError, compose_still
from i2v.simulator.sample import SAMPLE_PATH
from i2v.simulator.video import render_video
from tests.support.simulation import Pictures, Simulation, encoded

ORIENTATION = 0x0112


def test_a_completed_task_gives_an_h264_video_of_its_length(
    rendering: Simulation, pictures: Pictures, tmp_path: Path
) -> None:
    urls = [
        f"{rendering.client.base_url}/_simulator/sample.png",
        pictures.add("flat.jpg", encoded(Image.new("RGB", (641, 333), "#888"), "JPEG")),
    ]
    contents = []
    for url in urls:
        result = rendering.completed(image_url=url)["result_url"]
        contents.append(rendering.client.get(result).content)
        path = tmp_path / "video.mp4"
        path.write_bytes(contents[-1])
        [video] = MediaInfo.parse(path).video_tracks
        assert (video.format, video.width, video.height) == ("AVC", 1280, 720)
        assert video.chroma_subsampling == "4:2:0"
        assert abs(video.duration - 5000) <= 1000 / 24
        assert len(contents[-1]) > 10_000
        assert contents[-1][4:8] == b"ftyp"
        assert contents[-1].index(b"moov") < contents[-1].index(b"mdat")
    assert contents[0] != contents[1]


def test_a_twenty_second_video_has_twenty_seconds(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    asyncio.run(render_video(SAMPLE_PATH.read_bytes(), 20, path))
    [video] = MediaInfo.parse(path).video_tracks
    assert video.duration == 20_000
    assert [file.name for file in tmp_path.iterdir()] == ["video.mp4"]


def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    async def cancelled() -> None:
        # So long a video that it is cancelled before its end, however late.
        work = asyncio.create_task(render_video(SAMPLE_PATH.read_bytes(), 600, tmp_path / "v.mp4"))
        while not (tmp_path / "v.part.mp4").exists():
            await asyncio.sleep(0.01)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(cancelled())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "picture",
    [
        encoded(Image.new("RGB", (333, 777), "red"), "JPEG"),
        encoded(Image.new("L", (1, 9999))),
        encoded(Image.new("L", (9999, 1))),
        encoded(Image.new("LA", (50, 50))),
        encoded(Image.new("P", (33, 21))),
        encoded(Image.new("I;16", (40, 40))),
        encoded(Image.new("RGBA", (2000, 101), "#0f08"), "WEBP"),
        encoded(Image.new("CMYK", (80, 80)), "JPEG"),
    ],
)
def test_any_jpeg_png_or_webp_becomes_a_still(picture: bytes) -> None:
    with Image.open(io.BytesIO(compose_still(picture))) as still:
        assert (still.size, still.mode) == (STILL_SIZE, "RGB")


def test_a_turned_photograph_is_shown_upright() -> None:
    photograph = Image.new("RGB", (400, 200), "black")
    photograph.paste("white", (0, 0, 200, 200))
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # the camera was turned: the left of the file is the top
    still_bytes = compose_still(encoded(photograph, "PNG", exif=exif))
    with Image.open(io.BytesIO(still_bytes)) as still:
        width, height = STILL_SIZE
        assert still.getpixel((width // 2, height // 4)) == (255, 255, 255)
        assert still.getpixel((width // 2, height * 3 // 4)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (b"", "not a readable image"),
        (b"GIF89a", "not a readable image"),
        (encoded(Image.effect_noise((90, 90), 50), "PNG")[:800], "not a readable image"),
        (encoded(Image.new("1", (MOST_PIXELS // 5000 + 1, 5000))), "too many pixels"),
        (encoded(Image.new("1", (20_000, 10_000))), "too many pixels"),
    ],
)
def test_what_cannot_be_decoded_is_refused(picture: bytes, said: str) -> None:
    with pytest.raises(ClipError, match=said):
        compose_still(picture)


def test_the_sample_is_what_its_script_draws() -> None:
    with Image.open(SAMPLE_PATH) as sample:
        assert sample.size == (768, 1024)
        assert sample.tobytes() == portrait().tobytes()
    assert SAMPLE_PATH.stat().st_size < 150_000
