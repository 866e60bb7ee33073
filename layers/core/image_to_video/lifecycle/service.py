"""What owners can do with their tasks: create, show, list and cancel them, and fetch the video."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from image_to_video.adapters.storage import Storage
from image_to_video.adapters.task_lists import TaskLists
from image_to_video.adapters.task_queries import EVERY_TASK, TaskFilter
from image_to_video.adapters.task_table import TaskTable
from image_to_video.contract.requests import TaskRequest, UploadRequest
from image_to_video.contract.responses import (
    StatusCounts,
    TaskCounts,
    TaskList,
    TaskView,
    UploadTicket,
    VideoLink,
    show_task,
)
from image_to_video.domain.errors import NoVideoError, TaskNotFoundError, VideoNotReadyError
from image_to_video.domain.owner_names import scope_of
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Cancellation, Task
from image_to_video.lifecycle.cancel import Canceler
from image_to_video.lifecycle.cursors import Cursors, filter_digest
from image_to_video.lifecycle.durations import LearnedDurations
from image_to_video.lifecycle.intake import Intake
from image_to_video.lifecycle.kinds import Kinds
from image_to_video.lifecycle.line import Line
from image_to_video.lifecycle.uploads import Order, UploadedObject


class VideoTasks:
    """The service of the entry points: each route and each upload calls one method of it.

    It knows live tasks alone, or `test` tasks alone. Of uploads each is taken by its own kind's:
    `of_tests` is that of test tasks.
    """

    def __init__(
        self,
        *,
        table: TaskTable,
        lists: TaskLists,
        storage: Storage,
        intake: Intake,
        canceler: Canceler,
        line: Line,
        cursors: Cursors,
        learned: LearnedDurations,
        now: Callable[[], datetime],
        test: bool = False,
        of_tests: "Callable[[], VideoTasks] | None" = None,
    ) -> None:
        self._table = table
        self._lists = lists
        self._storage = storage
        self._intake = intake
        self._canceler = canceler
        self._line = line
        self._cursors = cursors
        self._learned = learned
        self._now = now
        self._test = test
        self._kinds: Kinds[VideoTasks] = Kinds(self, of_tests)

    def create(self, owner: str, request: TaskRequest, idempotency_key: str | None) -> Task:
        """Record and start a task: `create_or_replay` for whom both are the same."""
        return self.create_or_replay(owner, request, idempotency_key)[0]

    def create_or_replay(
        self, owner: str, request: TaskRequest, idempotency_key: str | None
    ) -> tuple[Task, bool]:
        """Record and start a task, and whether that is a replay; see `Intake.request`."""
        return self._intake.request(owner, request, idempotency_key)

    def create_from_upload(self, uploaded: UploadedObject) -> Task | None:
        """Record and start the task of an uploaded image; see `Intake.order` and `upload`."""
        order = self._intake.order(uploaded)
        if order is None:
            return None
        with self._kinds.of(test=order.test) as tasks:
            return tasks.take(uploaded, order)

    def take(self, uploaded: UploadedObject, order: Order) -> Task:
        """`create_from_upload` for an order of our own kind."""
        return self._intake.upload(uploaded, order)

    def reserve_upload(self, owner: str, request: UploadRequest) -> UploadTicket:
        """Let an owner send an image; see `Intake.reserve_upload`."""
        return self._intake.reserve_upload(owner, request)

    def get(self, owner: str, task_id: str) -> Task:
        """One task of this owner and kind. Raises `TaskNotFoundError`, also for another's."""
        task = self._table.get(task_id)
        if task.owner != owner or task.test is not self._test:
            raise TaskNotFoundError(f"there is no task {task_id}")
        return task

    def show(self, task: Task, cancellation: Cancellation | None = None) -> TaskView:
        """One task as callers see it now; with what their own cancel request achieved, if any."""
        if cancellation is not None:
            task = task.model_copy(update={"cancellation": cancellation})
        estimate = None if task.status.is_final else self._learned.range(task)
        shown = show_task(task, self._now(), TaskView, estimate=estimate)
        return shown.model_copy(update={"place_in_line": self._line.place(task)})

    def video_link(self, owner: str, task_id: str, *, head: bool = False) -> VideoLink:
        """A fresh, short-lived link to the task's video. Never log it.

        Raises `TaskNotFoundError`, `VideoNotReadyError` where the video may still come, and
        `NoVideoError` where it never will.
        """
        task = self.get(owner, task_id)
        if not task.status.is_final:
            raise VideoNotReadyError(f"the task is {task.status}; ask again later")
        if task.video is None or task.status is not TaskStatus.SUCCEEDED:
            raise NoVideoError(f"the task is {task.status}; it will never have a video")
        name = task.name if task.name.lower().endswith(".mp4") else f"{task.name}.mp4"
        url, expires_at = self._storage.sign_video(task.video.key, file_name=name, head=head)
        return VideoLink(url=url, expires_at=expires_at)

    def list(
        self,
        owner: str,
        *,
        limit: int,
        cursor: str | None = None,
        wanted: TaskFilter = EVERY_TASK,
    ) -> TaskList:
        """One page of this owner's tasks, newest first. Raises `InvalidCursorError`."""
        filters, scope = filter_digest(wanted), scope_of(owner, test=self._test)
        start = None
        if cursor is not None:
            start = self._cursors.read(cursor, owner=scope, filters=filters)
        page = self._lists.page(scope, limit=limit, start=start, wanted=wanted)
        return TaskList(
            data=[show_task(task, self._now(), TaskView) for task in page.tasks],
            has_more=page.next is not None,
            next_cursor=self._cursors.write(page.next, filters) if page.next else None,
        )

    def counts(self, owner: str) -> TaskCounts:
        """How many tasks this owner has in each status, each counted up to 1,000."""
        found = self._lists.counts(scope_of(owner, test=self._test))
        counts = {status: asdict(count) for status, count in found.items()}
        return TaskCounts(by_status=StatusCounts.model_validate(counts))

    def cancel(self, owner: str, task_id: str) -> tuple[Task, Cancellation | None]:
        """Close a task for its owner, with the coins back where the generator still refunds them.

        Returns the task and the outcome; None while it is not known yet: the request is recorded,
        and the workflow follows it. Raises `TaskNotFoundError`, and `TaskNotUnderstoodError` for a
        task in a state that only another release knows.
        """
        task = self.get(owner, task_id)
        if task.status.is_final or task.ended_at is not None:
            return task, Cancellation.ALREADY_FINAL
        task = self._canceler.request(task)
        ended_otherwise = task.status.is_final and task.status is not TaskStatus.CANCELED
        return task, Cancellation.ALREADY_FINAL if ended_otherwise else task.cancellation
