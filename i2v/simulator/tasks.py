"""The tasks and their life cycle, which is a function of the task and the time."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from i2v.simulator.settings import SimulatorSettings
from i2v.simulator.start_body import StartBody


class Status(StrEnum):
    """The values of `current_status` that A2E's public documentation and its clients agree on."""

    INITIALIZED = "initialized"
    SENT = "sent"
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


DELETABLE = frozenset({Status.INITIALIZED, Status.COMPLETED, Status.FAILED})
"""Statuses in which A2E's public documentation allows a task to be deleted."""


@dataclass(frozen=True, slots=True)
class Clip:
    """The video is on disk since `known_at` (seconds since 1970)."""

    path: Path
    known_at: float


@dataclass(frozen=True, slots=True)
class SimulatedFailure:
    """There will be no video, known since `known_at` (seconds since 1970)."""

    message: str
    code: str
    known_at: float


@dataclass(frozen=True, slots=True)
class SimulatedTask:
    """One requested video; `outcome` is the result of the rendering, which may not be shown yet."""

    id: str
    request: StartBody
    coins: int
    created_at: float
    link_key: str
    outcome: Clip | SimulatedFailure | None = None
    stuck: bool = False


def status_at(  # noqa: PLR0911 - one return for each status
    task: SimulatedTask, settings: SimulatorSettings, now: float
) -> Status:
    """The status at a time: a task ends when its time is over and its outcome is known."""
    age = now - task.created_at
    initialized = settings.generation_seconds * settings.initialized_fraction
    sent = initialized + settings.generation_seconds * settings.sent_fraction
    pending = sent + settings.generation_seconds * settings.pending_fraction
    if age < initialized:
        return Status.INITIALIZED
    if age < sent:
        return Status.SENT
    if age < pending:
        return Status.PENDING
    if task.stuck or age < settings.generation_seconds:
        return Status.PROCESSING
    match task.outcome:
        case None:
            return Status.PROCESSING
        case SimulatedFailure():
            return Status.FAILED
        case Clip():
            return Status.COMPLETED


def expires_at(task: SimulatedTask, settings: SimulatorSettings) -> float | None:
    """When the result link expires and `allRecords` omits the task; None before its end."""
    if task.outcome is None or task.stuck:
        return None
    ended = max(task.created_at + settings.generation_seconds, task.outcome.known_at)
    return ended + settings.link_seconds


def expired(task: SimulatedTask, settings: SimulatorSettings, now: float) -> bool:
    """Whether the link has expired."""
    end = expires_at(task, settings)
    return end is not None and now >= end


class TaskStore:
    """Every task of the account, oldest first."""

    def __init__(self) -> None:
        self._tasks: dict[str, SimulatedTask] = {}

    def open(self, request: StartBody, now: float) -> SimulatedTask:
        """A new task, also where there is one of the same name: nothing is idempotent."""
        # 24 hexadecimal digits that begin with the time, like every identifier that was observed.
        task_id = f"{int(now) & 0xFFFFFFFF:08x}{secrets.token_hex(8)}"
        task = SimulatedTask(task_id, request, request.coins, now, secrets.token_hex(16))
        self._tasks[task_id] = task
        return task

    def find(self, task_id: str) -> SimulatedTask | None:
        """The task of an identifier."""
        return self._tasks.get(task_id)

    def newest_first(self) -> list[SimulatedTask]:
        """Every task."""
        return list(reversed(self._tasks.values()))

    def remove(self, task_id: str) -> None:
        """Delete a task."""
        del self._tasks[task_id]

    def record_outcome(self, task_id: str, outcome: Clip | SimulatedFailure) -> None:
        """Record the result of the rendering, unless the task is deleted or has an outcome."""
        task = self._tasks.get(task_id)
        if task is not None and task.outcome is None:
            self._tasks[task_id] = replace(task, outcome=outcome)

    def mark_failed(self, task_ids: Iterable[str], failure: SimulatedFailure) -> None:
        """Make tasks end as failed, whatever the rendering gives."""
        for task_id in task_ids:
            self._tasks[task_id] = replace(self._tasks[task_id], outcome=failure)

    def mark_stuck(self, task_ids: Iterable[str]) -> None:
        """Make tasks stay in processing."""
        for task_id in task_ids:
            self._tasks[task_id] = replace(self._tasks[task_id], stuck=True)

    def release_stuck(self) -> None:
        """Let every stuck task continue."""
        for task_id, task in self._tasks.items():
            self._tasks[task_id] = replace(task, stuck=False)
