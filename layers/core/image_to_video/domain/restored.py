"""A record from a backup made safe to go on with: what was paid since then is looked up first."""

from datetime import datetime, timedelta

from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Attempt, Task


def restored(task: Task, now: datetime, *, max_attempts: int) -> Task:
    """The task as it may take its place in the table again; one that has ended stays as it was.

    Between the moment of the backup and now, each attempt that it might have made may have been
    paid. Their names are known before they are made, so all of them count as made and unconfirmed:
    the generator's list is asked for them, and only their long absence permits a start, which is
    one more than these. Its workflow is found missing, and begun, by `reconcile_tasks`.
    """
    if task.status.is_final:
        return task
    if task.status is not TaskStatus.QUEUED:
        return task.changed(now, next_poll_at=now)
    most = max(max_attempts, len(task.attempts))
    attempts = (*task.attempts, *(_perhaps(task, n) for n in range(len(task.attempts), most)))
    decided = tuple(attempt.model_copy(update={"in_flight": False}) for attempt in attempts[:-1])
    in_flight = {"in_flight": True, "lease_until": now, "absent_since": None}
    last = attempts[-1].model_copy(update=in_flight)
    # Its start deadline stood still while it was lost.
    waited = task.waited(task.updated_at) + (now - task.updated_at)
    return task.changed(
        now,
        attempts=(*decided, last),
        next_poll_at=now,
        waiting_for=None,
        line_entry=None,
        line_since=None,
        waited_seconds=1 + int(waited.total_seconds()),
    )


def _perhaps(task: Task, position: int) -> Attempt:
    """An attempt that may have been made since the record was written."""
    earliest = task.updated_at - timedelta(seconds=1)
    name = task.attempt_name(position + 1)
    return Attempt(
        name=name,
        lease_owner=f"restored-{name}",
        sent_at=earliest,
        lease_until=earliest,
        restored=True,
    )
