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
from image_to_video.domain.schedule import expects_hint
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import FailureCode, Task
from image_to_video.lifecycle.durations import LearnedDurations
from image_to_video.lifecycle.transitions import Transitions
from image_to_video.observability import count, logger, measure

# How long after the deadline copies may still be under way.
_LAST_COPIES: Final = timedelta(hours=1)


class Poller:
    """Polls the generator about tasks that it works on."""

    def __init__(
        self,
        *,
        transitions: Transitions,
        generator: Generator,
        learned: LearnedDurations,
        now: Callable[[], datetime],
    ) -> None:
        self._transitions = transitions
        self._generator = generator
        self._learned = learned
        self._polls = learned.polls
        self._schedule = learned.polls.schedule
        self._now = now

    def poll(self, task: Task) -> Task:
        """Ask once about a generating task and record the answer.

        Where it says nothing new the task comes back with its next poll, and the record may stay
        as it is; see `Polls.must_be_recorded`.
        """
        now = self._now()
        if self._polls.is_too_early(task, now, self._learned.plan(task)):
            return self._written(task, self._waiting(task, now))
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
        stored = self._written(task, new)
        if isinstance(answer, Ready) and stored == new:
            measure("NoticeDelay", self._unnoticed(task, now), "Seconds")
            self._learned.count(task, now)
        return stored

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

    def _written(self, task: Task, new: Task) -> Task:
        return new if new.version == task.version else self._transitions.write_or_reload(task, new)

    def _ask(self, task: Task) -> PollAnswer | None:
        if task.generator_task_id is None:
            raise ValueError(f"task {task.task_id} is {task.status} without a generator task")
        try:
            return self._generator.check(task.generator_task_id)
        except GeneratorError as error:
            count("LooksFailed")
            logger.warning("poll failed", extra={"reason": str(error)})
            return None

    def _unnoticed(self, task: Task, now: datetime) -> float:
        """How long the end may have gone unnoticed: since the hint, or else since the last poll."""
        passed = now - task.generation_began_at
        if task.hinted_at is not None and task.next_poll_at == task.hinted_at:
            return (now - task.hinted_at).total_seconds()
        plan = self._learned.plan(task)
        wait = self._polls.next_wait(passed, plan, hinted=expects_hint(task))
        return min(wait, passed.total_seconds())

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
        return self._waiting(
            task, now, completed_at=completed_at, generator_status=_remembered(task, answer)
        )

    def _waiting(self, task: Task, now: datetime, **facts: object) -> Task:
        """The task with its next poll: a new version of it only where something must be written."""
        passed, plan = now - task.generation_began_at, self._learned.plan(task)
        wait = self._polls.next_wait(passed, plan, hinted=expects_hint(task))
        due = now + timedelta(seconds=wait)
        is_news = any(value != getattr(task, name) for name, value in facts.items())
        if is_news or self._polls.must_be_recorded(task, due):
            return task.changed(now, next_poll_at=due, **facts)
        return task.model_copy(update={"next_poll_at": due})


def _remembered(task: Task, answer: PollAnswer | None) -> str | None:
    """The generator's word that the record keeps, for the next poll to compare.

    Of the words of a task at work nothing follows, so they only replace another one.
    """
    if answer is None or (isinstance(answer, Running) and task.generator_status is None):
        return task.generator_status
    return answer.word
