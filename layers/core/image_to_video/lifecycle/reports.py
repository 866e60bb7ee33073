"""What operators are told of a task's life: a log line and the metrics of each of its changes.

Every change of a record passes here once, after it was stored. The saved queries of template.yaml
read these lines by the names of their fields.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from image_to_video.domain.prices import coins_of
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import FailureCode, Task
from image_to_video.observability import count, logger, measure

_ENDED: Final[Mapping[TaskStatus, str]] = MappingProxyType(
    {
        TaskStatus.SUCCEEDED: "TasksSucceeded",
        TaskStatus.FAILED: "TasksFailed",
        TaskStatus.CANCELED: "TasksCanceled",
    }
)
# Paid for, and there is no video.
_LOST: Final = frozenset(
    {
        FailureCode.GENERATION_DEADLINE_EXCEEDED,
        FailureCode.COMPLETED_WITHOUT_VIDEO,
        FailureCode.VIDEO_UNAVAILABLE,
    }
)


def report_new(new: Task, stored: Task) -> Task:
    """Return what is stored, which is the new task unless another one was there before.

    A bad one may have failed already.
    """
    if stored == new:
        count("TasksRecorded")
        logger.info("task recorded", extra=_standing(new))
        if new.status.is_final:
            _report_end(new)
    return stored


def report_change(before: Task, after: Task) -> None:
    """A task's next version was stored. Most polls change nothing that is told."""
    if _standing(after) != _standing(before):
        logger.info("task changed", extra=_standing(after))
    if before.generator_task_id is None and after.generator_task_id is not None:
        _report_start(after)
    if after.status.is_final and not before.status.is_final:
        _report_end(after)


def _standing(task: Task) -> dict[str, object]:
    return {
        "task_id": task.task_id,
        "owner": task.owner,
        "status": task.status,
        "waiting_for": task.waiting_for,
        "late": task.late,
        "failure": task.failure and task.failure.code,
    }


def _report_start(task: Task) -> None:
    """The generator has accepted it: what that costs, and how long it took."""
    coins = sum(coins_of(task, attempt) or 0 for attempt in task.attempts)
    count("CoinsCharged", coins)
    sent_at = task.attempts[-1].sent_at if task.attempts else task.created_at
    logger.info(
        "start accepted",
        extra={
            "task_id": task.task_id,
            "owner": task.owner,
            "coins": coins,
            "attempts": len(task.attempts),
            "start_seconds": (task.updated_at - sent_at).total_seconds(),
            "waited_seconds": (sent_at - task.created_at).total_seconds(),
        },
    )


def _report_end(task: Task) -> None:
    count(_ENDED[task.status])
    if task.status is TaskStatus.SUCCEEDED and task.ended_at and task.reopened_at is None:
        measure("TimeToVideo", (task.ended_at - task.created_at).total_seconds(), "Seconds")
    if task.failure is None:
        return
    if task.failure.code is FailureCode.START_UNCONFIRMED:
        count("StartsGivenUp")
    elif task.failure.code in _LOST:
        count("VideosLost")
