"""The videos of the simulated A2E that are cut, odd, or made to exhaust their reader."""

import gzip
import tracemalloc
from pathlib import Path

import pytest
from image_to_video.adapters.mp4_video import measured
from image_to_video.domain.errors import VideoDownloadError

from i2v.simulator.damage import crafted_video, without_lengths
from tests.support.simulation import Simulate, Simulation


@pytest.mark.parametrize("kind", ["cut_without_length", "cut_with_length"])
def test_a_cut_video_comes_without_a_word(simulation: Simulation, kind: str) -> None:
    url = simulation.completed()["result_url"]
    whole = simulation.client.get(url).content
    simulation.fault("download", kind)
    answer = simulation.client.get(url)
    assert (answer.status_code, answer.content) == (200, whole[: len(whole) // 2])
    announced = answer.headers.get("content-length")
    assert announced == (None if "without" in kind else str(len(whole) // 2))
    assert simulation.client.get(url).content == whole


def test_a_whole_video_may_be_called_a_text(simulation: Simulation) -> None:
    url = simulation.completed()["result_url"]
    whole = simulation.client.get(url).content
    simulation.fault("download", "mislabeled")
    with simulation.client.stream("GET", url) as answer:
        packed = b"".join(answer.iter_raw())
    assert gzip.decompress(packed) == whole
    assert (answer.status_code, answer.headers["content-encoding"]) == (206, "br")
    assert answer.headers["content-type"].startswith("text/html")


def test_a_whole_video_may_have_no_durations(simulate: Simulate, clip: bytes) -> None:
    async def render(_picture: bytes, _seconds: int, target: Path) -> None:
        target.write_bytes(clip)

    simulation = simulate(render=render)
    url = simulation.completed()["result_url"]
    simulation.fault("download", "without_durations")
    content = simulation.client.get(url).content
    assert content == without_lengths(clip)
    assert len(content) == len(clip)
    changed = [place for place in range(len(clip)) if content[place] != clip[place]]
    assert changed
    assert clip.index(b"moov") < changed[0] <= changed[-1] < clip.index(b"stbl")
    for kind, offset in ((b"mvhd", 20), (b"tkhd", 24), (b"mdhd", 20)):
        place = content.index(kind) + offset
        assert content[place : place + 4] == bytes(4) != clip[place : place + 4]


def test_a_crafted_video_announces_far_more_than_it_has(simulation: Simulation) -> None:
    url = simulation.completed()["result_url"]
    simulation.fault("download", "crafted")
    content = simulation.client.get(url).content
    assert content == crafted_video()
    assert len(content) < 60_000
    tracemalloc.start()
    try:
        with pytest.raises(VideoDownloadError):
            measured(lambda at, length: content[at : at + length], len(content))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1024 * 1024
