"""The paid start: one actor at a time, its name stored before the call, never repeated blindly.

What became of the call decides what is done next; see "The paid start" in docs/guarantees.md. A
change of this module changes its fault tests too.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from image_to_video.adapters.storage import UPLOAD_SCHEME, Storage
from image_to_video.domain.compatibility import has_known_options, is_understood
from image_to_video.domain.errors import (
    GeneratorAccessError,
    GeneratorError,
    GeneratorRejectedError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
    TaskConflictError,
)
from image_to_video.domain.generator import Generator, Started, StartRequest
from image_to_video.domain.prices import Prices
from image_to_video.domain.schedule import Schedule
from image_to_video.domain.task import (
    Attempt,
    Failure,
    FailureCode,
    Task,
    WaitingFor,
)
from image_to_video.lifecycle.cancel import Canceler
from image_to_video.lifecycle.hints import HintTokens
from image_to_video.lifecycle.line import Line
from image_to_video.lifecycle.reservations import Reservations, with_slot
from image_to_video.lifecycle.start_outcomes import StartOutcomes, resolved
from image_to_video.lifecycle.transitions import Transitions
from image_to_video.observability import count, logger

# How long after the start deadline an attempt is looked up for the last time.
_LAST_LOOKUPS: Final = timedelta(hours=1)


class Starter:
    """Brings queued tasks to the generator."""

    def __init__(
        self,
        *,
        transitions: Transitions,
        reservations: Reservations,
        line: Line,
        outcomes: StartOutcomes,
        canceler: Canceler,
        generator: Generator,
        storage: Storage,
        hint_tokens: HintTokens,
        schedule: Schedule,
        max_attempts: int,
        prices: Prices,
        now: Callable[[], datetime],
    ) -> None:
        self._transitions = transitions
        self._reservations = reservations
        self._line = line
        self._outcomes = outcomes
        self._canceler = canceler
        self._generator = generator
        self._storage = storage
        self._hint_tokens = hint_tokens
        self._schedule = schedule
        self._max_attempts = max_attempts
        self._prices = prices
        self._now = now

    def advance(self, task: Task) -> Task:
        """Do what is due for a queued task: wait for a lease, look an attempt up, or start."""
        now, attempt = self._now(), task.unresolved_attempt
        if not is_understood(task):
            return task
        if attempt is not None:
            return task if now < attempt.lease_until else self._confirm(task, attempt)
        if now >= self._outcomes.deadline(task):
            return self._outcomes.too_late(task)
        return self.begin(task)

    def begin(self, task: Task) -> Task:
        """Make one paid start, unless a limit is reached, or another actor was quicker.

        An earlier attempt counts as absent only from the moment that the new one is recorded. It
        keeps its slot, so another attempt never stands in line.
        """
        if not is_understood(task) or not has_known_options(task):
            # Another release's, perhaps since this moment: what it wants is not known here.
            return task
        if task.attempts:
            return self._attempt(task)
        fault = self._prices.fault(task.model_version, task.video_time)
        if fault is not None:
            return self._outcomes.too_dear(task, fault)
        admitted, missing = self._line.admit(task)
        if missing is not None:
            return self._stand(task, admitted, missing)
        started = self._attempt(admitted)
        if admitted.line_entry != task.line_entry:
            self._line.drop(task, started)
            self._line.drop(admitted, started)
        return started

    def _attempt(self, task: Task) -> Task:
        now = self._now()
        attempt = Attempt(
            name=task.attempt_name(len(task.attempts) + 1),
            lease_owner=uuid4().hex,
            sent_at=now,
            lease_until=now + timedelta(seconds=self._schedule.lease_seconds),
            coins_reserved=self._prices.reserved(task),
        )
        # Whatever can go wrong without the generator goes wrong before anything is reserved.
        request = self._request(task, attempt.name)
        attempt = attempt.model_copy(update={"hinted": request.hint is not None})
        recorded = task.changed(
            now,
            attempts=(*resolved(task), attempt),
            next_poll_at=attempt.lease_until,
            **task.out_of_line(now),
        )
        with self._reservations.reserve(task, attempt) as reservation:
            if reservation.missing is None:
                recorded = with_slot(recorded, reservation.slot)
                try:
                    task = self._transitions.write_or_raise(task, recorded)
                except TaskConflictError:
                    # From what would have been recorded: the slot is held as if it had been.
                    return self._transitions.reload(recorded)
                reservation.keep()
        if reservation.missing is not None:
            return self._wait(task, reservation.missing, for_owner=reservation.of_owner)
        return self._send(task, request)

    def _wait(self, task: Task, missing: WaitingFor, *, for_owner: bool) -> Task:
        """Nothing was reserved: stand in line for it."""
        if task.attempts:
            return self._outcomes.wait_longer(task, missing)
        return self._stand(task, self._line.join(task, for_owner=for_owner), missing)

    def _stand(self, task: Task, in_line: Task, missing: WaitingFor) -> Task:
        """Record a task that waits in line. `task` is as it came here."""
        waiting = self._outcomes.wait_in_line(in_line, missing)
        has_moved = in_line.line_entry != task.line_entry
        if has_moved:
            self._line.drop(task, waiting)
        if has_moved or not task.in_line:
            # What came free before it stood there has woken others, or nobody.
            self._line.wake(task.owner)
        return waiting

    def find(self, task: Task) -> Started | None:
        """Look up every attempt of a task: an earlier one may have shown up late, and is paid.

        None where the generator shows none of them. Raises `GeneratorError` where it shows none and
        one of the lookups failed: a start that was found is accepted, whatever the others say.
        """
        found: dict[str, Started] = {}
        failures: list[GeneratorError] = []
        for attempt in task.attempts:
            try:
                started = self._generator.find(attempt.name, since=attempt.sent_at)
            except GeneratorError as error:
                failures.append(error)
                continue
            if started is not None:
                found.setdefault(started.generator_task_id, started)
        if len(found) > 1:
            count("StartsDoubled")
            logger.error("both attempts were accepted", extra={"attempts": len(found)})
        if failures and not found:
            raise failures[0]
        return next(iter(found.values()), None)

    def _send(self, task: Task, request: StartRequest) -> Task:
        try:
            started = self._generator.start(request)
        except GeneratorRejectedError as error:
            return self._outcomes.refused(task, error.code, str(error))
        except GeneratorAccessError as error:
            count("StartsWithoutAccess")
            logger.error("the account cannot start tasks", extra={"reason": str(error)})
            return self._outcomes.postponed(task, error.waiting_for)
        except GeneratorUnavailableError as error:
            count("StartsPostponed")
            logger.warning("start postponed", extra={"reason": str(error)})
            return self._outcomes.postponed(task, WaitingFor.GENERATOR, error.retry_after)
        except StartUnconfirmedError as error:
            count("StartsUnconfirmed")
            logger.warning("start unconfirmed", extra={"reason": str(error)})
            refusal = error.refusal and Failure(
                code=FailureCode.START_REFUSED, message=error.refusal
            )
            return self._outcomes.unconfirmed(task, refusal=refusal or None)
        count("StartsAccepted")
        return self._accepted(task, started)

    def _accepted(self, task: Task, started: Started) -> Task:
        """Record it; the owner may have canceled while the start was under way."""
        return self._canceler.advance(self._outcomes.accepted(task, started))

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
            extend_prompt=task.extend_prompt,
            end_image_url=task.end_image_url,
            skip_face_enhance=task.skip_face_enhance,
            lora=task.lora,
            hint=self._hint_tokens.request(name),
        )

    def _confirm(self, task: Task, attempt: Attempt) -> Task:
        """Look up an attempt of unknown outcome; only a long, complete absence permits another."""
        now, deadline = self._now(), self._outcomes.deadline(task)
        if now >= deadline + _LAST_LOOKUPS:
            # Lookups that never end, because the list is too slow, would keep it open for ever.
            return self._outcomes.given_up(task)
        try:
            found = self.find(task)
        except GeneratorError as error:
            logger.warning("confirmation not possible now", extra={"reason": str(error)})
            if now >= deadline:
                return self._outcomes.given_up(task)
            # Absence counts only where no lookup failed in between: the quiet period begins anew.
            return self._outcomes.unconfirmed(task, refusal=attempt.refusal)
        if found is not None:
            count("StartsAdopted")
            return self._accepted(task, found)
        return self._after_absence(task, attempt)

    def _after_absence(self, task: Task, attempt: Attempt) -> Task:
        now, refusal = self._now(), attempt.refusal
        absent_since = attempt.absent_since or now
        is_quiet = now >= absent_since + timedelta(seconds=self._schedule.quiet_seconds)
        # With options of another release no other start is made here, and this one is looked for.
        may_end = has_known_options(task) or now >= self._outcomes.deadline(task)
        if not is_quiet or not may_end:
            return self._outcomes.unconfirmed(task, refusal=refusal, absent_since=absent_since)
        if refusal is not None:
            return self._outcomes.absent(task, refusal)
        is_canceled = task.cancel_requested_at is not None
        is_late = now >= self._outcomes.deadline(task)
        if is_canceled or is_late or task.attempts_made >= self._max_attempts:
            return self._outcomes.given_up(task)
        count("StartsRepeated")
        return self.begin(task)
