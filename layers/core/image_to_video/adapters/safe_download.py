"""Fetch a finished video from an address that a stranger chose: public hosts only.

Each host is resolved here, every address it has must be public, and the address that was checked
is the one connected to; a redirect is a new request and is checked again.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

import httpx

from image_to_video.domain.errors import VideoDownloadError, VideoLinkExpiredError
from image_to_video.domain.public_addresses import Address, literal_address, may_contact

# Largest result taken, and longest transfer; A2E's clips are a few megabytes.
MAX_BYTES: Final = 512 * 1024 * 1024
MAX_SECONDS: Final = 600.0
_CHUNK_BYTES: Final = 64 * 1024
_DEAD_LINK: Final = (403, 404, 410)

type Resolve = Callable[[str, int], list[Address]]


def resolve(host: str, port: int) -> list[Address]:
    """All addresses of a host. Raises `OSError` where there is none."""
    literal = literal_address(host)
    if literal is not None:
        return [literal]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


class GuardedTransport(httpx.BaseTransport):
    """Sends each request to an address that was checked, or raises `VideoDownloadError`."""

    def __init__(
        self, inner: httpx.BaseTransport, *, permit_loopback: bool, resolve: Resolve = resolve
    ) -> None:
        self._inner = inner
        self._permit_loopback = permit_loopback
        self._resolve = resolve

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Resolve, check, and connect to the checked address under the host's own name."""
        address = self._checked_address(request.url)
        # The Host header was set from the name; `sni_hostname` keeps TLS verifying that name.
        reply = self._inner.handle_request(
            httpx.Request(
                request.method,
                request.url.copy_with(host=str(address)),
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions | {"sni_hostname": _ascii_host(request.url)},
            )
        )
        if not reply.has_redirect_location:
            return reply
        # The client would read the body of a redirect whole, however long it is.
        reply.close()
        target = [field for field in reply.headers.raw if field[0].lower() == b"location"]
        return httpx.Response(reply.status_code, headers=target)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def _checked_address(self, url: httpx.URL) -> Address:
        host, port = _ascii_host(url), url.port or (443 if url.scheme == "https" else 80)
        if url.userinfo:
            raise VideoDownloadError(f"the link to {host} carries credentials")
        try:
            addresses = self._resolve(host, port)
        except (OSError, ValueError) as error:
            raise VideoDownloadError(f"the host {host} cannot be resolved") from error
        for address in addresses:
            if not may_contact(address, permit_loopback=self._permit_loopback):
                raise VideoDownloadError(f"the host {host} is not a public address")
        if url.scheme != "https" and not all(address.is_loopback for address in addresses):
            raise VideoDownloadError(f"the link to {host} is not https")
        if not addresses:
            raise VideoDownloadError(f"the host {host} has no address")
        return addresses[0]


def _ascii_host(url: httpx.URL) -> str:
    """The host as it is sent. `url.host` is Unicode, which the C library encodes otherwise."""
    return url.raw_host.decode("ascii")


def guarded_client(*, permit_loopback: bool) -> httpx.Client:
    """The only kind of client that may follow a result link."""
    # Connections are pooled by address: one kept open was verified for another name, perhaps.
    inner = httpx.HTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))
    return httpx.Client(
        transport=GuardedTransport(inner, permit_loopback=permit_loopback),
        timeout=httpx.Timeout(30, connect=5),
        follow_redirects=True,
        max_redirects=3,
        trust_env=False,
    )


@dataclass(frozen=True, slots=True)
class Download:
    """A transfer under way; `bytes_expected` is what the sender announced, if it did."""

    chunks: Iterator[bytes]
    bytes_expected: int | None


class Downloads:
    """Opens result links."""

    def __init__(
        self, client: httpx.Client, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._clock = clock

    @contextmanager
    def open(self, url: str) -> Iterator[Download]:
        """Begin a transfer.

        Raises `VideoLinkExpiredError` for a dead link and `VideoDownloadError` for everything
        else that goes wrong, also later while `chunks` is read.
        """
        try:
            with self._client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as reply:
                yield Download(self._chunks(reply), self._checked_length(reply))
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            # UnicodeError: a host that is no internationalized name although it looks like one.
            # The error's own text may hold the link, so only its kind is kept.
            raise VideoDownloadError(f"the transfer broke: {type(error).__name__}") from error

    def _checked_length(self, reply: httpx.Response) -> int | None:
        if reply.status_code in _DEAD_LINK:
            raise VideoLinkExpiredError(f"the result link answers HTTP {reply.status_code}")
        if reply.status_code != 200:
            raise VideoDownloadError(f"the result link answers HTTP {reply.status_code}")
        content_type = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if content_type.startswith("text/"):
            raise VideoDownloadError("the result link gives a text, not a video")
        length = reply.headers.get("Content-Length", "")
        # Python reads no number of thousands of digits; nor would such a length be one.
        expected = int(length) if length.isdecimal() and len(length) <= 20 else None
        if expected is not None and expected > MAX_BYTES:
            raise VideoDownloadError(f"the video has {expected} bytes, more than {MAX_BYTES}")
        return expected

    def _chunks(self, reply: httpx.Response) -> Iterator[bytes]:
        received, deadline, gathered = 0, self._clock() + MAX_SECONDS, bytearray()
        # Piece by piece as they come, so that a trickle does not escape the deadline.
        for piece in reply.iter_raw():
            received += len(piece)
            if received > MAX_BYTES:
                raise VideoDownloadError(f"the video has more than {MAX_BYTES} bytes")
            if self._clock() > deadline:
                raise VideoDownloadError(f"the transfer took more than {MAX_SECONDS:.0f} seconds")
            gathered += piece
            if len(gathered) >= _CHUNK_BYTES:
                yield bytes(gathered)
                gathered.clear()
        if gathered:
            yield bytes(gathered)
