"""How much memory and time forty tasks at once take of the stack on one machine.

Eight clients start them by REST; what is measured is the emulator with all its Lambda workers.
Seconds depend on the machine; processes and memory hardly do.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from statistics import median
from typing import Final

import httpx
import psutil

from i2v.simulator.settings import SimulatorSettings
from i2v.stack import running_stack
from tests.support.patience import PATIENCE, until

TASKS: Final = 40
CLIENTS: Final = 8
MIB: Final = 1024 * 1024


class Watch:
    """The most processes and memory that a tree of processes had at one moment."""

    def __init__(self, process_id: int) -> None:
        self.processes = 0
        self.resident = 0
        self.alone = 0
        self._root = psutil.Process(process_id)

    def look(self) -> None:
        """Count once. Shared pages count in every process, as in the sum that `ps` shows."""
        resident = alone = processes = 0
        for process in [self._root, *self._root.children(recursive=True)]:
            with suppress(psutil.Error):
                memory = process.memory_full_info()
                resident += memory.rss
                alone += memory.pss
                processes += 1
        self.processes = max(self.processes, processes)
        self.resident = max(self.resident, resident)
        self.alone = max(self.alone, alone)


@contextmanager
def watching(process_id: int) -> Iterator[Watch]:
    """Measure a tree of processes twice a second, until left."""
    watch, ended = Watch(process_id), threading.Event()

    def look() -> None:
        while not ended.wait(0.5):
            watch.look()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()


def figures() -> dict[str, float]:
    """Peak of the process tree in MiB, with and without what is shared, and the POSTs' seconds."""
    with running_stack(simulator=SimulatorSettings(generation_seconds=2)) as (stack, emulator):
        headers = {"Authorization": f"Bearer {stack.token}"}
        body = {"image_url": f"{stack.a2e_url}/_simulator/sample.png"}
        with httpx.Client(headers=headers, timeout=PATIENCE, trust_env=False) as client:

            def post(_: int) -> float:
                began = time.monotonic()
                client.post(f"{stack.api_url}/tasks", json=body).raise_for_status()
                return time.monotonic() - began

            def all_succeeded() -> bool:
                answer = client.get(f"{stack.api_url}/tasks?limit={TASKS}").raise_for_status()
                statuses = [task["status"] for task in answer.json()["data"]]
                return statuses == ["succeeded"] * TASKS

            began = time.monotonic()
            with watching(emulator.process.pid) as watch:
                with ThreadPoolExecutor(CLIENTS) as clients:
                    seconds = list(clients.map(post, range(TASKS)))
                until(all_succeeded, pause=1)
            return {
                "local_processes": watch.processes,
                "local_rss_mib": watch.resident / MIB,
                "local_pss_mib": watch.alone / MIB,
                "local_post_median_s": median(seconds),
                "local_post_slowest_s": max(seconds),
                "local_all_done_s": time.monotonic() - began,
            }


def main() -> None:
    for name, value in figures().items():
        print(f"{name:<22}{value:10.1f}")


if __name__ == "__main__":
    main()
