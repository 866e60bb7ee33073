"""Where everything meets: settings, clients and services of one Lambda container, built once."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

import boto3
import httpx
from aws_lambda_powertools.utilities import parameters
from botocore.config import Config

from image_to_video.adapters.a2e_client import A2E
from image_to_video.adapters.event_topic import EventTopic
from image_to_video.adapters.limit_table import Limits
from image_to_video.adapters.safe_download import Downloads, guarded_client
from image_to_video.adapters.storage import Storage
from image_to_video.adapters.task_table import TaskTable
from image_to_video.adapters.token_table import TokenTable
from image_to_video.adapters.workflow import Workflow
from image_to_video.domain.errors import GeneratorAccessError, SettingsError
from image_to_video.domain.generator import Generator
from image_to_video.domain.task import WaitingFor
from image_to_video.lifecycle.cancel import Canceler
from image_to_video.lifecycle.cursors import Cursors
from image_to_video.lifecycle.intake import Intake
from image_to_video.lifecycle.poll import Poller
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.start import Starter
from image_to_video.lifecycle.start_outcomes import StartOutcomes
from image_to_video.lifecycle.store import Storer
from image_to_video.observability import hide_query
from image_to_video.settings import Settings

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


@cache
def video_tasks() -> VideoTasks:
    """The service with its real adapters."""
    config = settings()
    return assemble(
        config,
        generator=_generator(config),
        downloads=Downloads(guarded_client(permit_loopback=config.permit_loopback)),
        now=now,
    )


def assemble(
    config: Settings, *, generator: Generator, downloads: Downloads, now: Callable[[], datetime]
) -> VideoTasks:
    """Put the service together around what is not AWS."""
    schedule = config.schedule
    dynamodb = boto3.resource("dynamodb", config=_aws())
    table = TaskTable(dynamodb.Table(config.tasks_table), retention_days=config.task_retention_days)
    s3 = boto3.client(
        "s3",
        config=_aws().merge(
            Config(
                signature_version="s3v4",
                # Or signed links name the global endpoint, which newer regions do not know.
                s3={"addressing_style": "virtual"},
            )
        ),
    )
    # The SDK quotes addresses that it cannot reach, and S3's have queries.
    s3.meta.events.register("after-call-error", hide_query)
    storage = Storage(s3, images_bucket=config.images_bucket, videos_bucket=config.videos_bucket)
    workflow = Workflow(
        boto3.client("stepfunctions", config=_aws()),
        state_machine_arn=config.state_machine_arn,
        first_poll_seconds=schedule.first_poll_seconds,
        trouble_wait_seconds=schedule.trouble_wait_seconds,
    )
    limits = Limits(
        dynamodb.Table(config.limits_table),
        max_generating=config.max_generating,
        slot_seconds=config.slot_seconds,
        daily_coin_limit=config.daily_coin_limit,
    )
    starts = Starter(
        table=table,
        generator=generator,
        storage=storage,
        limits=limits,
        attempts=StartOutcomes(table=table, limits=limits, schedule=schedule, now=now),
        schedule=schedule,
        max_attempts=config.max_attempts,
        coins_per_second=config.coins_per_second,
        now=now,
    )
    return VideoTasks(
        table=table,
        workflow=workflow,
        generator=generator,
        storage=storage,
        admissions=Intake(
            table=table,
            workflow=workflow,
            storage=storage,
            starts=starts,
            schedule=schedule,
            default_prompt=config.default_prompt,
            default_negative_prompt=config.default_negative_prompt,
            permit_loopback=config.permit_loopback,
            now=now,
        ),
        starts=starts,
        looks=Poller(table=table, generator=generator, limits=limits, schedule=schedule, now=now),
        copies=Storer(
            table=table, storage=storage, downloads=downloads, schedule=schedule, now=now
        ),
        cancellations=Canceler(
            table=table, generator=generator, limits=limits, schedule=schedule, now=now
        ),
        cursors=Cursors(_cursor_key(config)),
        schedule=schedule,
        now=now,
    )


@cache
def token_table() -> TokenTable:
    """The tokens that the authorizer asks."""
    table = boto3.resource("dynamodb", config=_aws()).Table(settings().tokens_table)
    return TokenTable(table)


@cache
def event_topic() -> EventTopic:
    """The topic that subscribers listen to."""
    config = settings()
    if config.event_schema_url is None:
        raise SettingsError("environment variables are missing or wrong: EVENT_SCHEMA_URL")
    return EventTopic(
        boto3.client("sns", config=_aws()),
        topic_arn=config.topic_arn,
        stack_name=config.stack_name,
        schema_url=config.event_schema_url,
    )


def _generator(config: Settings) -> Generator:
    # No connection is kept: one that died while the container slept would make a paid start
    # ambiguous. No transport retries, for the same money's sake.
    client = httpx.Client(
        base_url=str(config.a2e_url).rstrip("/"),
        transport=httpx.HTTPTransport(retries=0, limits=httpx.Limits(max_keepalive_connections=0)),
        follow_redirects=False,
        trust_env=False,
    )

    secrets = parameters.SecretsProvider(boto_config=_aws())

    def token() -> str:
        try:
            return str(secrets.get(config.a2e_token_secret, max_age=_SECRET_SECONDS))
        except parameters.exceptions.GetParameterError as error:
            raise GeneratorAccessError(
                "the A2E token cannot be read", waiting_for=WaitingFor.ACCESS
            ) from error

    return A2E(
        client,
        token,
        start_timeout_seconds=config.start_timeout_seconds,
        permit_http=config.permit_loopback,
    )


def _cursor_key(config: Settings) -> Callable[[], bytes]:
    """The key of list cursors; only asked where there is one, since only the API may read it."""

    @cache
    def secrets() -> parameters.SecretsProvider:
        return parameters.SecretsProvider(boto_config=_aws())

    return lambda: str(secrets().get(config.cursor_key_secret, max_age=_SECRET_SECONDS)).encode()


def _aws() -> Config:
    # AWS answers in milliseconds; a call that hangs is better repeated while the function lives.
    return Config(
        connect_timeout=3,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
