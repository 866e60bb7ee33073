"""How the executions of a task's workflow are named."""

from datetime import datetime

from image_to_video.domain.task import Task


def execution_name(task_id: str, created_at: datetime, version: int | None = None) -> str:
    """The name of a task's first execution, or of the one that this version of it was given.

    A name stays taken for 90 days after its execution has ended, longer than a record may be kept.
    The moment tells the tasks apart that one id has stood for: at most 80 characters in all.
    """
    name = f"{task_id}-{round(created_at.timestamp() * 1000)}"
    return name if version is None else f"{name}-{version}"


def has_first_execution(task: Task) -> bool:
    """True for a task that was given no other one since; earlier releases named it by the id."""
    return task.execution in (task.task_id, execution_name(task.task_id, task.created_at))
