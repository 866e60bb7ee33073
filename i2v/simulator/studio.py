"""The work behind the tasks: every picture is fetched and filmed in the background."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

from i2v.simulator.picture import ClipError, fetch_picture
from i2v.simulator.tasks import Clip, Failure, Task, TaskStore

FILMED_AT_ONCE = 2
"""How many ffmpeg processes there are at most, of two threads each."""

type Film = Callable[[bytes, int, Path], Awaitable[None]]
"""Makes the MP4 of a picture: bytes, seconds, where to; raises `ClipError`."""

logger = logging.getLogger(__name__)


class Studio:
    """Fetches and films; entered, it owns the folder of the videos and everything running."""

    def __init__(self, store: TaskStore, film: Film, now: Callable[[], float]) -> None:
        self._store = store
        self._film = film
        self._now = now
        self._places = asyncio.Semaphore(FILMED_AT_ONCE)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._folder = Path()

    async def __aenter__(self) -> Self:
        """Open the folder."""
        self._folder = Path(tempfile.mkdtemp(prefix="a2e-simulator-"))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop all work and delete every video."""
        running = list(self._running.values())
        for work in running:
            work.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        shutil.rmtree(self._folder)

    def begin(self, task: Task) -> None:
        """Start the work of a task and return."""
        work = asyncio.create_task(self._produce(task))
        self._running[task.id] = work
        work.add_done_callback(lambda _: self._running.pop(task.id, None))

    def drop(self, task: Task) -> None:
        """Stop the work of a task and delete its video."""
        if work := self._running.get(task.id):
            work.cancel()
        self._target(task).unlink(missing_ok=True)

    def _target(self, task: Task) -> Path:
        return self._folder / f"{task.id}.mp4"

    async def _produce(self, task: Task) -> None:
        target = self._target(task)
        try:
            picture = await fetch_picture(task.request.image_url)
            async with self._places:
                await self._film(picture, task.request.video_time, target)
        except (ClipError, OSError) as error:
            # The address stays out: it may be signed.
            logger.warning("task %s fails: %s", task.id, error)
            failure = Failure(str(error), "generation_error", self._now())
            self._store.settle(task.id, failure)
        else:
            self._store.settle(task.id, Clip(target, self._now()))
