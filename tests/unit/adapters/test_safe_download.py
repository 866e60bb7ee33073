"""Fetching a video from an address of somebody else: what is taken, and what ends a transfer."""

import itertools
from collections.abc import Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_to_video.adapters import safe_download as downloads
from image_to_video.adapters.safe_download import Downloads, guarded_client
from image_to_video.domain.errors import VideoDownloadError, VideoLinkExpiredError

from tests.support.corrupted_json import BOUNDED
from tests.support.downloads import VIDEO, fetch, replying
from tests.support.loopback import Exchange, serving

SECRET = "X-Amz-Signature=s3cret"


def test_a_video_comes_whole(local: Downloads) -> None:
    with serving(replying()) as server, local.open(f"{server.url}/v.mp4?{SECRET}") as video:
        chunks = list(video)
    assert b"".join(chunks) == VIDEO
    assert all(len(chunk) >= 64 * 1024 for chunk in chunks[:-1])
    [seen] = server.seen
    assert (seen.method, seen.path) == ("GET", f"/v.mp4?{SECRET}")


def test_no_authorization_and_no_cookie_is_sent(local: Downloads) -> None:
    with serving(replying(headers={"Set-Cookie": "a=b"})) as server:
        fetch(local, server.url)
        fetch(local, server.url)
        for seen in server.seen:
            assert "Authorization" not in seen.headers
            assert seen.headers["Accept-Encoding"] == "identity"
            assert seen.headers["Host"] == f"127.0.0.1:{server.port}"


def test_no_connection_is_shared_between_downloads(local: Downloads) -> None:
    with serving(replying()) as server:
        fetch(local, server.url)
        fetch(local, server.url)
        assert len(server.connections) == 2


def test_a_length_that_is_not_announced_is_unknown(local: Downloads) -> None:
    def answer(exchange: Exchange) -> None:
        exchange.write(b"HTTP/1.1 200 OK\r\n\r\n" + VIDEO)
        exchange.hang_up()

    with serving(answer) as server:
        assert fetch(local, server.url) == VIDEO


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_expired_link_has_an_error_of_its_own(local: Downloads, status: int) -> None:
    with serving(replying(status)) as server, pytest.raises(VideoLinkExpiredError):
        fetch(local, server.url)


@pytest.mark.parametrize("status", [300, 304, 400, 401, 416, 429, 500, 502, 503])
def test_every_other_answer_is_no_video(local: Downloads, status: int) -> None:
    body = b"" if status == 304 else VIDEO
    with serving(replying(status, body)) as server:
        with pytest.raises(VideoDownloadError) as caught:
            fetch(local, server.url)
        assert not isinstance(caught.value, VideoLinkExpiredError)


@pytest.mark.parametrize("missing", [1, 1000, len(VIDEO)])
def test_a_cut_transfer_is_not_taken(local: Downloads, missing: int) -> None:
    def answer(exchange: Exchange) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(VIDEO)}\r\n\r\n".encode()
        exchange.write(head + VIDEO[: len(VIDEO) - missing])
        exchange.hang_up()

    with serving(answer) as server, pytest.raises(VideoDownloadError, match="broke"):
        fetch(local, server.url)


def test_a_cut_chunked_transfer_is_not_taken(local: Downloads) -> None:
    def answer(exchange: Exchange) -> None:
        exchange.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n")
        exchange.hang_up()

    with serving(answer) as server, pytest.raises(VideoDownloadError, match="broke"):
        fetch(local, server.url)


