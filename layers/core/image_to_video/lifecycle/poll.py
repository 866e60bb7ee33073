"""Polling the generator about a task. A poll that goes wrong is never the task's failure."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from image_to_video.domain.errors import GeneratorError
from image_to_video.domain.generator import (
    Failed,
    Generator,
    Incomplete,
    PollAnswer,
    Ready,
    Running,
)
from image_to_video.domain.schedule import Schedule, expects_hint
from image_to_video.domain.task import FailureCode, Task, TaskStatus
from image_to_video.lifecycle.transitions import Transitions
from image_to_video.observability import count, logger

# How long after the deadline copies may still be under way.
_LAST_COPIES: Final = timedelta(hours=1)


class Poller:
    """Polls the generator about tasks that it works on."""

    def __init__(
        self,
        *,
        transitions: Transitions,
        generator: Generator,
        schedule: Schedule,
        now: Callable[[], datetime],
    ) -> None:
        self._transitions = transitions
        self._generator = generator
        self._schedule = schedule
        self._now = now

    def poll(self, task: Task) -> Task:
        """Ask once about a generating task and record the answer."""
        answer = self._ask(task)
        now = self._now()
        match answer:
            case Ready():
                new = task.changed(
                    now,
                    status=TaskStatus.STORING,
                    result_url=answer.url,
                    generator_status=answer.word,
                    completed_at=now,
                    next_poll_at=now,
                )
            case Failed() if not answer.tentative or answer.word == task.generator_status:
                new = task.failed(now, answer.code, answer.message, generator_status=answer.word)
            case _:
                new = self._still_waiting(task, answer, now)
        return self._transitions.write_or_reload(task, new)

    def refresh_link(self, task: Task) -> Task:
        """Ask once more about a storing task, for a link that still works; then copy at once.

        After the deadline only a copy that is under way may still succeed; an hour later the task
        fails.
        """
        answer = self._ask(task)
        now = self._now()
        deadline = timedelta(seconds=self._schedule.generation_deadline_seconds)
        if now >= task.generation_began_at + deadline + _LAST_COPIES:
            message = "The video could not be copied in time."
            new = task.failed(now, FailureCode.VIDEO_UNAVAILABLE, message)
        else:
            url = answer.url if isinstance(answer, Ready) else task.result_url
            new = task.changed(now, result_url=url, next_poll_at=now)
        return self._transitions.write_or_reload(task, new)

    def _ask(self, task: Task) -> PollAnswer | None:
        if task.generator_task_id is None:
            raise ValueError(f"task {task.task_id} is {task.status} without a generator task")
        try:
            return self._generator.check(task.generator_task_id)
        except GeneratorError as error:
            count("LooksFailed")
            logger.warning("poll failed", extra={"reason": str(error)})
            return None

    def _still_waiting(self, task: Task, answer: PollAnswer | None, now: datetime) -> Task:
        passed = now - task.generation_began_at
        # The time without a video counts from when it last began.
        completed_at = None if isinstance(answer, Running) else task.completed_at
        if isinstance(answer, Incomplete):
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
            generator_status=answer.word if answer else task.generator_status,
            next_poll_at=now
            + timedelta(seconds=self._schedule.poll_wait(passed, hinted=expects_hint(task))),
        )
