"""Renders the videos of the tasks in the background, each from the picture that it fetches."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

from i2v.simulator.picture import ClipError, fetch_picture
from i2v.simulator.tasks import Clip, SimulatedFailure, SimulatedTask, TaskStore

MAX_RENDERING = 2
"""Most ffmpeg processes at once, of two threads each."""

type Render = Callable[[bytes, int, Path], Awaitable[None]]
"""Writes the MP4 of a picture, given its bytes, the seconds and the path; raises `ClipError`."""

logger = logging.getLogger(__name__)


class Renderer:
    """Fetches and renders; while entered, it owns the folder of the videos and all running work."""

    def __init__(self, store: TaskStore, render: Render, now: Callable[[], float]) -> None:
        self._store = store
        self._render = render
        self._now = now
        self._slots = asyncio.Semaphore(MAX_RENDERING)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._folder = Path()

    async def __aenter__(self) -> Self:
        """Create the folder."""
        self._folder = Path(tempfile.mkdtemp(prefix="a2e-simulator-"))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop all work and delete every video."""
        running = list(self._running.values())
        for work in running:
            work.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        shutil.rmtree(self._folder)

    def begin(self, task: SimulatedTask) -> None:
        """Start the work of a task and return."""
        work = asyncio.create_task(self._produce(task))
        self._running[task.id] = work
        work.add_done_callback(lambda _: self._running.pop(task.id, None))

    def drop(self, task: SimulatedTask) -> None:
        """Stop the work of a task and delete its video."""
        if work := self._running.get(task.id):
            work.cancel()
        self._target(task).unlink(missing_ok=True)

    def _target(self, task: SimulatedTask) -> Path:
        return self._folder / f"{task.id}.mp4"

    async def _produce(self, task: SimulatedTask) -> None:
        target = self._target(task)
        try:
            picture = await fetch_picture(task.request.image_url)
            if task.request.end_image_url:
                # A last frame that cannot be had fails the task; no video shows it.
                await fetch_picture(task.request.end_image_url)
            async with self._slots:
                await self._render(picture, task.request.video_time, target)
        except (ClipError, OSError) as error:
            # Without the address: it may be signed.
            logger.warning("task %s fails: %s", task.id, error)
            failure = SimulatedFailure(str(error), "generation_error", self._now())
            self._store.record_outcome(task.id, failure)
        else:
            self._store.record_outcome(task.id, Clip(target, self._now()))
