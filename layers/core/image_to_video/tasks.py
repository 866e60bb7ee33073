"""What can be done with tasks: create, show, list, cancel, and what the workflow asks for."""

import math
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from image_to_video.admissions import Admissions
from image_to_video.copies import Copies
from image_to_video.cursors import read_cursor, write_cursor
from image_to_video.errors import (
    GeneratorError,
    TaskConflictError,
    TaskNotFoundError,
    VideoNotReadyError,
)
from image_to_video.generator import Generator, Ready
from image_to_video.limits import Limits
from image_to_video.looks import Looks
from image_to_video.models import (
    Cancellation,
    FailureCode,
    Phase,
    Redrive,
    Step,
    Task,
    TaskStatus,
)
from image_to_video.observability import count, logger
from image_to_video.requests import TaskRequest, UploadRequest
from image_to_video.schedule import Schedule
from image_to_video.starts import Starts
from image_to_video.storage import Storage
from image_to_video.table import TaskTable
from image_to_video.uploads import UploadedObject
from image_to_video.views import TaskList, TaskView, UploadTicket, show_task
from image_to_video.workflow import Workflow

# A look a little early costs nothing; sending the workflow round once more does.
_EARLY: Final = timedelta(seconds=5)


class VideoTasks:
    """The service. Each door and each workflow step calls one method of it."""

    def __init__(
        self,
        *,
        table: TaskTable,
        workflow: Workflow,
        generator: Generator,
        storage: Storage,
        admissions: Admissions,
        starts: Starts,
        looks: Looks,
        copies: Copies,
        limits: Limits,
        schedule: Schedule,
        now: Callable[[], datetime],
    ) -> None:
        self._table = table
        self._workflow = workflow
        self._generator = generator
        self._storage = storage
        self._admissions = admissions
        self._starts = starts
        self._looks = looks
        self._copies = copies
        self._limits = limits
        self._schedule = schedule
        self._now = now

    def create(self, owner: str, request: TaskRequest, idempotency_key: str | None) -> Task:
        """Admit a request; see `Admissions.request`."""
        return self._admissions.request(owner, request, idempotency_key)

    def create_from_upload(self, uploaded: UploadedObject) -> Task | None:
        """Admit an uploaded image; see `Admissions.upload`."""
        return self._admissions.upload(uploaded)

    def promise_upload(self, owner: str, request: UploadRequest) -> UploadTicket:
        """Let an owner send an image; see `Admissions.promise`."""
        return self._admissions.promise(owner, request)

    def get(self, owner: str, task_id: str) -> Task:
        """One task of this owner. Raises `TaskNotFoundError`, also for somebody else's."""
        task = self._table.get(task_id)
        if task.owner != owner:
            raise TaskNotFoundError(f"there is no task {task_id}")
        return task

    def show(self, task: Task, cancellation: Cancellation | None = None) -> TaskView:
        """The task as callers see it now; with what their own cancel request achieved, if any."""
        if cancellation is not None:
            task = task.model_copy(update={"cancellation": cancellation})
        return show_task(task, self._now(), TaskView)

    def video_link(self, owner: str, task_id: str, *, head: bool = False) -> str:
        """A fresh, short-lived link to the task's video. Never log it.

        Raises `TaskNotFoundError`, and `VideoNotReadyError` where there is no video.
        """
        task = self.get(owner, task_id)
        if task.video is None or task.status is not TaskStatus.SUCCEEDED:
            may_come = not task.status.is_final
            hope = "ask again later" if may_come else "it will never have a video"
            raise VideoNotReadyError(f"the task is {task.status}; {hope}", may_come=may_come)
        name = task.name if task.name.lower().endswith(".mp4") else f"{task.name}.mp4"
        return self._storage.sign_video(task.video.key, file_name=name, head=head)

    def list(
        self,
        owner: str,
        *,
        limit: int,
        cursor: str | None = None,
        status: TaskStatus | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
    ) -> TaskList:
        """One page of this owner's tasks, newest first. Raises `InvalidCursorError`."""
        page = self._table.page(
            owner,
            limit=limit,
            start=read_cursor(cursor, owner=owner) if cursor else None,
            status=status,
            created_after=created_after,
            created_before=created_before,
        )
        return TaskList(
            data=[self.show(task) for task in page.tasks],
            has_more=page.next is not None,
            next_cursor=write_cursor(page.next) if page.next else None,
        )

    def cancel(self, owner: str, task_id: str) -> tuple[Task, Cancellation]:
        """Close a task for its owner, with the money back where the generator still gives it.

        Raises `TaskNotFoundError`.
        """
        task = self.get(owner, task_id)
        repeated = task.cancel_requested_at is not None
        if task.generator_task_id is not None and not repeated:
            # The wish is written down first: whoever finds it finishes what died half-way.
            task = self._table.amend(
                task,
                lambda current: (
                    None
                    if current.status.is_final
                    else current.changed(self._now(), cancel_requested_at=self._now())
                ),
            )
        if task.status.is_final:
            return task, Cancellation.ALREADY_FINAL
        task = self._close_canceled(task, repeated=repeated)
        if task.status is not TaskStatus.CANCELED:
            return task, Cancellation.ALREADY_FINAL
        return task, task.cancellation or Cancellation.TOO_LATE

    def advance(self, task_id: str) -> Step:
        """Move a task on as far as it can go now: start it, look, or have its link renewed."""
        task = self._table.get(task_id)
        if task.next_look_at is not None and self._now() < task.next_look_at - _EARLY:
            return self._step(task)
        if task.cancel_requested_at is not None and not task.status.is_final:
            return self._step(self._close_canceled(task, repeated=True))
        task = self._mark_late(task)
        match task.status:
            case TaskStatus.QUEUED:
                task = self._starts.drive(task)
            case TaskStatus.GENERATING:
                task = self._looks.look(task)
            case TaskStatus.STORING:
                task = self._looks.refresh_link(task)
            case _:
                pass
        return self._step(task)

    def store(self, task_id: str) -> Step:
        """Copy a finished video into the bucket."""
        return self._step(self._copies.copy(self._table.get(task_id)))

    def reconcile_overdue(self) -> int:
        """Give each open task that nobody looks after a new execution; return how many."""
        now = self._now()
        revived = 0
        for task in self._table.overdue(now - timedelta(seconds=self._schedule.overdue_seconds)):
            if task.status.is_final or self._workflow.is_running(task.execution):
                continue
            first_look = timedelta(seconds=self._schedule.first_look_seconds)
            with suppress(TaskConflictError):
                self._give_workflow(task, next_look_at=now + first_look)
                revived += 1
        if revived:
            count("TasksRevived", revived)
            logger.warning("tasks without a workflow were given one", extra={"tasks": revived})
        return revived

    def redrive(self, task_id: str) -> Redrive:
        """Make an open task move now; open one again that failed only for want of its video.

        Nothing is paid a second time. Raises `TaskNotFoundError`.
        """
        task, now = self._table.get(task_id), self._now()

        def answer(task: Task, message: str, *, moved: bool) -> Redrive:
            return Redrive(task_id=task_id, status=task.status, moved=moved, message=message)

        if not task.status.is_final:
            task = self._give_workflow(task, at_once=True, next_look_at=now)
            return answer(task, "A new workflow moves it now.", moved=True)
        if task.failure is None or task.failure.code is not FailureCode.VIDEO_UNAVAILABLE:
            return answer(task, "It has ended; there is nothing to move.", moved=False)
        look = self._generator.check(task.generator_task_id or "")
        if not isinstance(look, Ready):
            return answer(task, "The generator does not have its video any more.", moved=False)
        count("TasksReopened")
        task = self._table.replace(task.reopened(now, look.url))
        task = self._give_workflow(task, at_once=True, next_look_at=now)
        return answer(task, "It is open again; its video is copied now.", moved=True)

    def _give_workflow(self, task: Task, *, at_once: bool = False, next_look_at: datetime) -> Task:
        """Record a new execution, then start it; dying in between makes the task overdue again.

        Raises `TaskConflictError` where somebody else moved the task: then it needs none.
        """
        execution = f"{task.task_id}-{task.version}"
        task = self._table.replace(
            task.changed(self._now(), execution=execution, next_look_at=next_look_at)
        )
        self._workflow.start(task.task_id, execution, at_once=at_once)
        return task

    def _close_canceled(self, task: Task, *, repeated: bool) -> Task:
        while not task.status.is_final:
            # What can be given back is true of this version of the task and of no later one.
            achieved = self._give_back(task, repeated=repeated)
            repeated = repeated or task.generator_task_id is not None
            try:
                task = self._table.replace(
                    task.changed(self._now(), status=TaskStatus.CANCELED, cancellation=achieved)
                )
            except TaskConflictError:
                task = self._table.get(task.task_id)
        self._limits.release_slot(task.task_id)
        return task

    def _give_back(self, task: Task, *, repeated: bool) -> Cancellation:
        if task.generator_task_id is None:
            # A start under way may be paid; whoever made it tries to give it back afterwards.
            return Cancellation.TOO_LATE if task.unresolved_attempt else Cancellation.REFUNDED
        try:
            refunded = self._generator.cancel(task.generator_task_id)
        except GeneratorError as error:
            logger.warning("refund not possible now", extra={"reason": str(error)})
            return Cancellation.TOO_LATE
        if refunded is None:
            # Gone: an earlier request of ours got that far, if there was one.
            refunded = repeated
        return Cancellation.REFUNDED if refunded else Cancellation.TOO_LATE

    def _mark_late(self, task: Task) -> Task:
        """Set the flag once the window has passed: a write of its own, so an event of its own."""
        window = timedelta(seconds=self._schedule.window_seconds)
        if task.late or task.status.is_final or self._now() < task.created_at + window:
            return task
        count("TasksLate")
        return self._table.settle(task.changed(self._now(), late=True))

    def _step(self, task: Task) -> Step:
        if task.status.is_final:
            return Step(phase=Phase.CLOSED)
        left = (task.next_look_at or task.updated_at) - self._now()
        wait_seconds = math.ceil(left.total_seconds())
        if task.status is TaskStatus.STORING and wait_seconds <= 0:
            return Step(phase=Phase.READY)
        return Step(phase=Phase.WAITING, wait_seconds=max(1, wait_seconds))
