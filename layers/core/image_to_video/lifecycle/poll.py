"""Looking how the generator gets on. A look that goes wrong is never the task's failure."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from image_to_video.adapters.limit_table import Limits
from image_to_video.adapters.task_table import TaskTable
from image_to_video.domain.errors import GeneratorError
from image_to_video.domain.generator import Failed, Generator, Incomplete, Look, Ready, Running
from image_to_video.domain.schedule import Schedule
from image_to_video.domain.task import FailureCode, Task, TaskStatus
from image_to_video.observability import count, logger

# How long after the deadline copies may still be under way.
_LAST_COPIES: Final = timedelta(hours=1)


class Poller:
    """Asks the generator about tasks that it works on."""

    def __init__(
        self,
        *,
        table: TaskTable,
        generator: Generator,
        limits: Limits,
        schedule: Schedule,
        now: Callable[[], datetime],
    ) -> None:
        self._table = table
        self._generator = generator
        self._limits = limits
        self._schedule = schedule
        self._now = now

    def look(self, task: Task) -> Task:
        """Ask once about a generating task and write down what came of it."""
        look = self._ask(task)
        now = self._now()
        match look:
            case Ready():
                change = task.changed(
                    now,
                    status=TaskStatus.STORING,
                    result_url=look.url,
                    generator_status=look.word,
                    completed_at=now,
                    next_poll_at=now,
                )
            case Failed() if not look.tentative or look.word == task.generator_status:
                change = task.failed(now, look.code, look.message, generator_status=look.word)
            case _:
                change = self._still_waiting(task, look, now)
        if change.status is TaskStatus.GENERATING:
            # Before the write: whoever closes the task meanwhile gives the slot back after ours.
            self._limits.take_slot(task.task_id, now)
        task = self._table.settle(change)
        if not task.may_be_at_work:
            self._limits.release_slot(task.task_id)
        return task

    def refresh_link(self, task: Task) -> Task:
        """Ask once more about a storing task, for a link that still works; then copy at once.

        Past the deadline a copy itself has the last word, unless none comes back to say it.
        """
        look = self._ask(task)
        now = self._now()
        deadline = timedelta(seconds=self._schedule.generation_deadline_seconds)
        if now >= task.generation_began_at + deadline + _LAST_COPIES:
            return self._table.settle(
                task.failed(
                    now, FailureCode.VIDEO_UNAVAILABLE, "The video could not be copied in time."
                )
            )
        # Opened again, it may hold a place that it needs no more.
        self._limits.release_slot(task.task_id)
        url = look.url if isinstance(look, Ready) else task.result_url
        return self._table.settle(task.changed(now, result_url=url, next_poll_at=now))

    def _ask(self, task: Task) -> Look | None:
        if task.generator_task_id is None:
            raise ValueError(f"task {task.task_id} is {task.status} without a generator task")
        try:
            return self._generator.check(task.generator_task_id)
        except GeneratorError as error:
            count("LooksFailed")
            logger.warning("look failed", extra={"reason": str(error)})
            return None

    def _still_waiting(self, task: Task, look: Look | None, now: datetime) -> Task:
        passed = now - task.generation_began_at
        # The time without a video counts from when it last began.
        completed_at = None if isinstance(look, Running) else task.completed_at
        if isinstance(look, Incomplete):
            completed_at = completed_at or now
            if now >= completed_at + timedelta(seconds=self._schedule.incomplete_seconds):
                return task.failed(
                    now,
                    FailureCode.COMPLETED_WITHOUT_VIDEO,
                    "The generator says that it has finished but gives no video.",
                )
        if passed >= timedelta(seconds=self._schedule.generation_deadline_seconds):
            return task.failed(
                now,
                FailureCode.GENERATION_DEADLINE_EXCEEDED,
                "The generator did not finish in time.",
            )
        return task.changed(
            now,
            completed_at=completed_at,
            generator_status=look.word if look else task.generator_status,
            next_poll_at=now + timedelta(seconds=self._schedule.poll_pace.wait(passed)),
        )
