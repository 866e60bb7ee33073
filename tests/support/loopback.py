"""Real HTTP servers on the loopback address, for what only shows at a socket."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Seen:
    """One request as it came."""

    method: str
    path: str
    headers: Message
    body: bytes


@dataclass
class Server:
    """A running server and what it has seen; a `connection` is what was accepted at the socket."""

    port: int
    scheme: str
    seen: list[Seen] = field(default_factory=list)
    connections: list[Any] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


class Exchange:
    """One request to be answered, well or badly."""

    def __init__(self, handler: BaseHTTPRequestHandler, seen: Seen) -> None:
        self._handler = handler
        self.path = seen.path
        self.headers = seen.headers

    def reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answer properly."""
        given = {"Content-Length": str(len(body))} | dict(headers or {})
        lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {given[name]}" for name in given)]
        self.write("\r\n".join([*lines, "", ""]).encode() + body)

    def write(self, data: bytes) -> None:
        """Send bytes as they are. Raises `OSError` once the client has gone."""
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def hang_up(self) -> None:
        """End the connection."""
        self._handler.close_connection = True

    def wait_until_closed(self) -> None:
        """Say nothing until the client goes."""
        self._handler.close_connection = True
        with contextlib.suppress(OSError):
            self._handler.rfile.read(1)


@contextmanager
def serving(
    answer: Callable[[Exchange], None], *, context: ssl.SSLContext | None = None
) -> Iterator[Server]:
    """Run a server, with TLS where a context is given."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen = Seen(self.command, self.path, self.headers, body)
            server.seen.append(seen)
            try:
                answer(Exchange(self, seen))
            except OSError:
                self.close_connection = True

        do_GET = do_POST = do_DELETE = _take  # noqa: N815 - the names that http.server calls

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    class Listener(ThreadingHTTPServer):
        daemon_threads = True

        def get_request(self) -> tuple[socket.socket, Any]:
            accepted, address = super().get_request()
            server.connections.append(address)
            return accepted, address

        def finish_request(self, request: Any, client_address: Any) -> None:
            if context is not None:
                request = context.wrap_socket(request, server_side=True)
            with contextlib.suppress(ConnectionError):
                super().finish_request(request, client_address)
            if context is not None:
                request.close()

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up, or that trusts nobody, is no fault here."""

    listener = Listener(("127.0.0.1", 0), Handler)
    server = Server(listener.server_port, "https" if context else "http")
    if context is not None:
        context.sni_callback = lambda _socket, name, _context: server.names.append(name)
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def refusing_port() -> int:
    """A port of the loopback address where nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port
