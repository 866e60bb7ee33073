"""Where everything meets: clients and services of one Lambda container, built once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING

from image_to_video import clients
from image_to_video.a2e_access import downloads, generator, signing_key
from image_to_video.adapters.duration_table import DurationTable
from image_to_video.adapters.dynamodb_table import Table
from image_to_video.adapters.limit_table import LimitTable
from image_to_video.adapters.storage import Storage
from image_to_video.adapters.task_lists import TaskLists
from image_to_video.adapters.task_table import TaskTable
from image_to_video.adapters.waiting_line import OwnerLines, WaitingLine
from image_to_video.adapters.workflow import Workflow
from image_to_video.clients import on_first_use
from image_to_video.container import now, settings
from image_to_video.domain.generator import Generator
from image_to_video.domain.polls import Polls
from image_to_video.domain.prices import Prices
from image_to_video.fake_access import fake_generator
from image_to_video.lifecycle.cancel import Canceler, apply_request
from image_to_video.lifecycle.durations import LearnedDurations, NothingLearned
from image_to_video.lifecycle.executions import Executions
from image_to_video.lifecycle.hints import Hints, HintTokens
from image_to_video.lifecycle.line import Line
from image_to_video.lifecycle.reservations import Reservations
from image_to_video.lifecycle.start import Starter
from image_to_video.lifecycle.start_outcomes import StartOutcomes
from image_to_video.lifecycle.transitions import Transitions
from image_to_video.settings import Settings

# What few functions need is imported by those: a cold start spends its time on imports.
if TYPE_CHECKING:
    from image_to_video.adapters.safe_download import Downloads
    from image_to_video.lifecycle.repair import Repair
    from image_to_video.lifecycle.service import VideoTasks
    from image_to_video.lifecycle.workflow_steps import WorkflowSteps


@dataclass(frozen=True)
class Application:
    """The services, built from the settings when they are first asked for."""

    config: Settings
    generator: Generator
    downloads: "Downloads"
    signing_key: Callable[[], str]
    now: Callable[[], datetime]
    test: bool = False

    def of(self, *, test: bool) -> "Application":
        """The services of live tasks, or those of test tasks, which have another generator."""
        return self._of_tests if test and not self.test else self

    @cached_property
    def _of_tests(self) -> "Application":
        fake = on_first_use(lambda: fake_generator(self.config, self._table.get, self.now))
        config = self.config.of_tests()
        return replace(self, config=config, generator=fake, test=True)

    @cached_property
    def video_tasks(self) -> "VideoTasks":
        """What owners can do."""
        from image_to_video.lifecycle.cursors import Cursors
        from image_to_video.lifecycle.intake import Intake
        from image_to_video.lifecycle.service import VideoTasks

        return VideoTasks(
            table=self._table,
            lists=TaskLists(self._tasks_table),
            storage=self._storage,
            intake=Intake(
                table=self._table,
                workflow=self._workflow,
                storage=self._storage,
                starter=self._starter,
                prices=self._prices,
                schedule=self.config.schedule,
                default_prompt=self.config.default_prompt,
                default_negative_prompt=self.config.default_negative_prompt,
                permit_loopback=self.config.permit_loopback,
                now=self.now,
                test=self.test,
            ),
            canceler=self._canceler,
            line=self._line,
            cursors=Cursors(lambda: self.signing_key().encode()),
            learned=self._learned,
            now=self.now,
            test=self.test,
            of_tests=lambda: self.of(test=True).video_tasks,
        )

    @cached_property
    def workflow_steps(self) -> "WorkflowSteps":
        """What the workflow asks for."""
        from image_to_video.lifecycle.poll import Poller
        from image_to_video.lifecycle.store import Storer
        from image_to_video.lifecycle.workflow_steps import WorkflowSteps

        return WorkflowSteps(
            table=self._table,
            transitions=self._transitions,
            starter=self._starter,
            poller=Poller(
                transitions=self._transitions,
                generator=self.generator,
                learned=self._learned,
                now=self.now,
            ),
            storer=Storer(
                transitions=self._transitions,
                storage=self._storage,
                downloads=self.downloads,
                schedule=self.config.schedule,
                now=self.now,
            ),
            canceler=self._canceler,
            schedule=self.config.schedule,
            now=self.now,
            of_tests=lambda: self.of(test=True).workflow_steps,
        )

    @cached_property
    def repair(self) -> "Repair":
        """What operators and the schedule ask for."""
        from image_to_video.lifecycle.gauges import Gauges
        from image_to_video.lifecycle.overdue import Turns
        from image_to_video.lifecycle.repair import Repair

        return Repair(
            table=self._table,
            transitions=self._transitions,
            workflow=self._workflow,
            executions=self._executions,
            line=self._line,
            storage=self._storage,
            generator=self.generator,
            starter=self._starter,
            schedule=self.config.schedule,
            turns=Turns(now=self.now),
            gauges=Gauges(self._table, self._limits, now=self.now),
            now=self.now,
            of_tests=lambda: self.of(test=True).repair,
        )

    @cached_property
    def hints(self) -> Hints:
        """What the generator tells."""
        return Hints(self._table, self._executions, self._hint_tokens, now=self.now)

    @cached_property
    def _hint_tokens(self) -> HintTokens:
        return HintTokens(address=self.config.hints_address, key=self.signing_key)

    @cached_property
    def _starter(self) -> Starter:
        return Starter(
            transitions=self._transitions,
            reservations=self._reservations,
            line=self._line,
            outcomes=StartOutcomes(
                transitions=self._transitions, schedule=self.config.schedule, now=self.now
            ),
            canceler=self._canceler,
            generator=self.generator,
            storage=self._storage,
            hint_tokens=self._hint_tokens,
            schedule=self.config.schedule,
            max_attempts=self.config.max_attempts,
            prices=self._prices,
            now=self.now,
        )

    @property
    def _prices(self) -> Prices:
        limits = self.config.daily_coin_limit, self.config.owner_daily_coin_limit
        return Prices(self.config.coins_per_second, *limits)

    @cached_property
    def _learned(self) -> LearnedDurations:
        config = self.config
        polls = Polls(config.schedule, config.slot_seconds if config.max_generating else None)
        table = NothingLearned() if self.test else DurationTable(self._limits_table)
        return LearnedDurations(table, polls, now=self.now)

    @cached_property
    def _canceler(self) -> Canceler:
        return Canceler(
            transitions=self._transitions,
            generator=self.generator,
            schedule=self.config.schedule,
            now=self.now,
        )

    @cached_property
    def _executions(self) -> Executions:
        return Executions(transitions=self._transitions, workflow=self._workflow, now=self.now)

    @cached_property
    def _transitions(self) -> Transitions:
        return Transitions(
            table=self._table,
            reservations=self._reservations,
            line=self._line,
            cancel_rule=apply_request,
            now=self.now,
            test=self.test,
        )

    @cached_property
    def _line(self) -> Line:
        return Line(
            line=WaitingLine(self._limits_table),
            owner_lines=OwnerLines(self._limits_table),
            limits=self._limits,
            table=self._table,
            rewrite=lambda task, facts: self._transitions.write_or_reload(
                task, task.changed(self.now(), **facts)
            ),
            # Who is woken changes by transitions, and these wake others.
            give_execution=lambda task, facts: self._executions.give(
                task, at_once=True, next_poll_at=self.now(), **facts
            ),
            prices=self._prices,
            now=self.now,
        )

    @cached_property
    def _reservations(self) -> Reservations:
        return Reservations(self._limits, now=self.now)

    @cached_property
    def _limits(self) -> LimitTable:
        return LimitTable(
            self._limits_table,
            max_generating=self.config.max_generating,
            slot_seconds=self.config.slot_seconds,
            daily_coin_limit=self.config.daily_coin_limit,
            owner_daily_coin_limit=self.config.owner_daily_coin_limit,
        )

    @cached_property
    def _table(self) -> TaskTable:
        return TaskTable(self._tasks_table, retention_days=self.config.task_retention_days)

    @cached_property
    def _tasks_table(self) -> Table:
        return Table(clients.dynamodb(), self.config.tasks_table)

    @cached_property
    def _limits_table(self) -> Table:
        return Table(clients.dynamodb(), self.config.limits_table)

    @cached_property
    def _storage(self) -> Storage:
        config = self.config
        return Storage(
            clients.s3(), images_bucket=config.images_bucket, videos_bucket=config.videos_bucket
        )

    @cached_property
    def _workflow(self) -> Workflow:
        return Workflow(
            clients.stepfunctions(),
            state_machine_arn=self.config.state_machine_arn,
            schedule=self.config.schedule,
        )


@cache
def application(api_id: str | None = None) -> Application:
    """The application with its real adapters; the API's function says which API it serves."""
    config = settings() if api_id is None else settings().model_copy(update={"api_id": api_id})
    return Application(
        config,
        generator=on_first_use(lambda: generator(config)),
        downloads=on_first_use(lambda: downloads(config)),
        signing_key=signing_key(config),
        now=now,
    )


def video_tasks() -> "VideoTasks":
    """The service of the entry points."""
    return application().video_tasks


def workflow_steps() -> "WorkflowSteps":
    """The service of the workflow's functions."""
    return application().workflow_steps


def repair() -> "Repair":
    """The service of the schedule and of operators."""
    return application().repair
