"""Where everything meets: settings, clients and services of one Lambda container, built once."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities import parameters

from image_to_video import clients
from image_to_video.adapters.a2e_client import A2E
from image_to_video.adapters.event_topic import EventTopic
from image_to_video.adapters.limit_table import LimitTable
from image_to_video.adapters.safe_download import Downloads, guarded_client
from image_to_video.adapters.storage import Storage
from image_to_video.adapters.task_table import TaskTable
from image_to_video.adapters.token_table import TokenTable
from image_to_video.adapters.workflow import Workflow
from image_to_video.clients import on_first_use
from image_to_video.domain.errors import GeneratorAccessError, SettingsError
from image_to_video.domain.generator import Generator
from image_to_video.domain.task import WaitingFor
from image_to_video.lifecycle.cancel import Canceler, apply_request
from image_to_video.lifecycle.cursors import Cursors
from image_to_video.lifecycle.executions import Executions
from image_to_video.lifecycle.hints import Hints, HintTokens
from image_to_video.lifecycle.intake import Intake
from image_to_video.lifecycle.poll import Poller
from image_to_video.lifecycle.repair import Repair
from image_to_video.lifecycle.reservations import Reservations
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.start import Starter
from image_to_video.lifecycle.start_outcomes import StartOutcomes
from image_to_video.lifecycle.store import Storer
from image_to_video.lifecycle.transitions import Transitions
from image_to_video.lifecycle.workflow_steps import WorkflowSteps
from image_to_video.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource

# A changed secret is picked up after this long.
_SECRET_SECONDS = 60


def now() -> datetime:
    """This moment, in the precision that the table keeps."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@cache
def settings() -> Settings:
    """The settings of this function."""
    return Settings.read(os.environ)


@dataclass(frozen=True)
class Application:
    """The three services, built from the settings when they are first asked for.

    Tests inject their own generator, downloads and clock.
    """

    config: Settings
    generator: Generator
    downloads: Downloads
    account_token: Callable[[], str]
    now: Callable[[], datetime]

    @cached_property
    def video_tasks(self) -> VideoTasks:
        """What owners can do."""
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
    def workflow_steps(self) -> WorkflowSteps:
        """What the workflow asks for."""
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
    def repair(self) -> Repair:
        """What operators and the schedule ask for."""
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

    @cached_property
    def hints(self) -> Hints:
        """What the generator tells."""
        return Hints(self._table, self._executions, self._hint_tokens, now=self.now)

    @cached_property
    def _hint_tokens(self) -> HintTokens:
        return HintTokens(address=self.config.hints_address, key=self.account_token)

    def _cursor_key(self) -> bytes:
        """Only asked for where there is a cursor, since only the API may read it."""
        return str(secrets().get(self.config.cursor_key_secret, max_age=_SECRET_SECONDS)).encode()

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
            hint_tokens=self._hint_tokens,
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
            self._dynamodb.Table(self.config.limits_table),
            max_generating=self.config.max_generating,
            slot_seconds=self.config.slot_seconds,
            daily_coin_limit=self.config.daily_coin_limit,
        )
        return Reservations(limits, now=self.now)

    @cached_property
    def _table(self) -> TaskTable:
        return TaskTable(
            self._dynamodb.Table(self.config.tasks_table),
            retention_days=self.config.task_retention_days,
        )

    @cached_property
    def _dynamodb(self) -> "DynamoDBServiceResource":
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
def secrets() -> parameters.SecretsProvider:
    """The secrets, each read once for all who need it."""
    return clients.secrets()


@cache
def application(api_id: str | None = None) -> Application:
    """The application with its real adapters; the API's function says which API it serves."""
    config = settings() if api_id is None else settings().model_copy(update={"api_id": api_id})
    client = on_first_use(lambda: guarded_client(permit_loopback=config.permit_loopback))
    return Application(
        config,
        generator=_generator(config),
        downloads=Downloads(client),
        account_token=_account_token(config),
        now=now,
    )


def video_tasks() -> VideoTasks:
    """The service of the entry points."""
    return application().video_tasks


def workflow_steps() -> WorkflowSteps:
    """The service of the workflow's functions."""
    return application().workflow_steps


def repair() -> Repair:
    """The service of the schedule and of operators."""
    return application().repair


@cache
def token_table() -> TokenTable:
    """The tokens that the authorizer asks."""
    return TokenTable(clients.dynamodb().Table(settings().tokens_table))


@cache
def event_topic() -> EventTopic:
    """The topic that subscribers listen to."""
    config = settings()
    if config.event_schema_url is None:
        raise SettingsError("environment variables are missing or wrong: EVENT_SCHEMA_URL")
    return EventTopic(
        clients.sns(),
        topic_arn=config.topic_arn,
        stack_name=config.stack_name,
        schema_url=config.event_schema_url,
    )


def _account_token(config: Settings) -> Callable[[], str]:
    def token() -> str:
        try:
            return str(secrets().get(config.a2e_token_secret, max_age=_SECRET_SECONDS))
        except parameters.exceptions.GetParameterError as error:
            reason = "the A2E token cannot be read"
            raise GeneratorAccessError(reason, waiting_for=WaitingFor.ACCESS) from error

    return token


def _generator(config: Settings) -> Generator:
    address = str(config.a2e_url).rstrip("/")
    client = on_first_use(lambda: clients.generator_http(address))
    return A2E(
        client,
        _account_token(config),
        start_timeout_seconds=config.start_timeout_seconds,
        permit_http=config.permit_loopback,
    )
