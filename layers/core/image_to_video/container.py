"""What one Lambda container keeps: its settings, its clock, and what needs no other service.

Apart from the wiring, which imports the whole application: whoever needs no more than this starts
in less time.
"""

import os
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from image_to_video.domain.errors import SettingsError
from image_to_video.settings import Settings

if TYPE_CHECKING:
    from image_to_video.adapters.event_topic import EventTopic
    from image_to_video.adapters.token_table import TokenTable


def now() -> datetime:
    """This moment, in the precision that the table keeps."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@cache
def settings() -> Settings:
    """The settings of this function."""
    return Settings.read(os.environ)


@cache
def token_table() -> "TokenTable":
    """The tokens that the authorizer asks."""
    # What the functions with no rights, or with others, need not import.
    from image_to_video import clients
    from image_to_video.adapters.dynamodb_table import Table
    from image_to_video.adapters.token_table import TokenTable

    return TokenTable(Table(clients.dynamodb(), settings().tokens_table))


@cache
def event_topic() -> "EventTopic":
    """The topic that subscribers listen to."""
    # The one function that publishes needs it.
    from image_to_video import clients
    from image_to_video.adapters.event_topic import EventTopic

    config = settings()
    if config.event_schema_url is None or config.topic_arn is None:
        raise SettingsError(
            "environment variables are missing or wrong: EVENT_SCHEMA_URL, TOPIC_ARN"
        )
    return EventTopic(
        clients.sns(),
        topic_arn=config.topic_arn,
        stack_name=config.stack_name,
        schema_url=config.event_schema_url,
    )
