"""What can be done with tasks: create, show, list, cancel, and what the workflow asks for."""

import math
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from image_to_video.adapters.storage import Storage
from image_to_video.adapters.task_table import TaskTable
from image_to_video.adapters.workflow import Workflow
from image_to_video.contract.requests import TaskRequest, UploadRequest
from image_to_video.contract.responses import TaskList, TaskView, UploadTicket, show_task
from image_to_video.domain.errors import TaskConflictError, TaskNotFoundError, VideoNotReadyError
from image_to_video.domain.generator import Generator, Ready, Running
from image_to_video.domain.schedule import Schedule
from image_to_video.domain.task import (
    Cancellation,
    Phase,
    Redrive,
    Step,
    Task,
    TaskStatus,
)
from image_to_video.lifecycle.cancel import Canceler
from image_to_video.lifecycle.cursors import Cursors, filter_digest
from image_to_video.lifecycle.intake import Intake
from image_to_video.lifecycle.poll import Poller
from image_to_video.lifecycle.start import Starter
from image_to_video.lifecycle.start_outcomes import accepted_as
from image_to_video.lifecycle.store import Storer
from image_to_video.lifecycle.uploads import UploadedObject
from image_to_video.observability import count, logger

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
        admissions: Intake,
        starts: Starter,
        looks: Poller,
        copies: Storer,
        cancellations: Canceler,
        cursors: Cursors,
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
        self._cancellations = cancellations
        self._cursors = cursors
        self._schedule = schedule
        self._now = now

    def create(self, owner: str, request: TaskRequest, idempotency_key: str | None) -> Task:
        """Admit a request; see `Intake.request`."""
        return self._cancellations.carry_out(
            self._admissions.request(owner, request, idempotency_key)
        )

    def create_from_upload(self, uploaded: UploadedObject) -> Task | None:
        """Admit an uploaded image; see `Intake.upload`."""
        task = self._admissions.upload(uploaded)
        return task and self._cancellations.carry_out(task)

    def promise_upload(self, owner: str, request: UploadRequest) -> UploadTicket:
        """Let an owner send an image; see `Intake.promise`."""
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
        narrowed_to = filter_digest(status, created_after, created_before)
        start = None
        if cursor is not None:
            start = self._cursors.read(cursor, owner=owner, narrowed_to=narrowed_to)
        page = self._table.page(
            owner,
            limit=limit,
            start=start,
            status=status,
            created_after=created_after,
            created_before=created_before,
        )
        return TaskList(
            data=[self.show(task) for task in page.tasks],
            has_more=page.next is not None,
            next_cursor=self._cursors.write(page.next, narrowed_to) if page.next else None,
        )

    def cancel(self, owner: str, task_id: str) -> tuple[Task, Cancellation | None]:
        """Close a task for its owner, with the money back where the generator still gives it.

        None while that is not known yet: the wish is recorded and will be carried out.
        Raises `TaskNotFoundError`.
        """
        task = self.get(owner, task_id)
        if task.status.is_final:
            return task, Cancellation.ALREADY_FINAL
        task = self._cancellations.request(task)
        ended_otherwise = task.status.is_final and task.status is not TaskStatus.CANCELED
        return task, Cancellation.ALREADY_FINAL if ended_otherwise else task.cancellation

    def advance(self, task_id: str) -> Step:
        """Move a task on as far as it can go now: start it, look, or have its link renewed."""
        task = self._mark_late(self._table.get(task_id))
        if task.next_poll_at is not None and self._now() < task.next_poll_at - _EARLY:
            return self._step(task)
        match task.status:
            case TaskStatus.QUEUED:
                task = self._cancellations.carry_out(self._starts.drive(task))
            case TaskStatus.GENERATING | TaskStatus.STORING if task.cancel_requested_at:
                task = self._cancellations.carry_out(task)
                self._copies.clear(task)
            case TaskStatus.GENERATING:
                task = self._looks.look(task)
            case TaskStatus.STORING:
                task = self._looks.refresh_link(task)
            case _:
                self._copies.clear(task)
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
            first_poll = timedelta(seconds=self._schedule.first_poll_seconds)
            with suppress(TaskConflictError):
                self._give_workflow(task, next_poll_at=now + first_poll)
                revived += 1
        if revived:
            count("TasksRevived", revived)
            logger.warning("tasks without a workflow were given one", extra={"tasks": revived})
        return revived

    def redrive(self, task_id: str) -> Redrive:
        """Make an open task move now; open one again whose paid video the generator has after all.

        Nothing is paid a second time. Raises `TaskNotFoundError`.
        """
        task, now = self._table.get(task_id), self._now()

        def answer(task: Task, message: str, *, moved: bool) -> Redrive:
            return Redrive(task_id=task_id, status=task.status, moved=moved, message=message)

        if not task.status.is_final:
            task = self._give_workflow(task, at_once=True, next_poll_at=now)
            return answer(task, "A new workflow moves it now.", moved=True)
        if not task.may_be_mended:
            return answer(task, "It has ended; there is nothing to move.", moved=False)
        started = self._starts.find(task) if task.generator_task_id is None else None
        facts = accepted_as(task, started) if started else {}
        generator_task_id = started.generator_task_id if started else task.generator_task_id
        match self._generator.check(generator_task_id) if generator_task_id else None:
            case Ready(url=url):
                facts |= {"status": TaskStatus.STORING, "result_url": url}
            case Running():
                facts |= {"status": TaskStatus.GENERATING, "completed_at": None}
            case _:
                return answer(task, "The generator does not have its video.", moved=False)
        count("TasksReopened")
        task = self._table.replace(task.reopened(now, **facts))
        task = self._give_workflow(task, at_once=True, next_poll_at=now)
        return answer(task, "It is open again, for the video that is paid.", moved=True)

    def _give_workflow(self, task: Task, *, at_once: bool = False, next_poll_at: datetime) -> Task:
        """Record a new execution, then start it; dying in between makes the task overdue again.

        Raises `TaskConflictError` where somebody else moved the task: then it needs none.
        """
        execution = f"{task.task_id}-{task.version}"
        task = self._table.replace(
            task.changed(self._now(), execution=execution, next_poll_at=next_poll_at)
        )
        self._workflow.start(task.task_id, execution, at_once=at_once)
        return task

    def _mark_late(self, task: Task) -> Task:
        """Set the flag once the window has passed: a write of its own, so an event of its own."""
        if task.late or task.status.is_final or self._now() < self._window_end(task):
            return task
        count("TasksLate")
        return self._table.settle(task.changed(self._now(), late=True))

    def _step(self, task: Task) -> Step:
        if task.status.is_final:
            return Step(phase=Phase.CLOSED)
        now, due = self._now(), task.next_poll_at or task.updated_at
        if not task.late and now < self._window_end(task) < due:
            # The flag does not wait for a look that the generator wants late.
            due = self._window_end(task)
        wait_seconds = math.ceil((due - now).total_seconds())
        if task.status is TaskStatus.STORING and wait_seconds <= 0:
            return Step(phase=Phase.READY)
        return Step(phase=Phase.WAITING, wait_seconds=max(1, wait_seconds))

    def _window_end(self, task: Task) -> datetime:
        return task.created_at + timedelta(seconds=self._schedule.window_seconds)
