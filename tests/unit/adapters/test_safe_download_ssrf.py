"""No result link leads inward, watched at the socket: the real client, resolver and redirects.

`test_public_addresses` judges addresses, `test_safe_download_guard` the guard by itself. Here every
question to a name server and every connection is seen, whichever library makes it.
"""

from functools import partial
from pathlib import Path

import httpx
import pytest
from image_to_video import a2e_access
from image_to_video.adapters.safe_download import Downloads, guarded_client
from image_to_video.adapters.secret_cache import Secrets
from image_to_video.domain.errors import GeneratorUnavailableError, VideoDownloadError
from image_to_video.settings import Settings

from tests.support.loopback import Exchange, Server, serving
from tests.support.private_hosts import DISPUTED, INNER, LOOPBACK, PUBLIC, Watch
from tests.unit.conftest import Tls

NAMES = {
    "localhost": [["127.0.0.1", "::1"]],
    "localhost.": [["127.0.0.1", "::1"]],
    "cdn.example": [[PUBLIC]],
}


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch(monkeypatch)
    watch.answer(NAMES)
    return watch


@pytest.fixture
def trusting(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> Tls:
    """The client that is tested trusts the certificate of cdn.example."""
    monkeypatch.setattr(httpx, "HTTPTransport", partial(httpx.HTTPTransport, verify=tls.trusting))
    return tls


def fetch(url: str, *, permit_loopback: bool = False) -> bytes:
    with (
        guarded_client(permit_loopback=permit_loopback) as client,
        Downloads(client).open(url) as download,
    ):
        return b"".join(download)


def refused(url: str, *, permit_loopback: bool = False) -> None:
    with pytest.raises(VideoDownloadError):
        fetch(url, permit_loopback=permit_loopback)


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("host", [*LOOPBACK, *INNER], ids=ascii)
def test_an_inner_host_is_not_connected_to(watch: Watch, scheme: str, host: str) -> None:
    for port in ("", ":8080"):
        refused(f"{scheme}://{host}{port}/latest/meta-data/")
    assert not watch.connected


@pytest.mark.parametrize("host", INNER, ids=ascii)
def test_permitted_loopback_opens_no_other_inner_host(watch: Watch, host: str) -> None:
    refused(f"http://{host}/", permit_loopback=True)
    refused(f"https://{host}/", permit_loopback=True)
    assert not watch.connected


@pytest.mark.parametrize("host", DISPUTED, ids=ascii)
def test_a_disputed_host_leads_outward_or_nowhere(watch: Watch, host: str) -> None:
    refused(f"https://{host}/")
    assert set(watch.connected) <= {PUBLIC}


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://cdn.example/v", "data:,v", "//x", ""])
def test_another_scheme_is_not_followed(watch: Watch, url: str) -> None:
    refused(url)
    assert not watch.connected


def test_the_watch_sees_a_connection_outward_and_one_that_is_permitted(watch: Watch) -> None:
    refused("https://cdn.example/v.mp4")
    assert watch.asked == ["cdn.example"]
    assert watch.connected == [PUBLIC]

    with serving(lambda exchange: exchange.reply(200, b"video")) as server:
        watch.ports["127.0.0.1"] = server.port
        for host in ("127.0.0.1", "127.1", "2130706433"):
            url = f"http://{host}:{server.port}/"
            assert fetch(url, permit_loopback=True) == b"video"
        assert watch.connected == [PUBLIC, *["127.0.0.1"] * 3]
        assert len(server.seen) == 3


@pytest.mark.parametrize(
    "answer",
    [
        *(
            ["10.0.0.1"],
            ["127.0.0.1"],
            ["::1"],
            ["169.254.169.254"],
            ["fd00:ec2::254"],
            ["0.0.0.0"],
        ),
        *([PUBLIC, "10.0.0.1"], ["10.0.0.1", PUBLIC], [PUBLIC, "::1"], [PUBLIC, "fe80::1"]),
        *(["::ffff:10.0.0.1"], ["64:ff9b::a00:1"], ["2002:a00:1::"], [PUBLIC, "::ffff:127.0.0.1"]),
    ],
    ids=" ".join,
)
def test_a_name_with_one_inner_address_is_not_connected_to(watch: Watch, answer: list[str]) -> None:
    watch.answer({"mixed.example": [answer]})
    refused("https://mixed.example/v.mp4")
    refused("http://mixed.example/v.mp4")
    assert watch.asked == ["mixed.example"] * 2
    assert not watch.connected


@pytest.mark.parametrize("inner", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1"])
def test_a_name_that_changes_its_answer_is_asked_once_for_each_request(
    watch: Watch, trusting: Tls, inner: str
) -> None:
    """Rebinding: what was checked is what is connected to, and there is no second question."""
    watch.answer({"cdn.example": [[PUBLIC], [inner]]})
    with serving(lambda e: e.reply(200, b"video"), context=trusting.serving) as server:
        watch.ports[PUBLIC] = server.port
        assert fetch("https://cdn.example/v.mp4") == b"video"
        assert (watch.asked, watch.connected) == (["cdn.example"], [PUBLIC])
        refused("https://cdn.example/v.mp4")
        assert (watch.asked, watch.connected) == (["cdn.example"] * 2, [PUBLIC])


def redirecting(status: int, location: str) -> "partial[None]":
    def answer(location: str, exchange: Exchange) -> None:
        exchange.reply(status, b"x" * 100, {"Location": location, "Set-Cookie": "a=b"})

    return partial(answer, location)


INWARD = [
    *(f"https://{host}/" for host in ("127.0.0.1", "[::1]", "10.0.0.1", "0x7f.1", "localhost")),
    *("http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "//127.0.0.1/"),
    *("https://127.0.0.1:8443/", "https://inner.example/", "http://cdn.example/v.mp4"),
    *("https://user:password@cdn.example/", "ftp://cdn.example/v", "file:///etc/passwd"),
    *("data:video/mp4,x", "gopher://127.0.0.1/", "https://１２７.０.０.１/", "https:/\\127.0.0.1/"),  # noqa: RUF001
    *("http://", "https://[::1", "\\\\127.0.0.1\\", "https://cdn.example@127.0.0.1/"),
]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_leads_inward(watch: Watch, trusting: Tls, status: int) -> None:
    watch.answer({"inner.example": [[PUBLIC, "10.0.0.1"]]})
    followed: dict[str, list[str]] = {}
    for location in INWARD:
        text = location.encode().decode("latin-1")
        with serving(redirecting(status, text), context=trusting.serving) as server:
            watch.ports[PUBLIC] = server.port
            refused("https://cdn.example/v.mp4")
            assert len(server.seen) >= 1
        followed[location] = list(dict.fromkeys(watch.connected))
        watch.connected.clear()
    assert followed == {location: [PUBLIC] for location in INWARD}


def test_a_redirect_from_a_permitted_loopback_leads_to_no_other_inner_host(watch: Watch) -> None:
    for location in [f"http://{host}/" for host in INNER if host.isascii()]:
        with serving(redirecting(302, location)) as server:
            watch.ports["127.0.0.1"] = server.port
            refused(server.url, permit_loopback=True)
            assert len(server.seen) == 1, location
    assert set(watch.connected) == {"127.0.0.1"}


def test_three_redirects_are_followed_and_no_fourth(watch: Watch, trusting: Tls) -> None:
    def answer(exchange: Exchange) -> None:
        hop = int(exchange.path[1:])
        if hop == end:
            exchange.reply(200, b"video")
        else:
            exchange.reply(302, b"", {"Location": f"/{hop + 1}"})

    with serving(answer, context=trusting.serving) as server:
        watch.ports[PUBLIC] = server.port
        end = 3
        assert fetch("https://cdn.example/0") == b"video"
        assert watch.connected == [PUBLIC] * 4
        end = 4
        refused("https://cdn.example/0")
        assert watch.connected == [PUBLIC] * 8
        assert [seen.path for seen in server.seen] == ["/0", "/1", "/2", "/3"] * 2


def test_no_proxy_of_the_environment_is_asked(
    watch: Watch, trusting: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ):
        monkeypatch.setenv(name, "http://10.0.0.1:3128")
    with serving(lambda e: e.reply(200, b"video"), context=trusting.serving) as server:
        watch.ports[PUBLIC] = server.port
        assert fetch("https://cdn.example/v.mp4") == b"video"
        refused("http://127.0.0.1/")
    assert watch.connected == [PUBLIC]


def headers_of(server: Server) -> set[str]:
    return {name.lower() for seen in server.seen for name in seen.headers}


def test_a_result_host_gets_no_credentials_before_or_after_a_redirect(
    watch: Watch, trusting: Tls, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("default login a password b\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))

    def answer(exchange: Exchange) -> None:
        if exchange.path == "/v.mp4":
            exchange.reply(302, b"", {"Location": "/next", "Set-Cookie": "a=b; Path=/"})
        else:
            exchange.reply(200, b"video")

    with serving(answer, context=trusting.serving) as server:
        watch.ports[PUBLIC] = server.port
        assert fetch("https://cdn.example/v.mp4") == b"video"
        assert [seen.path for seen in server.seen] == ["/v.mp4", "/next"]
        assert not headers_of(server) & {"authorization", "proxy-authorization", "x-api-key"}


def test_the_token_goes_to_a2e_and_to_no_proxy(
    watch: Watch, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://10.0.0.1:3128")
    watch.answer({"a2e.example": [[PUBLIC]]})
    monkeypatch.setattr(Secrets, "get", lambda *_: "sk_a2e")
    generator = a2e_access.generator(settings.model_copy(update={"a2e_url": "https://a2e.example"}))
    with pytest.raises(GeneratorUnavailableError):
        generator.check("66f0c1a2b3c4d5e6f7a8b9c0")
    assert watch.asked == ["a2e.example"]
    assert watch.connected == [PUBLIC]
