"""Simulators of the tests: over real HTTP, each with a clock of its own."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from i2v.simulator.renderer import Render
from i2v.simulator.server import running_simulator
from i2v.simulator.settings import SimulatorSettings
from i2v.simulator.video import render_video
from tests.support.patience import PATIENCE
from tests.support.simulation import Clock, Pictures, Simulate, Simulation, render_at_once


@pytest.fixture(scope="session")
def endings() -> Iterator[list[threading.Thread]]:
    """Simulators on their way out: ending is a fifth of a second of waiting, of no interest."""
    threads: list[threading.Thread] = []
    yield threads
    for thread in threads:
        thread.join()


@pytest.fixture
def simulate(
    pictures: Pictures, endings: list[threading.Thread], caplog: pytest.LogCaptureFixture
) -> Iterator[Simulate]:
    """Starts simulators; without ffmpeg unless `render` says otherwise."""
    running = ExitStack()

    def begin(*, render: Render = render_at_once, **settings: Any) -> Simulation:
        chosen = SimulatorSettings(**{"generation_seconds": 10.0, **settings})
        clock = Clock()
        server = running_simulator(chosen, now=clock, render=render)
        client = httpx.Client(
            base_url=running.enter_context(server),
            headers={"authorization": f"Bearer {chosen.token}"},
            timeout=PATIENCE,
            trust_env=False,
        )
        running.enter_context(client)
        return Simulation(client, clock, pictures.url("sunset.png"))

    yield begin
    endings.append(threading.Thread(target=running.close))
    endings[-1].start()
    # However a fault ends a connection, the server has nothing to complain about.
    assert not [r for r in caplog.get_records("call") if r.name.startswith("uvicorn")]


@pytest.fixture
def simulation(simulate: Simulate) -> Simulation:
    return simulate()


@pytest.fixture
def rendering(simulate: Simulate) -> Simulation:
    """A simulation whose videos are real."""
    return simulate(render=render_video)


@pytest.fixture(scope="session")
def pictures() -> Iterator[Pictures]:
    pictures = Pictures()
    thread = threading.Thread(target=pictures.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield pictures
    pictures.server.shutdown()
    thread.join()
    pictures.server.server_close()
