"""Where everything meets: clients and services of one Lambda container, built once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from image_to_video import clients
from image_to_video.adapters.dynamodb_table import Table
from image_to_video.adapters.limit_table import LimitTable
from image_to_video.adapters.secret_cache import Secrets
from image_to_video.adapters.storage import Storage
from image_to_video.adapters.task_table import TaskTable
from image_to_video.adapters.workflow import Workflow
from image_to_video.clients import on_first_use
from image_to_video.container import now, settings
from image_to_video.domain.errors import GeneratorAccessError, SettingsError
from image_to_video.domain.generator import Generator
from image_to_video.domain.task import WaitingFor
from image_to_video.lifecycle.cancel import Canceler, apply_request
from image_to_video.lifecycle.executions import Executions
from image_to_video.lifecycle.reservations import Reservations
from image_to_video.lifecycle.start import Starter
from image_to_video.lifecycle.start_outcomes import StartOutcomes
from image_to_video.lifecycle.transitions import Transitions
from image_to_video.settings import Settings

# What few functions need is imported by those: a cold start spends its time on imports.
if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from image_to_video.adapters.event_topic import EventTopic
    from image_to_video.adapters.safe_download import Downloads
    from image_to_video.lifecycle.repair import Repair
    from image_to_video.lifecycle.service import VideoTasks
    from image_to_video.lifecycle.workflow_steps import WorkflowSteps

# A changed secret is picked up after this long.
_SECRET_SECONDS = 60


@dataclass(frozen=True)
class Application:
    """The three services, built from the settings when they are first asked for.

    Tests inject their own generator, downloads and clock.
    """

    config: Settings
    generator: Generator
    downloads: "Downloads"
    now: Callable[[], datetime]

    @cached_property
    def video_tasks(self) -> "VideoTasks":
        """What owners can do."""
        from image_to_video.lifecycle.cursors import Cursors
        from image_to_video.lifecycle.intake import Intake
        from image_to_video.lifecycle.service import VideoTasks

        return VideoTasks(
            table=self._table,
            storage=self._storage,
            intake=Intake(
                table=self._table,
                workflow=self._workflow,
                storage=self._storage,
                starter=self._starter,
                schedule=self.config.schedule,
                default_prompt=self.config.default_prompt,
                default_negative_prompt=self.config.default_negative_prompt,
                permit_loopback=self.config.permit_loopback,
                now=self.now,
            ),
            canceler=self._canceler,
            cursors=Cursors(self._cursor_key),
            now=self.now,
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
                schedule=self.config.schedule,
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
        )

    @cached_property
    def repair(self) -> "Repair":
        """What operators and the schedule ask for."""
        from image_to_video.lifecycle.repair import Repair

        return Repair(
            table=self._table,
            transitions=self._transitions,
            workflow=self._workflow,
            executions=self._executions,
            storage=self._storage,
            generator=self.generator,
            starter=self._starter,
            schedule=self.config.schedule,
            now=self.now,
        )

    def _cursor_key(self) -> bytes:
        """Only asked for where there is a cursor, since only the API may read it."""
        return self._secrets.get(self.config.cursor_key_secret).encode()

    @cached_property
    def _secrets(self) -> Secrets:
        return _secrets()

    @cached_property
    def _starter(self) -> Starter:
        return Starter(
            transitions=self._transitions,
            reservations=self._reservations,
            outcomes=StartOutcomes(
                transitions=self._transitions, schedule=self.config.schedule, now=self.now
            ),
            canceler=self._canceler,
            generator=self.generator,
            storage=self._storage,
            schedule=self.config.schedule,
            max_attempts=self.config.max_attempts,
            coins_per_second=self.config.coins_per_second,
            now=self.now,
        )

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
            cancel_rule=apply_request,
            now=self.now,
        )

    @cached_property
    def _reservations(self) -> Reservations:
        limits = LimitTable(
            Table(self._dynamodb, self.config.limits_table),
            max_generating=self.config.max_generating,
            slot_seconds=self.config.slot_seconds,
            daily_coin_limit=self.config.daily_coin_limit,
        )
        return Reservations(limits, now=self.now)

    @cached_property
    def _table(self) -> TaskTable:
        return TaskTable(
            Table(self._dynamodb, self.config.tasks_table),
            retention_days=self.config.task_retention_days,
        )

    @cached_property
    def _dynamodb(self) -> "DynamoDBClient":
        return clients.dynamodb()

    @cached_property
    def _storage(self) -> Storage:
        return Storage(
            clients.s3(),
            images_bucket=self.config.images_bucket,
            videos_bucket=self.config.videos_bucket,
        )

    @cached_property
    def _workflow(self) -> Workflow:
        return Workflow(
            clients.stepfunctions(),
            state_machine_arn=self.config.state_machine_arn,
            schedule=self.config.schedule,
        )


@cache
def application() -> Application:
    """The application with its real adapters."""
    config = settings()
    return Application(
        config,
        generator=on_first_use(lambda: _generator(config)),
        downloads=on_first_use(lambda: _downloads(config)),
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


@cache
def event_topic() -> "EventTopic":
    """The topic that subscribers listen to."""
    from image_to_video.adapters.event_topic import EventTopic

    config = settings()
    if config.event_schema_url is None:
        raise SettingsError("environment variables are missing or wrong: EVENT_SCHEMA_URL")
    return EventTopic(
        clients.sns(),
        topic_arn=config.topic_arn,
        stack_name=config.stack_name,
        schema_url=config.event_schema_url,
    )


def _secrets() -> Secrets:
    return Secrets(clients.secretsmanager(), max_age=_SECRET_SECONDS)


def _downloads(config: Settings) -> "Downloads":
    from image_to_video.adapters.safe_download import Downloads, guarded_client

    return Downloads(guarded_client(permit_loopback=config.permit_loopback))


def _generator(config: Settings) -> Generator:
    from image_to_video.adapters.a2e_client import A2E

    secrets = _secrets()

    def token() -> str:
        try:
            return secrets.get(config.a2e_token_secret)
        except (BotoCoreError, ClientError) as error:
            raise GeneratorAccessError(
                "the A2E token cannot be read", waiting_for=WaitingFor.ACCESS
            ) from error

    address = str(config.a2e_url).rstrip("/")
    return A2E(
        clients.generator_http(address),
        token,
        start_timeout_seconds=config.start_timeout_seconds,
        permit_http=config.permit_loopback,
    )
