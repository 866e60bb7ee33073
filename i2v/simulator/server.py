"""The simulated A2E as a server: until a signal, or in a thread."""

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
from i2v.simulator.renderer import Render
from i2v.simulator.settings import SimulatorSettings
from i2v.simulator.video import render_video

LOCAL = "127.0.0.1"
"""The default address to listen on: this machine only."""
START_SECONDS = 300.0
"""Most seconds that the start of a server in a thread may take."""


class DroppingProtocol(H11Protocol):
    """HTTP whose requests can end their connection, by a function in the request's state."""

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
        """Send headers and body at once, without Nagle's delay."""
        # asyncio does so itself, but not for the connections of a socket that it did not open.
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)  # type: ignore[arg-type]

    def drop(self, *, reset: bool) -> None:
        """Close after what was written, or reset at once; nothing is logged."""
        if self.cycle is not None:
            self.cycle.disconnected = True
        if not reset:
            self.transport.close()
            return
        with contextlib.suppress(OSError):
            # A linger time of zero turns the close into a TCP reset.
            linger = struct.pack("ii", 1, 0)
            connection = self.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.abort()

    def shutdown(self) -> None:
        """Drop stalled and slow answers, which would keep the server from ending."""
        super().shutdown()
        if self.cycle is not None and not self.cycle.response_complete:
            self.drop(reset=True)


def build_server(app: Starlette) -> uvicorn.Server:
    """A server of the application that logs warnings only; give its `run` a listening socket."""
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

    `on_listening` is called with the base address. Raises `OSError` when the address is taken.
    """
    server = build_server(create_app(settings))
    with listen(host, port) as listener, _ignore_raised_signals():
        on_listening(address_of(listener))
        server.run(sockets=[listener])


@contextlib.contextmanager
def _ignore_raised_signals() -> Iterator[None]:
    # The server shuts down on a signal and then raises it once more, which is ignored.
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
    render: Render = render_video,
) -> Iterator[str]:
    """Serve in a thread and give the base address; leaving ends it and cleans up."""
    server = build_server(create_app(settings, now=now, render=render))
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
