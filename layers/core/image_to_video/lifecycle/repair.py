"""What operators and the schedule ask for: a living workflow for every open task, and redrives."""

from bisect import bisect_left
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from image_to_video.adapters.dynamodb_table import TABLE_ERRORS, is_temporary
from image_to_video.adapters.mp4_video import measured
from image_to_video.adapters.storage import Storage
from image_to_video.adapters.task_table import TaskTable
from image_to_video.adapters.workflow import Workflow
from image_to_video.domain.compatibility import is_understood
from image_to_video.domain.errors import (
    TaskConflictError,
    TaskNotFoundError,
    VideoDownloadError,
    WorkflowBusyError,
)
from image_to_video.domain.generator import Generator, Ready, Running
from image_to_video.domain.records import Frozen, iso
from image_to_video.domain.schedule import Schedule
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task
from image_to_video.lifecycle.executions import Executions
from image_to_video.lifecycle.gauges import Gauges
from image_to_video.lifecycle.kinds import Kinds
from image_to_video.lifecycle.line import Line
from image_to_video.lifecycle.overdue import Turns
from image_to_video.lifecycle.start import Starter
from image_to_video.lifecycle.start_outcomes import accepted_as
from image_to_video.lifecycle.store import video_key
from image_to_video.lifecycle.transitions import Transitions
from image_to_video.observability import count, logger

# Of more than this the oldest are enough for a run, and its memory is bounded.
_MOST_OVERDUE: Final = 100_000


class Redrive(Frozen):
    """What came of making a task move by hand, for the person who asked."""

    task_id: str
    status: TaskStatus
    moved: bool
    message: str


class Repair:
    """Gives tasks new workflows, and opens those again whose paid video is missing.

    `of_tests` is the one for test tasks.
    """

    def __init__(
        self,
        *,
        table: TaskTable,
        transitions: Transitions,
        workflow: Workflow,
        executions: Executions,
        line: Line,
        storage: Storage,
        generator: Generator,
        starter: Starter,
        schedule: Schedule,
        turns: Turns,
        gauges: Gauges,
        now: Callable[[], datetime],
        of_tests: "Callable[[], Repair] | None" = None,
    ) -> None:
        self._table = table
        self._transitions = transitions
        self._workflow = workflow
        self._executions = executions
        self._line = line
        self._storage = storage
        self._generator = generator
        self._starter = starter
        self._schedule = schedule
        self._turns = turns
        self._gauges = gauges
        self._now = now
        self._kinds: Kinds[Repair] = Kinds(self, of_tests)

    def reconcile_tasks(self) -> int:
        """Give each open task without a living workflow a new execution; return how many.

        Before that wake who may start of the line: whoever should have done so may have died.
        """
        woken = self._line.sweep()
        if woken:
            logger.info("tasks in line were woken", extra={"tasks": woken})
        before = self._now() - timedelta(seconds=self._schedule.overdue_seconds)
        known = list(islice(self._table.open_tasks(before), _MOST_OVERDUE))
        overdue = known[: bisect_left(known, (iso(before), ""))]
        asked = revived = 0
        try:
            for task_id in self._turns.of(overdue):
                revived += self._revive(task_id)
                asked += 1
        except (WorkflowBusyError, *TABLE_ERRORS) as error:
            if not is_temporary(error):
                raise
            logger.warning("AWS is busy", extra={"reason": str(error)})
        if revived:
            count("TasksRevived", revived)
            logger.warning("tasks without a workflow were given one", extra={"tasks": revived})
        if left := len(overdue) - asked:
            count("TasksLeftOverdue", left)
            logger.warning("overdue tasks are left to the next run", extra={"tasks": left})
        self._gauges.measure([task_id for _, task_id in known])
        return revived

    def _revive(self, task_id: str) -> bool:
        """Give a task a new execution if it needs one. Raises `WorkflowBusyError`."""
        try:
            task = self._table.get(task_id)
        except TaskNotFoundError:
            return False
        except ValueError:
            # A record of another release, for example: the others do not wait for it.
            count("TasksUnreadable")
            logger.exception("task cannot be read", extra={"task_id": task_id})
            return False
        if not is_understood(task):
            count("TasksLeftAlone")
            logger.warning("task of another release is left alone", extra={"task_id": task_id})
            return False
        if task.status.is_final or self._workflow.is_running(task.execution):
            return False
        try:
            with self._kinds.of(test=task.test) as repair:
                repair.give_execution(task)
        except TaskConflictError:
            return False
        return True

    def give_execution(self, task: Task) -> None:
        """Let an open task of our own kind go on. Raises `TaskConflictError`."""
        first_poll = timedelta(seconds=self._schedule.first_poll_seconds)
        self._executions.give(task, next_poll_at=self._now() + first_poll)

    def redrive_task(self, task_id: str) -> Redrive:
        """Make an open task move now; open one again whose paid video the generator has after all.

        That is a task which failed without its video, or whose video in the bucket is not whole.
        Nothing is paid a second time. Raises `TaskNotFoundError`, `TaskConflictError` where another
        actor moved it meanwhile, `GeneratorError` where the generator cannot be asked, and
        `WorkflowUnavailableError`.
        """
        task = self._table.get(task_id)
        with self._kinds.of(test=task.test) as repair:
            return repair.redrive(task)

    def redrive(self, task: Task) -> Redrive:
        """`redrive_task` for a task of our own kind."""
        now = self._now()

        def answer(task: Task, message: str, *, moved: bool) -> Redrive:
            return Redrive(task_id=task.task_id, status=task.status, moved=moved, message=message)

        if not is_understood(task):
            message = "Only another release knows its state; nothing was moved."
            return answer(task, message, moved=False)
        if not task.status.is_final:
            task = self._executions.give(task, at_once=True, next_poll_at=now)
            return answer(task, "A new workflow moves it now.", moved=True)
        is_lost = task.status is TaskStatus.SUCCEEDED and not self._has_video(task)
        if not task.may_be_mended and not is_lost:
            return answer(task, "It has ended; there is nothing to move.", moved=False)
        started = self._starter.find(task) if task.generator_task_id is None else None
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
        task = self._transitions.write_or_raise(task, task.reopened(now, **facts))
        task = self._executions.give(task, at_once=True, next_poll_at=now)
        return answer(task, "It is open again, for the video that is paid.", moved=True)

    def _has_video(self, task: Task) -> bool:
        """True where the whole video lies in the bucket."""
        stored = self._storage.stored_video(video_key(task))
        if stored is None:
            return False
        try:
            measured(stored.read_at, stored.size)
        except VideoDownloadError as error:
            logger.warning("stored video is not whole", extra={"reason": str(error)})
            return False
        return True
