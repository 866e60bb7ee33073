"""New executions for tasks: for one whose own has ended, and for one that shall move now."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from image_to_video.adapters.workflow import Workflow
from image_to_video.domain.executions import execution_name
from image_to_video.domain.task import Task
from image_to_video.lifecycle.transitions import Transitions


class Executions:
    """Gives tasks executions of the workflow."""

    def __init__(
        self, *, transitions: Transitions, workflow: Workflow, now: Callable[[], datetime]
    ) -> None:
        self._transitions = transitions
        self._workflow = workflow
        self._now = now

    def give(
        self, task: Task, *, at_once: bool = False, next_poll_at: datetime, **changes: Any
    ) -> Task:
        """Record a new execution, then start it; a death in between leaves the task overdue again.

        The execution before it ends itself at its next step. `changes` are recorded as well.
        Raises `TaskConflictError` where another actor moved the task: then it needs none. Raises
        `WorkflowUnavailableError`.
        """
        execution = execution_name(task.task_id, task.created_at, task.version)
        now = self._now()
        changed = task.changed(now, execution=execution, next_poll_at=next_poll_at, **changes)
        task = self._transitions.write_or_raise(task, changed)
        self._workflow.start(task.task_id, execution, at_once=at_once)
        return task
