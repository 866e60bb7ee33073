"""Hints: the generator's own calls that a task has changed, worth one poll and never believed.

Their token is `attempt's number.tag`. The tag is an HMAC-SHA-256 of the attempt's name under a key
derived from the stack's signing key, so that whoever takes hints needs no token of the account's.
Nothing is kept of the tag. Another signing key invalidates the hints under way, which costs their
tasks a scheduled poll.
"""

import base64
import hmac
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from image_to_video.adapters.task_table import TaskTable
from image_to_video.domain.compatibility import is_understood
from image_to_video.domain.errors import (
    SigningKeyUnavailableError,
    TaskConflictError,
    TaskNotFoundError,
)
from image_to_video.domain.generator import HintRequest
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task
from image_to_video.lifecycle.executions import Executions
from image_to_video.observability import count, logger

# Names the use of the key, which signs cursors too: no tag of one means anything as the other.
_PURPOSE: Final = b"image-to-video hint token 1"
_TOKEN: Final = re.compile(r"([1-9][0-9]?)\.([A-Za-z0-9_-]{43})")
# A task is polled for a hint at most so often, and at most so many times.
_PAUSE: Final = timedelta(seconds=10)
_MOST: Final = 20
# How often one hint tries again, where others move the task at the same time.
_TRIES: Final = 3


class HintTokens:
    """Asks for hints and recognizes them. Without an `address` of the API, none are asked for.

    `key` is only called where it is needed, and may raise `SigningKeyUnavailableError`.
    """

    def __init__(self, *, address: str | None, key: Callable[[], str]) -> None:
        self._address = address
        self._key = key

    def request(self, attempt: str) -> HintRequest | None:
        """What the generator is asked for in the start of this attempt; None for no hint."""
        if self._address is None:
            return None
        task_id, _, number = attempt.rpartition("-")
        try:
            token = f"{number}.{self._tag(attempt)}"
        except SigningKeyUnavailableError:
            # The start goes on: its task is polled more often in place of a hint.
            logger.exception("no hint is asked for")
            return None
        return HintRequest(f"{self._address}/hints/{task_id}", token)

    def attempt_of(self, task_id: str, token: str) -> str | None:
        """The attempt that a token was made for; None for any other text. Reads no record."""
        given = _TOKEN.fullmatch(token)
        if given is None:
            return None
        attempt = f"{task_id}-{given[1]}"
        return attempt if hmac.compare_digest(self._tag(attempt), given[2]) else None

    def _tag(self, attempt: str) -> str:
        key = hmac.digest(self._key().encode(), _PURPOSE, "sha256")
        tag = hmac.digest(key, attempt.encode(), "sha256")
        return base64.urlsafe_b64encode(tag).decode().rstrip("=")


class Hints:
    """Makes a task be polled now whose generator says that it has changed."""

    def __init__(
        self,
        table: TaskTable,
        executions: Executions,
        tokens: HintTokens,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._table = table
        self._executions = executions
        self._tokens = tokens
        self._now = now

    def receive(self, task_id: str, token: str) -> None:
        """Give the task an execution that polls at once, if a poll can tell anything new.

        Late, repeated and forged hints change nothing, and the caller learns nothing. Raises
        `WorkflowUnavailableError`, and `SigningKeyUnavailableError` where no token can be checked.
        """
        attempt = self._tokens.attempt_of(task_id, token)
        if attempt is None:
            count("HintsRefused")
            return
        for _ in range(_TRIES):
            try:
                task, now = self._table.get(task_id), self._now()
                if not self._is_worth_a_poll(task, attempt, now):
                    break
                facts = {"hinted_at": now, "hints_taken": task.hints_taken + 1}
                self._executions.give(task, at_once=True, next_poll_at=now, **facts)
            except TaskConflictError:
                # A poll whose answer is older than the hint, for example.
                continue
            except TaskNotFoundError:
                break
            count("HintsTaken")
            return
        count("HintsIgnored")

    def _is_worth_a_poll(self, task: Task, attempt: str, now: datetime) -> bool:
        """Not where the start's answer is not recorded yet: its lease is another's."""
        recently = task.hinted_at is not None and now < task.hinted_at + _PAUSE
        return (
            task.status is TaskStatus.GENERATING
            and is_understood(task)
            and attempt in {known.name for known in task.attempts}
            and task.hints_taken < _MOST
            and not recently
        )
