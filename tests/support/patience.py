"""How long a test waits for what must happen: until it has, however busy the machine is."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

import httpx

PATIENCE: Final = 300.0
"""Seconds: far more than anything here takes. What has happened is not waited for any longer."""

get: Final = partial(httpx.get, timeout=PATIENCE)
post: Final = partial(httpx.post, timeout=PATIENCE)


def until[Answer](ask: Callable[[], Answer], *, pause: float = 0.1) -> Answer:
    """Ask again and again; the first answer that is true."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"it did not happen within {PATIENCE:.0f} s"
        time.sleep(pause)
    return answer


def let_pass(seconds: float) -> None:
    """Let real time go by, where something must have run out or must not have happened.

    A busy machine makes it longer. Nothing that must happen may be waited for like this.
    """
    time.sleep(seconds)
