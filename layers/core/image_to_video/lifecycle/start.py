"""The paid start: one actor at a time, its name stored before the call, never repeated blindly.

What a start call ended in decides what is done; see "The paid start" in the README. Whoever
changes this module changes its fault tests too.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from image_to_video.adapters.limit_table import Limits
from image_to_video.adapters.storage import UPLOAD_SCHEME, Storage
from image_to_video.adapters.task_table import TaskTable
from image_to_video.domain.errors import (
    GeneratorAccessError,
    GeneratorError,
    GeneratorRejectedError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
    TaskConflictError,
)
from image_to_video.domain.generator import Generator, Started, StartRequest
from image_to_video.domain.schedule import Schedule
from image_to_video.domain.task import (
    Attempt,
    Failure,
    FailureCode,
    ModelVersion,
    Task,
    WaitingFor,
)
from image_to_video.lifecycle.start_outcomes import StartOutcomes, resolved
from image_to_video.observability import count, logger

# How long after the start deadline an attempt is looked up for the last time.
_LAST_LOOKUPS: Final = timedelta(hours=1)


class Starter:
    """Brings queued tasks to the generator."""

    def __init__(
        self,
        *,
        table: TaskTable,
        generator: Generator,
        storage: Storage,
        limits: Limits,
        attempts: StartOutcomes,
        schedule: Schedule,
        max_attempts: int,
        coins_per_second: Mapping[ModelVersion, int],
        now: Callable[[], datetime],
    ) -> None:
        self._table = table
        self._generator = generator
        self._storage = storage
        self._limits = limits
        self._attempts = attempts
        self._schedule = schedule
        self._max_attempts = max_attempts
        self._coins_per_second = coins_per_second
        self._now = now

    def drive(self, task: Task) -> Task:
        """Do what is due for a queued task: wait for a lease, look an attempt up, or start."""
        now, attempt = self._now(), task.unresolved_attempt
        if attempt is not None:
            return task if now < attempt.lease_until else self._confirm(task, attempt)
        if now >= self._attempts.deadline(task):
            waited = (
                f"The generator could not be started in time; it waited for {task.waiting_for}."
            )
            failed = task.failed(now, FailureCode.START_DEADLINE_EXCEEDED, waited)
            task = self._table.settle(failed)
            if task.status.is_final:
                self._limits.release_slot(task.task_id)
            return task
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
        # Whatever can go wrong without the generator goes wrong before anything is taken.
        request = self._request(task, attempt.name)
        if not self._limits.reserve_coins(attempt.lease_owner, attempt.coins_reserved, now.date()):
            return self._attempts.wait_longer(task, WaitingFor.COINS)
        try:
            # The slot is the task's, not the attempt's: only who holds the lease gives it back.
            if not self._limits.take_slot(task.task_id, now):
                self._attempts.settle_coins(attempt, 0)
                return self._attempts.wait_longer(task, WaitingFor.GENERATOR)
            held = self._table.replace(
                task.changed(
                    now, attempts=(*resolved(task), attempt), next_poll_at=attempt.lease_until
                )
            )
        except TaskConflictError:
            self._attempts.settle_coins(attempt, 0)
            task = self._table.get(task.task_id)
            if task.status.is_final:
                self._limits.release_slot(task.task_id)
            return task
        except Exception:
            # Nothing was sent, and whoever tries again sets coins aside of its own.
            self._attempts.settle_coins(attempt, 0)
            raise
        for earlier in task.attempts:
            # It may turn up after all; the budget counts it as if it had been paid.
            self._attempts.settle_coins(earlier, earlier.coins_reserved)
        return self._send(held, request)

    def find(self, task: Task) -> Started | None:
        """Look every attempt of a task up: an earlier one may have shown up late, and is paid."""
        finds = [self._generator.find(a.name, since=a.sent_at) for a in task.attempts]
        found = list({one.generator_task_id: one for one in finds if one is not None}.values())
        if len(found) > 1:
            count("StartsDoubled")
            logger.error("both attempts were accepted", extra={"attempts": len(found)})
        return found[0] if found else None

    def _send(self, task: Task, request: StartRequest) -> Task:
        try:
            started = self._generator.start(request)
        except GeneratorRejectedError as error:
            return self._attempts.refused(task, error.code, str(error))
        except GeneratorAccessError as error:
            count("StartsWithoutAccess")
            logger.error("the account cannot start tasks", extra={"reason": str(error)})
            return self._attempts.postponed(task, error.waiting_for)
        except GeneratorUnavailableError as error:
            count("StartsPostponed")
            logger.warning("start postponed", extra={"reason": str(error)})
            return self._attempts.postponed(task, WaitingFor.GENERATOR, error.retry_after)
        except StartUnconfirmedError as error:
            count("StartsUnconfirmed")
            logger.warning("start unconfirmed", extra={"reason": str(error)})
            refusal = error.refusal and Failure(
                code=FailureCode.START_REFUSED, message=error.refusal
            )
            return self._attempts.unconfirmed(task, refusal=refusal or None)
        count("StartsAccepted")
        return self._attempts.accepted(task, started)

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
        now, deadline = self._now(), self._attempts.deadline(task)
        if now >= deadline + _LAST_LOOKUPS:
            # So slow a list that no lookup ends would keep it open for ever.
            return self._attempts.given_up(task)
        try:
            found = self.find(task)
        except GeneratorError as error:
            logger.warning("confirmation not possible now", extra={"reason": str(error)})
            if now >= deadline:
                return self._attempts.given_up(task)
            # What was not seen to be absent all the time may have been there in between.
            return self._attempts.unconfirmed(task, refusal=attempt.refusal)
        if found is not None:
            count("StartsAdopted")
            return self._attempts.accepted(task, found)
        return self._after_absence(task, attempt)

    def _after_absence(self, task: Task, attempt: Attempt) -> Task:
        now, refusal = self._now(), attempt.refusal
        absent_since = attempt.absent_since or now
        if now < absent_since + timedelta(seconds=self._schedule.quiet_seconds):
            return self._attempts.unconfirmed(task, refusal=refusal, absent_since=absent_since)
        if refusal is not None:
            return self._attempts.absent(task, refusal)
        unwanted = task.cancel_requested_at is not None or now >= self._attempts.deadline(task)
        if unwanted or len(task.attempts) >= self._max_attempts:
            return self._attempts.given_up(task)
        count("StartsRepeated")
        return self.begin(task)