@pytest.mark.parametrize("sent", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x"])
def test_what_is_not_http_is_a_broken_transfer(local: Downloads, sent: bytes) -> None:
    def answer(exchange: Exchange) -> None:
        exchange.write(sent)
        exchange.hang_up()

    with serving(answer) as server, pytest.raises(VideoDownloadError):
        fetch(local, server.url)


def test_an_announced_length_above_the_cap_is_refused_before_the_first_byte(
    local: Downloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MAX_BYTES", len(VIDEO) - 1)
    with serving(replying()) as server:
        with pytest.raises(VideoDownloadError, match="more than"), local.open(server.url):
            pytest.fail("opened")
        monkeypatch.setattr(downloads, "MAX_BYTES", len(VIDEO))
        assert fetch(local, server.url) == VIDEO


def test_a_body_that_outgrows_the_cap_is_stopped(
    local: Downloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MAX_BYTES", 200_000)
    taken: list[bytes] = []
    with serving(pouring(b"HTTP/1.1 200 OK\r\n\r\n")) as server, local.open(server.url) as video:
        with pytest.raises(VideoDownloadError, match="more than"):
            taken.extend(video)
        assert sum(map(len, taken)) <= 200_000


# More than lies in the buffers of a connection, and little enough for a client that takes it all.
MOST_PIECES = 200


def pouring(head: bytes, poured: list[int] | None = None) -> Callable[[Exchange], None]:
    """Send far too much, until the client stops reading; keep what could be sent."""

    def answer(exchange: Exchange) -> None:
        exchange.hang_up()
        exchange.write(head)
        for number in range(MOST_PIECES):
            exchange.write(VIDEO)
            if poured is not None:
                poured.append(number)

    return answer


def test_a_trickle_ends_at_the_deadline() -> None:
    """Each piece is far smaller than a chunk; the clock goes on one second at each glance."""
    seconds = itertools.count()

    def answer(exchange: Exchange) -> None:
        exchange.hang_up()
        exchange.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(2000):
            exchange.write(b"1\r\nx\r\n")
        exchange.write(b"0\r\n\r\n")

    with guarded_client(permit_loopback=True) as client, serving(answer) as server:
        slow = Downloads(client, clock=lambda: next(seconds) * 300.0)
        with pytest.raises(VideoDownloadError, match="seconds"), slow.open(server.url) as video:
            assert not list(video)


def test_time_within_the_deadline_is_granted() -> None:
    seconds = itertools.chain([0.0], itertools.repeat(downloads.MAX_SECONDS))
    with guarded_client(permit_loopback=True) as client, serving(replying()) as server:
        assert fetch(Downloads(client, clock=lambda: next(seconds)), server.url) == VIDEO


def redirecting(times: int, to: Callable[[Exchange], str]) -> Callable[[Exchange], None]:
    """Send the client on so many times, then answer."""
    left = itertools.count(times, -1)

    def answer(exchange: Exchange) -> None:
        if next(left) > 0:
            exchange.reply(302, b"", {"Location": to(exchange), "Set-Cookie": "a=b"})
        else:
            exchange.reply(200, VIDEO)

    return answer


@pytest.mark.parametrize("times", [1, 2, 3])
def test_three_redirects_are_followed(local: Downloads, times: int) -> None:
    with serving(redirecting(times, lambda exchange: f"{exchange.path}x")) as server:
        assert fetch(local, f"{server.url}/v") == VIDEO
        assert [seen.path for seen in server.seen] == ["/v", "/vx", "/vxx", "/vxxx"][: times + 1]
        assert all("Cookie" not in seen.headers for seen in server.seen)


def test_a_fourth_redirect_is_not(local: Downloads) -> None:
    with serving(redirecting(4, lambda exchange: "/on")) as server:
        with pytest.raises(VideoDownloadError):
            fetch(local, server.url)
        assert len(server.seen) == 4


def test_the_body_of_a_redirect_is_not_read(local: Downloads) -> None:
    poured: list[int] = []
    with serving(replying()) as target:
        head = f"HTTP/1.1 302 Found\r\nLocation: {target.url}/v\r\n\r\n".encode()
        with serving(pouring(head, poured)) as server:
            assert fetch(local, server.url) == VIDEO
    assert len(poured) < MOST_PIECES


@pytest.mark.parametrize(
    "location",
    ["http://[", "ftp://127.0.0.1/", "file:///etc/passwd", "//", "http://", "\xff", "http://xn--/"],
)
def test_a_redirect_to_nowhere_is_a_broken_transfer(local: Downloads, location: str) -> None:
    def answer(exchange: Exchange) -> None:
        head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "
        exchange.hang_up()
        exchange.write(head + location.encode("latin-1") + b"\r\n\r\n")

    with serving(answer) as server, pytest.raises(VideoDownloadError):
        fetch(local, server.url)


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:99999/?{SECRET}",
        f"http://[::1/?{SECRET}",
        f"http://a b/?{SECRET}",
        f"http://\x00/?{SECRET}",
        f"https://xn--/?{SECRET}",
        f"https:///?{SECRET}",
        f"gopher://127.0.0.1/?{SECRET}",
        f"//127.0.0.1/?{SECRET}",
        f"https://{'a' * 64}.example/?{SECRET}",
        f"https://..example/?{SECRET}",
    ],
)
def test_a_link_that_cannot_be_followed_is_not_quoted(local: Downloads, url: str) -> None:
    with pytest.raises(VideoDownloadError) as caught:
        fetch(local, url)
    assert "s3cret" not in str(caught.value)


def test_errors_quote_no_link(local: Downloads) -> None:
    def cut(exchange: Exchange) -> None:
        exchange.hang_up()

    faults = [cut, replying(403), replying(500), redirecting(9, lambda _: f"/?{SECRET}")]
    for fault in faults:
        with serving(fault) as server, pytest.raises(VideoDownloadError) as caught:
            fetch(local, f"{server.url}/?{SECRET}")
        assert "s3cret" not in str(caught.value)


def test_every_trouble_of_the_transport_is_a_failed_download() -> None:
    for error in (httpx.ReadTimeout("t"), httpx.ConnectTimeout("t"), httpx.ReadError("reset")):

        def answer(request: httpx.Request, error: Exception = error) -> httpx.Response:
            raise error

        with (
            httpx.Client(transport=httpx.MockTransport(answer)) as client,
            pytest.raises(VideoDownloadError, match=type(error).__name__),
        ):
            fetch(Downloads(client), "https://a.example/v.mp4")


def _downloaded(headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as client,
        Downloads(client).open("https://cdn.example/v.mp4?sig=CANARY") as chunks,
    ):
        assert b"".join(chunks) == body


@BOUNDED
@given(
    length=st.binary(max_size=30)
    | st.sampled_from([b"9" * 5000, b"-1", b"5,5", b"\xd9\xa3", b"1e3"]),
    kind=st.binary(max_size=30) | st.just(b"text/https://a.example/?sig=CANARY"),
)
def test_any_headers_of_a_result_end_as_a_download_or_a_failed_one(
    length: bytes, kind: bytes
) -> None:
    said = ""
    try:
        _downloaded([(b"Content-Length", length), (b"Content-Type", kind)], b"video")
    except VideoDownloadError as error:
        said = str(error)
    assert "CANARY" not in said
    assert len(said) < 200
