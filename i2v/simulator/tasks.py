"""The tasks and their life cycle, which is a function of the task and the time."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from i2v.simulator.settings import SimulatorSettings
from i2v.simulator.start_request import StartRequest


class Status(StrEnum):
    """The values of `current_status` that A2E's public documentation and its clients agree on."""

    INITIALIZED = "initialized"
    SENT = "sent"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


DELETABLE = frozenset({Status.INITIALIZED, Status.COMPLETED, Status.FAILED})
"""Where A2E's public documentation allows a task to be deleted; running work is not cancelled."""


@dataclass(frozen=True, slots=True)
class Clip:
    """The video is on disk since `known_at` (seconds since 1970)."""

    path: Path
    known_at: float


@dataclass(frozen=True, slots=True)
class Failure:
    """There will be no video, known since `known_at` (seconds since 1970)."""

    message: str
    code: str
    known_at: float


@dataclass(frozen=True, slots=True)
class Task:
    """One video asked for; `outcome` is what the work behind it came to, not what it shows yet."""

    id: str
    request: StartRequest
    coins: int
    created_at: float
    link_key: str
    outcome: Clip | Failure | None = None
    stuck: bool = False


def status_at(task: Task, settings: SimulatorSettings, now: float) -> Status:
    """What the task shows at a time: no end before its time is over and its outcome is known."""
    age = now - task.created_at
    initialized = settings.generation_seconds * settings.initialized_fraction
    sent = initialized + settings.generation_seconds * settings.sent_fraction
    if age < initialized:
        return Status.INITIALIZED
    if age < sent:
        return Status.SENT
    if task.stuck or age < settings.generation_seconds:
        return Status.PROCESSING
    match task.outcome:
        case None:
            return Status.PROCESSING
        case Failure():
            return Status.FAILED
        case Clip():
            return Status.COMPLETED


def expires_at(task: Task, settings: SimulatorSettings) -> float | None:
    """When the result link dies and `allRecords` drops the task; None while it has no end."""
    if task.outcome is None or task.stuck:
        return None
    ended = max(task.created_at + settings.generation_seconds, task.outcome.known_at)
    return ended + settings.link_seconds


def expired(task: Task, settings: SimulatorSettings, now: float) -> bool:
    """Whether the link is dead by now."""
    end = expires_at(task, settings)
    return end is not None and now >= end


class TaskStore:
    """Every task of the account, oldest first."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}

    def open(self, request: StartRequest, now: float) -> Task:
        """A new task, whether or not there is one of the same name: nothing is idempotent."""
        # Twenty-four hexadecimal digits that begin with the time, as every identifier seen.
        task_id = f"{int(now) & 0xFFFFFFFF:08x}{secrets.token_hex(8)}"
        task = Task(task_id, request, request.coins, now, secrets.token_hex(16))
        self._tasks[task_id] = task
        return task

    def find(self, task_id: str) -> Task | None:
        """The task of an identifier."""
        return self._tasks.get(task_id)

    def newest_first(self) -> list[Task]:
        """Every task."""
        return list(reversed(self._tasks.values()))

    def remove(self, task_id: str) -> None:
        """Forget a task."""
        del self._tasks[task_id]

    def settle(self, task_id: str, outcome: Clip | Failure) -> None:
        """Note what the work came to, unless the task is gone or its fate was sealed before."""
        task = self._tasks.get(task_id)
        if task is not None and task.outcome is None:
            self._tasks[task_id] = replace(task, outcome=outcome)

    def doom(self, task_ids: Iterable[str], failure: Failure) -> None:
        """Make tasks end as failed, whatever the work comes to."""
        for task_id in task_ids:
            self._tasks[task_id] = replace(self._tasks[task_id], outcome=failure)

    def stick(self, task_ids: Iterable[str]) -> None:
        """Make tasks stay in processing."""
        for task_id in task_ids:
            self._tasks[task_id] = replace(self._tasks[task_id], stuck=True)

    def release(self) -> None:
        """Let every stuck task go on."""
        for task_id, task in self._tasks.items():
            self._tasks[task_id] = replace(task, stuck=False)
