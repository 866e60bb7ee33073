"""Fetch a finished video from an address that a stranger chose: public hosts only.

Each host is resolved here, every address it has must be public, and the address that was checked
is the one connected to; a redirect is a new request and is checked again.
"""

import itertools
import socket
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Final

import httpx

from image_to_video.domain.errors import VideoDownloadError, VideoLinkExpiredError
from image_to_video.domain.public_addresses import Address, literal_address, may_contact

# Largest result taken, and longest transfer; A2E's clips are a few megabytes.
MAX_BYTES: Final = 512 * 1024 * 1024
MAX_SECONDS: Final = 600.0
_CHUNK_BYTES: Final = 64 * 1024
# Tried of a host, each for as long as a connection may take.
_MOST_ADDRESSES: Final = 4
_DEAD_LINK: Final = (403, 404, 410)
# How gzip and zlib begin (RFC 1952, 2.3.1; RFC 1950, 2.2).
_PACKED: Final = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")

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
        """Resolve, check, and connect to a checked address under the host's own name."""
        *others, last = self._checked_addresses(request.url)
        for address in others:
            try:
                reply = self._send(request, address)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                # Nothing was sent; the host's next address may be reached.
                continue
            break
        else:
            reply = self._send(request, last)
        if not reply.has_redirect_location:
            return reply
        # The client would read the body of a redirect whole, however long it is.
        reply.close()
        target = [field for field in reply.headers.raw if field[0].lower() == b"location"]
        return httpx.Response(reply.status_code, headers=target)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def _send(self, request: httpx.Request, address: Address) -> httpx.Response:
        # The Host header was set from the name; `sni_hostname` keeps TLS verifying that name.
        return self._inner.handle_request(
            httpx.Request(
                request.method,
                request.url.copy_with(host=str(address)),
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions | {"sni_hostname": _ascii_host(request.url)},
            )
        )

    def _checked_addresses(self, url: httpx.URL) -> list[Address]:
        """The addresses to try, in order: a Lambda function outside a VPC has no IPv6.

        https://github.com/aws/aws-lambda-python-runtime-interface-client/issues/49
        """
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
        return sorted(addresses, key=lambda address: address.version)[:_MOST_ADDRESSES]


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


class Downloads:
    """Opens result links."""

    def __init__(
        self, client: httpx.Client, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._clock = clock

    @contextmanager
    def open(self, url: str) -> Iterator[Iterator[bytes]]:
        """Begin a transfer and give its chunks, unpacked where they come as gzip or zlib.

        Labels decide nothing: neither the Content-Type nor the Content-Encoding is read. What the
        sender says of the length is, for bytes that are missing by it are missing.

        Raises `VideoLinkExpiredError` for a dead link and `VideoDownloadError` for everything
        else that goes wrong, also later while the chunks are read.
        """
        try:
            with self._client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as reply:
                expected = _announced_length(reply)
                yield _limited(_unpacked(_gathered(self._pieces(reply, expected))))
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            # UnicodeError: a host that is no internationalized name although it looks like one.
            # The error's own text may hold the link, so only its kind is kept.
            raise VideoDownloadError(f"the transfer broke: {type(error).__name__}") from error

    def _pieces(self, reply: httpx.Response, expected: int | None) -> Iterator[bytes]:
        received, deadline = 0, self._clock() + MAX_SECONDS
        # Piece by piece as they come, so that a trickle does not escape the deadline.
        for piece in reply.iter_raw():
            received += len(piece)
            if received > MAX_BYTES:
                raise _too_large()
            if self._clock() > deadline:
                raise VideoDownloadError(f"the transfer took more than {MAX_SECONDS:.0f} seconds")
            yield piece
        if expected not in (None, received):
            raise VideoDownloadError(f"{received} of {expected} bytes came: the transfer was cut")


def _announced_length(reply: httpx.Response) -> int | None:
    """The length of the whole file as it is sent, if the sender tells it.

    Raises `VideoDownloadError` for an answer that is none, or too long.
    """
    if reply.status_code in _DEAD_LINK:
        raise VideoLinkExpiredError(f"the result link answers HTTP {reply.status_code}")
    if not reply.is_success:
        raise VideoDownloadError(f"the result link answers HTTP {reply.status_code}")
    length = reply.headers.get("Content-Length", "")
    if reply.status_code == 206:
        # A part was not asked for; it may be the whole nevertheless (RFC 9110, 14.4).
        length = reply.headers.get("Content-Range", "").rpartition("/")[2]
    # Python reads no number of thousands of digits; nor would such a length be one.
    expected = int(length) if length.isdecimal() and len(length) <= 20 else None
    if expected is not None and expected > MAX_BYTES:
        raise _too_large()
    return expected


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in chunks of a useful size."""
    gathered = bytearray()
    for piece in pieces:
        gathered += piece
        if len(gathered) >= _CHUNK_BYTES:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


def _unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Undo a packing, which the bytes themselves show; no MP4 file begins like one."""
    for first in chunks:
        whole = itertools.chain([first], chunks)
        yield from _gathered(_inflated(whole)) if first.startswith(_PACKED) else whole


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        for chunk in chunks:
            rest = chunk
            while rest and not inflater.eof:
                # So much at once and no more, however far it swells.
                yield inflater.decompress(rest, _CHUNK_BYTES)
                rest = inflater.unconsumed_tail
        yield inflater.flush()
    except zlib.error as error:
        raise VideoDownloadError("the transfer is packed, and cannot be unpacked") from error
    if not inflater.eof:
        raise VideoDownloadError("the transfer is packed, and was cut")


def _limited(chunks: Iterator[bytes]) -> Iterator[bytes]:
    received = 0
    for chunk in chunks:
        received += len(chunk)
        if received > MAX_BYTES:
            raise _too_large()
        yield chunk


def _too_large() -> VideoDownloadError:
    return VideoDownloadError(f"the video has more than {MAX_BYTES} bytes")
