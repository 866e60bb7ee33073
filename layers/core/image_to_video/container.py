"""What one Lambda container keeps: its settings, its clock, and what needs no other service.

Apart from the wiring, which imports the whole application: whoever needs no more than this starts
in less time.
"""

import os
from datetime import UTC, datetime
from functools import cache

from image_to_video import clients
from image_to_video.adapters.dynamodb_table import Table
from image_to_video.adapters.token_table import TokenTable
from image_to_video.settings import Settings


def now() -> datetime:
    """This moment, in the precision that the table keeps."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@cache
def settings() -> Settings:
    """The settings of this function."""
    return Settings.read(os.environ)


@cache
def token_table() -> TokenTable:
    """The tokens that the authorizer asks."""
    return TokenTable(Table(clients.dynamodb(), settings().tokens_table))
