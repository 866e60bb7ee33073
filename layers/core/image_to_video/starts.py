"""The paid start: one actor at a time, its name stored before the call, never repeated blindly.

What a start call ended in decides what is done; see "The paid start" in the README. Whoever
changes this module changes its fault tests too.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from uuid import uuid4

from image_to_video.errors import (
    GeneratorAccessError,
    GeneratorError,
    GeneratorRejectedError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
    TaskConflictError,
)
from image_to_video.generator import Generator, Started, StartRequest
from image_to_video.limits import Limits
from image_to_video.models import (
    Attempt,
    Cancellation,
    FailureCode,
    ModelVersion,
    Task,
    TaskStatus,
    WaitingFor,
)
from image_to_video.observability import count, logger
from image_to_video.schedule import Schedule
from image_to_video.storage import UPLOAD_SCHEME, Storage
from image_to_video.table import TaskTable


class Starts:
    """Brings queued tasks to the generator."""

    def __init__(
        self,
        *,
        table: TaskTable,
        generator: Generator,
        storage: Storage,
        limits: Limits,
        schedule: Schedule,
        max_attempts: int,
        coins_per_second: Mapping[ModelVersion, int],
        now: Callable[[], datetime],
    ) -> None:
        self._table = table
        self._generator = generator
        self._storage = storage
        self._limits = limits
        self._schedule = schedule
        self._max_attempts = max_attempts
        self._coins_per_second = coins_per_second
        self._now = now

    def drive(self, task: Task) -> Task:
        """Do what is due for a queued task: wait for a lease, look an attempt up, or start."""
        now, attempt = self._now(), task.unresolved_attempt
        if attempt is not None:
            return task if now < attempt.lease_until else self._confirm(task, attempt)
        if self._is_past_deadline(task):
            return self._close(
                task,
                FailureCode.START_DEADLINE_EXCEEDED,
                f"The generator could not be started in time; it waited for {task.waiting_for}.",
            )
        return self.begin(task)

    def begin(self, task: Task) -> Task:
        """Make one paid start, unless a limit is reached, or somebody else was quicker.

        An earlier attempt counts as absent only from the moment that the new one is written.
        """
        now = self._now()
        attempt = Attempt(
            name=f"{task.task_id}-{len(task.attempts) + 1}",
            lease_owner=uuid4().hex,
            sent_at=now,
            lease_until=now + timedelta(seconds=self._schedule.lease_seconds),
            coins_reserved=self._coins_per_second[task.model_version] * task.video_time,
        )
        if not self._limits.take_slot(task.task_id, now):
            return self._wait_longer(task, WaitingFor.GENERATOR)
        if not self._limits.reserve_coins(attempt.name, attempt.coins_reserved, now.date()):
            self._limits.release_slot(task.task_id)
            return self._wait_longer(task, WaitingFor.COINS)
        # Whatever can go wrong without the generator goes wrong before the attempt is written.
        request = self._request(task, attempt.name)
        try:
            held = self._table.replace(
                task.changed(
                    now,
                    attempts=(*_resolved(task), attempt),
                    next_look_at=attempt.lease_until,
                )
            )
        except TaskConflictError:
            return self._table.get(task.task_id)
        return self._send(held, attempt, request)

    def _send(self, task: Task, attempt: Attempt, request: StartRequest) -> Task:
        try:
            started = self._generator.start(request)
        except GeneratorRejectedError as error:
            closed = self._close(task, error.code, str(error), attempts=task.attempts[:-1])
            self._settle(task, attempt, 0)
            return closed
        except GeneratorAccessError as error:
            count("StartsWithoutAccess")
            logger.error("the account cannot start tasks", extra={"reason": str(error)})
            return self._postpone(task, error.waiting_for)
        except GeneratorUnavailableError as error:
            count("StartsPostponed")
            logger.warning("start postponed", extra={"reason": str(error)})
            return self._postpone(task, WaitingFor.GENERATOR, error.retry_after)
        except StartUnconfirmedError as error:
            count("StartsUnconfirmed")
            logger.warning("start unconfirmed", extra={"reason": str(error)})
            return self._await_confirmation(task, attempt, refusal=error.refusal)
        count("StartsAccepted")
        return self._accept(task, started)

    def _request(self, task: Task, name: str) -> StartRequest:
        image_url = task.image_url
        if image_url.startswith(UPLOAD_SCHEME):
            image_url = self._storage.sign_image(image_url, task.image_version)
        return StartRequest(
            name=name,
            image_url=image_url,
            prompt=task.prompt,
            negative_prompt=task.negative_prompt,
            video_time=task.video_time,
            model_version=task.model_version,
        )

    def _confirm(self, task: Task, attempt: Attempt) -> Task:
        """Look an attempt of unknown outcome up; only a long, complete silence permits another."""
        try:
            # An earlier attempt may have shown up late; it is paid like any other.
            finds = (self._generator.find(a.name, since=a.sent_at) for a in task.attempts)
            found = next((started for started in finds if started is not None), None)
        except GeneratorError as error:
            logger.warning("confirmation not possible now", extra={"reason": str(error)})
            if self._is_past_deadline(task):
                return self._give_up(task)
            return self._await_confirmation(task, attempt, refusal=attempt.refusal)
        if found is not None:
            count("StartsAdopted")
            return self._accept(task, found)
        if self._now() < attempt.sent_at + timedelta(seconds=self._schedule.quiet_seconds):
            return self._await_confirmation(task, attempt, refusal=attempt.refusal)
        return self._after_silence(task, attempt)

    def _after_silence(self, task: Task, attempt: Attempt) -> Task:
        if attempt.refusal is not None:
            closed = self._close(task, FailureCode.START_REFUSED, attempt.refusal)
            self._settle(task, attempt, 0)
            return closed
        if len(task.attempts) >= self._max_attempts or self._is_past_deadline(task):
            return self._give_up(task)
        count("StartsRepeated")
        self._settle_coins(attempt, 0)
        return self.begin(task)

    def _accept(self, task: Task, started: Started) -> Task:
        """Write an accepted start down, whatever has become of the task meanwhile."""

        def change(current: Task) -> Task | None:
            if current.generator_task_id is not None:
                return None
            now = self._now()
            facts = {
                "generator_task_id": started.generator_task_id,
                "coins": started.coins,
                "started_at": now,
                "attempts": _resolved(current),
            }
            if current.status.is_final:
                return current.changed(now, **facts)
            first_look = timedelta(seconds=self._schedule.first_look_seconds)
            return current.changed(
                now, status=TaskStatus.GENERATING, next_look_at=now + first_look, **facts
            )

        attempt = task.attempts[-1]
        task = self._table.amend(task, change)
        spent = attempt.coins_reserved if started.coins is None else started.coins
        self._settle_coins(attempt, spent)
        if task.status is TaskStatus.CANCELED and task.cancellation is Cancellation.TOO_LATE:
            return self._give_back(task, started)
        return task

    def _give_back(self, task: Task, started: Started) -> Task:
        """The task was canceled while its start was under way: try to be refunded."""
        try:
            refunded = self._generator.cancel(started.generator_task_id)
        except GeneratorError as error:
            logger.warning("refund not possible now", extra={"reason": str(error)})
            return task
        if not refunded:
            return task
        return self._table.amend(
            task, lambda current: current.changed(self._now(), cancellation=Cancellation.REFUNDED)
        )

    def _postpone(
        self, task: Task, waiting_for: WaitingFor, retry_after: float | None = None
    ) -> Task:
        """Surely nothing was accepted: forget the attempt, its name may be used again."""
        attempt = task.attempts[-1]
        # The attempt before it, if there is one, is to be looked up once more before the next.
        earlier = tuple(a.model_copy(update={"in_flight": True}) for a in task.attempts[:-1])
        postponed = self._wait_longer(task, waiting_for, retry_after, attempts=earlier)
        self._settle(task, attempt, 0)
        return postponed

    def _wait_longer(
        self,
        task: Task,
        waiting_for: WaitingFor,
        retry_after: float | None = None,
        **changes: object,
    ) -> Task:
        now = self._now()
        wait = max(
            self._schedule.start_retry_pace.wait(now - task.created_at), int(retry_after or 0)
        )
        return self._keep_queued(
            task,
            waiting_for=waiting_for,
            next_look_at=now + timedelta(seconds=wait),
            **changes,
        )

    def _settle(self, task: Task, attempt: Attempt, spent: int) -> None:
        """This attempt has ended without a task at the generator: others may use its place."""
        self._settle_coins(attempt, spent)
        self._limits.release_slot(task.task_id)

    def _settle_coins(self, attempt: Attempt, spent: int) -> None:
        day = attempt.sent_at.date()
        self._limits.settle_coins(attempt.name, attempt.coins_reserved, spent, day)

    def _await_confirmation(self, task: Task, attempt: Attempt, *, refusal: str | None) -> Task:
        now = self._now()
        wait = self._schedule.confirmation_pace.wait(now - attempt.sent_at)
        unconfirmed = attempt.model_copy(update={"lease_until": now, "refusal": refusal})
        return self._keep_queued(
            task,
            waiting_for=WaitingFor.CONFIRMATION,
            attempts=(*task.attempts[:-1], unconfirmed),
            next_look_at=now + timedelta(seconds=wait),
        )

    def _keep_queued(self, task: Task, **changes: object) -> Task:
        return self._table.settle(task.changed(self._now(), **changes))

    def _give_up(self, task: Task) -> Task:
        closed = self._close(
            task,
            FailureCode.START_UNCONFIRMED,
            "It could not be found out whether the generator accepted the start. "
            "To protect you from paying twice it is not repeated.",
        )
        # It may have been paid, so the budget counts it as if it had been.
        attempt = task.attempts[-1]
        self._settle(task, attempt, attempt.coins_reserved)
        return closed

    def _close(self, task: Task, code: FailureCode, message: str, **changes: object) -> Task:
        return self._table.settle(task.failed(self._now(), code, message, **changes))

    def _is_past_deadline(self, task: Task) -> bool:
        deadline = timedelta(seconds=self._schedule.start_deadline_seconds)
        return self._now() >= task.created_at + deadline


def _resolved(task: Task) -> tuple[Attempt, ...]:
    return tuple(a.model_copy(update={"in_flight": False}) for a in task.attempts)
