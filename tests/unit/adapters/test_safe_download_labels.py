"""Bytes decide whether a result is taken, not what an answer calls them."""

import gzip
import zlib
from collections.abc import Callable

import pytest
from image_to_video.adapters import safe_download as downloads
from image_to_video.adapters.safe_download import Downloads
from image_to_video.domain.errors import VideoDownloadError

from tests.support.downloads import VIDEO, fetch, replying
from tests.support.loopback import serving


@pytest.mark.parametrize(
    "content_type",
    [
        "video/mp4",
        "video/x-m4v",
        "application/octet-stream",
        "text/plain",
        "text/html; a=b",
        "",
        "?",
    ],
)
def test_the_content_type_decides_nothing(local: Downloads, content_type: str) -> None:
    with serving(replying(headers={"Content-Type": content_type})) as server:
        assert fetch(local, server.url) == VIDEO


@pytest.mark.parametrize("status", [201, 203])
def test_another_success_is_one(local: Downloads, status: int) -> None:
    with serving(replying(status)) as server:
        assert fetch(local, server.url) == VIDEO


@pytest.mark.parametrize(
    "span",
    [f"bytes 0-{len(VIDEO) - 1}/{len(VIDEO)}", f"bytes 0-{len(VIDEO) - 1}/*", "bytes", "", None],
)
def test_a_part_that_is_the_whole_is_taken(local: Downloads, span: str | None) -> None:
    headers = {} if span is None else {"Content-Range": span}
    with serving(replying(206, headers=headers)) as server:
        assert fetch(local, server.url) == VIDEO


@pytest.mark.parametrize("total", [len(VIDEO) + 1, 10 * len(VIDEO)])
def test_a_part_that_is_one_is_refused(local: Downloads, total: int) -> None:
    headers = {"Content-Range": f"bytes 0-{len(VIDEO) - 1}/{total}"}
    with (
        serving(replying(206, headers=headers)) as server,
        pytest.raises(VideoDownloadError, match="was cut"),
    ):
        fetch(local, server.url)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "zlib"])
@pytest.mark.parametrize("label", ["gzip", "deflate", "br", "identity", "x", None])
def test_a_packed_body_is_unpacked_whatever_its_label(
    local: Downloads, pack: Callable[[bytes], bytes], label: str | None
) -> None:
    headers = {} if label is None else {"Content-Encoding": label}
    with serving(replying(body=pack(VIDEO), headers=headers)) as server:
        assert fetch(local, server.url) == VIDEO


@pytest.mark.parametrize("label", ["gzip", "deflate", "br"])
def test_a_label_of_packing_on_plain_bytes_is_nothing(local: Downloads, label: str) -> None:
    with serving(replying(headers={"Content-Encoding": label})) as server:
        assert fetch(local, server.url) == VIDEO


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(VIDEO)[:-9],
        gzip.compress(VIDEO)[:300],
        gzip.compress(VIDEO)[:50] + bytes(99),
        b"\x1f\x8b",
    ],
)
def test_a_packed_body_that_was_cut_or_damaged_is_refused(local: Downloads, body: bytes) -> None:
    with (
        serving(replying(body=body)) as server,
        pytest.raises(VideoDownloadError, match="is packed"),
    ):
        fetch(local, server.url)


def test_bytes_behind_a_packed_body_are_nothing(local: Downloads) -> None:
    with serving(replying(body=gzip.compress(VIDEO) + b"\r\n" * 99)) as server:
        assert fetch(local, server.url) == VIDEO


def test_what_swells_beyond_the_cap_is_stopped_early(
    local: Downloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A megabyte of zeros is a kilobyte packed, and comes out in small pieces."""
    monkeypatch.setattr(downloads, "MAX_BYTES", 300_000)
    taken: list[int] = []
    with (
        serving(replying(body=gzip.compress(bytes(10**6)))) as server,
        pytest.raises(VideoDownloadError, match="more than"),
        local.open(server.url) as video,
    ):
        taken.extend(len(chunk) for chunk in video)
    assert sum(taken) <= 300_000
    assert max(taken) <= 128 * 1024
