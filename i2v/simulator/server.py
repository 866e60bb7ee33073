"""The simulated A2E as a server: until a signal for people, or in a thread for tests."""

import asyncio
import contextlib
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from i2v.simulator.answers import DROP_CONNECTION
from i2v.simulator.app import create_app
from i2v.simulator.settings import SimulatorSettings
from i2v.simulator.studio import Film
from i2v.simulator.video import film_picture

LOCAL = "127.0.0.1"
"""Where the simulator listens unless told otherwise: this machine only."""
START_SECONDS = 10.0
"""Longest start of a server in a thread."""


class DroppingProtocol(H11Protocol):
    """HTTP whose requests can end their own connection, found in the request's state."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: Any = None,
    ) -> None:
        state = {**app_state, DROP_CONNECTION: self.drop}
        super().__init__(config, server_state, state, _loop)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send headers and body without waiting for each other's receipt."""
        # asyncio does so itself, except on connections of a socket that was opened elsewhere.
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)  # type: ignore[arg-type]

    def drop(self, *, reset: bool) -> None:
        """Close after what was written, or reset at once: no answer, and no complaint in a log."""
        if self.cycle is not None:
            self.cycle.disconnected = True
        if not reset:
            self.transport.close()
            return
        with contextlib.suppress(OSError):
            # Lingering for no time turns the close into a TCP reset.
            linger = struct.pack("ii", 1, 0)
            connection = self.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.abort()

    def shutdown(self) -> None:
        """Answers held back or trickling would keep the server from ending: drop them."""
        super().shutdown()
        if self.cycle is not None and not self.cycle.response_complete:
            self.drop(reset=True)


def build_server(app: Starlette) -> uvicorn.Server:
    """A quiet server of the application; give its `run` a listening socket."""
    config = uvicorn.Config(
        app,
        http=DroppingProtocol,
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)


def listen(host: str = LOCAL, port: int = 0) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `OSError` where that is not allowed."""
    return socket.create_server((host, port))


def address_of(listener: socket.socket) -> str:
    """The base address of a server on that socket."""
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}"


def run_simulator(
    settings: SimulatorSettings,
    host: str = LOCAL,
    port: int = 0,
    *,
    on_listening: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until SIGINT or SIGTERM, then return with everything cleaned up.

    `on_listening` is told the base address. Raises `OSError` when the address is taken.
    """
    server = build_server(create_app(settings))
    with listen(host, port) as listener, _signals_end_it_calmly():
        on_listening(address_of(listener))
        server.run(sockets=[listener])


@contextlib.contextmanager
def _signals_end_it_calmly() -> Iterator[None]:
    # The server shuts down on a signal and raises it once more; that one is for nobody.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handled = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: None) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def running_simulator(
    settings: SimulatorSettings,
    host: str = LOCAL,
    port: int = 0,
    *,
    now: Callable[[], float] = time.time,
    film: Film = film_picture,
) -> Iterator[str]:
    """Serve in a thread and give the base address; leaving ends it and cleans up."""
    server = build_server(create_app(settings, now=now, film=film))
    with listen(host, port) as listener:
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="simulator", daemon=True
        )
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield address_of(listener)
        finally:
            server.should_exit = True
            thread.join()


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the simulator did not start")
        time.sleep(0.005)
