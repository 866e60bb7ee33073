"""The guard by itself: what it lets through goes to the address it checked, over TLS by name.

`test_safe_download_ssrf` shows that nothing connects inward.
"""

from ipaddress import ip_address

import httpx
import pytest
from image_to_video.adapters.safe_download import (
    Downloads,
    GuardedTransport,
    guarded_client,
    resolve,
)
from image_to_video.domain.errors import VideoDownloadError
from image_to_video.domain.public_addresses import Address

from tests.support.loopback import Exchange, serving
from tests.unit.conftest import Tls

PUBLIC = "93.184.216.34"


class Dns:
    """A name server that answers what is written down, each answer once, the last one for ever."""

    def __init__(self, **names: list[list[str]]) -> None:
        self._names = {name.replace("_", "."): list(answers) for name, answers in names.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[Address]:
        self.asked.append(host)
        if host not in self._names:
            return resolve(host, port)
        answers = self._names[host]
        return [ip_address(text) for text in (answers.pop(0) if len(answers) > 1 else answers[0])]


class Reached:
    """The transport behind the guard: keeps what was let through and answers it."""

    def __init__(self, *, location: str | None = None, unreachable: tuple[str, ...] = ()) -> None:
        self.requests: list[httpx.Request] = []
        self._location = location
        self._unreachable = unreachable

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.host in self._unreachable:
            raise httpx.ConnectError("Network is unreachable")
        if self._location and len(self.requests) == 1:
            return httpx.Response(302, headers={"Location": self._location})
        return httpx.Response(200, stream=httpx.ByteStream(b"video"))


def fetch(url: str, reached: Reached, dns: Dns, *, permit_loopback: bool = False) -> bytes:
    transport = GuardedTransport(
        httpx.MockTransport(reached), permit_loopback=permit_loopback, resolve=dns
    )
    with (
        httpx.Client(transport=transport, follow_redirects=True, max_redirects=3) as client,
        Downloads(client).open(url) as download,
    ):
        return b"".join(download)


@pytest.mark.parametrize("address", [PUBLIC, "2606:4700:4700::1111"])
def test_the_checked_address_is_the_one_connected_to_under_its_name(address: str) -> None:
    reached, dns = Reached(), Dns(cdn_example=[[address], ["127.0.0.1"]])
    assert fetch("https://cdn.example:8443/v.mp4?a=b", reached, dns) == b"video"
    [request] = reached.requests
    assert ip_address(request.url.host) == ip_address(address)
    assert request.url.raw_path == b"/v.mp4?a=b"
    assert request.url.port == 8443
    assert request.headers["Host"] == "cdn.example:8443"
    assert request.extensions["sni_hostname"] == "cdn.example"
    assert dns.asked == ["cdn.example"]


def test_the_next_address_is_tried_where_one_cannot_be_reached_ipv4_first() -> None:
    addresses = ["2606:4700:4700::1111", PUBLIC, "1.1.1.1"]
    reached = Reached(unreachable=(PUBLIC,))
    assert fetch("https://cdn.example/v", reached, Dns(cdn_example=[addresses])) == b"video"
    assert [request.url.host for request in reached.requests] == [PUBLIC, "1.1.1.1"]
    assert {request.extensions["sni_hostname"] for request in reached.requests} == {"cdn.example"}


def test_a_host_of_many_dead_addresses_is_given_up_after_four() -> None:
    addresses = [f"1.1.1.{number}" for number in range(9)]
    reached = Reached(unreachable=tuple(addresses))
    with pytest.raises(VideoDownloadError):
        fetch("https://cdn.example/v", reached, Dns(cdn_example=[addresses]))
    assert len(reached.requests) == 4


def test_no_address_is_tried_where_one_of_them_is_not_public() -> None:
    reached = Reached(unreachable=(PUBLIC,))
    with pytest.raises(VideoDownloadError):
        fetch("https://cdn.example/v", reached, Dns(cdn_example=[[PUBLIC, "10.0.0.1"]]))
    assert not reached.requests


def test_an_answer_is_not_asked_for_again_at_another_address() -> None:
    reached, dns = (
        Reached(location="https://cdn.example/v2"),
        Dns(cdn_example=[[PUBLIC, "1.1.1.1"]]),
    )
    assert fetch("https://cdn.example/v", reached, dns) == b"video"
    assert [request.url.host for request in reached.requests] == [PUBLIC, PUBLIC]


def test_an_international_name_is_asked_for_and_verified_as_it_is_sent() -> None:
    reached, dns = Reached(), Dns(**{"xn--strae-oqa_example": [[PUBLIC]]})
    fetch("https://straße.example/v.mp4", reached, dns)
    [request] = reached.requests
    assert request.headers["Host"] == "xn--strae-oqa.example"
    assert request.extensions["sni_hostname"] == "xn--strae-oqa.example"


def test_a_name_without_an_address_is_not_contacted() -> None:
    reached = Reached()
    with pytest.raises(VideoDownloadError):
        fetch("https://cdn.example/v", reached, Dns(cdn_example=[[]]))
    assert not reached.requests


def test_a_name_that_cannot_be_resolved_is_a_failed_download() -> None:
    def unknown(host: str, port: int) -> list[Address]:
        raise OSError("[Errno -2] Name or service not known")

    transport = GuardedTransport(
        httpx.MockTransport(Reached()), permit_loopback=False, resolve=unknown
    )
    with (
        httpx.Client(transport=transport) as client,
        pytest.raises(VideoDownloadError, match=r"cdn\.example cannot be resolved"),
        Downloads(client).open("https://cdn.example/?s=s3cret"),
    ):
        pytest.fail("opened")


def test_plain_http_is_refused_unless_the_host_is_permitted_loopback() -> None:
    dns = Dns(cdn_example=[[PUBLIC]], here_example=[["127.0.0.1"]], both_example=[["::1", PUBLIC]])
    reached = Reached()
    for url in ("http://cdn.example/v", "http://both.example/v", f"http://{PUBLIC}/v"):
        with pytest.raises(VideoDownloadError, match="https"):
            fetch(url, reached, dns, permit_loopback=True)
    assert not reached.requests
    assert fetch("http://here.example/v", reached, dns, permit_loopback=True) == b"video"


def test_a_name_that_turns_inward_between_redirects_is_refused() -> None:
    reached = Reached(location="https://cdn.example/again")
    dns = Dns(cdn_example=[[PUBLIC], ["127.0.0.1"]])
    with pytest.raises(VideoDownloadError):
        fetch("https://cdn.example/v", reached, dns)
    assert len(reached.requests) == 1
    assert dns.asked == ["cdn.example"] * 2


def test_a_redirect_to_another_public_host_goes_to_its_own_address() -> None:
    reached = Reached(location="https://other.example/v2")
    dns = Dns(cdn_example=[[PUBLIC]], other_example=[["1.1.1.1"]])
    assert fetch("https://cdn.example/v", reached, dns) == b"video"
    assert [request.url.host for request in reached.requests] == [PUBLIC, "1.1.1.1"]
    assert [request.headers["Host"] for request in reached.requests] == [
        "cdn.example",
        "other.example",
    ]


def test_tls_verifies_the_name_although_an_address_is_connected_to(tls: Tls) -> None:
    def answer(exchange: Exchange) -> None:
        exchange.reply(200, b"video")

    dns = Dns(cdn_example=[["127.0.0.1"]], evil_example=[["127.0.0.1"]])
    transport = GuardedTransport(
        httpx.HTTPTransport(verify=tls.trusting), permit_loopback=True, resolve=dns
    )
    with (
        serving(answer, context=tls.serving) as server,
        httpx.Client(transport=transport, trust_env=False) as client,
    ):
        with Downloads(client).open(f"https://cdn.example:{server.port}/") as download:
            assert b"".join(download) == b"video"
        assert server.names == ["cdn.example"]
        assert server.seen[0].headers["Host"] == f"cdn.example:{server.port}"

    with (
        serving(answer, context=tls.serving) as server,
        httpx.Client(
            transport=GuardedTransport(
                httpx.HTTPTransport(verify=tls.trusting), permit_loopback=True, resolve=dns
            )
        ) as client,
        pytest.raises(VideoDownloadError),
        Downloads(client).open(f"https://evil.example:{server.port}/"),
    ):
        pytest.fail("opened")
    assert server.names == ["evil.example"]
    assert not server.seen


def test_an_untrusted_certificate_is_refused(tls: Tls) -> None:
    def answer(exchange: Exchange) -> None:
        exchange.reply(200, b"video")

    with (
        serving(answer, context=tls.serving) as server,
        guarded_client(permit_loopback=True) as client,
    ):
        with pytest.raises(VideoDownloadError), Downloads(client).open(server.url):
            pytest.fail("opened")
        assert not server.seen
