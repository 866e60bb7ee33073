"""The settings of a deployed function: read from the environment once, or a clear failure.

A value that belongs to a release is a default here, not in the template: CloudFormation keeps what
a stack's parameters were, so a default of the template would never reach a stack that exists.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from image_to_video.domain.errors import SettingsError
from image_to_video.domain.schedule import Pace, Schedule, Seconds, written_number
from image_to_video.domain.task import ModelVersion
from image_to_video.domain.test_mode import TEST_RETENTION_DAYS, TEST_SCHEDULE

# What stands for the API's id in `hints_url`.
_API: Final = "{api}"

# Longer than any function that may start lives, or the holder of an expired lease may still start.
# On one machine whoever shortens it answers for that.
SHORTEST_LEASE: Final = 120
# The token is sent there: https only, except to a simulator on the same machine.
_HOST: Final = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?"
_REST: Final = r"(:[1-5]?[0-9]{1,4})?(/[A-Za-z0-9._~-]+)*"
A2E_ADDRESS: Final = rf"^(https://{_HOST}{_REST}|http://(127\.0\.0\.1|localhost){_REST})$"

type Count = Annotated[int, BeforeValidator(written_number), Field(ge=0)]
type Prices = dict[ModelVersion, Annotated[int, Field(ge=1, le=9999)]]
_RELEASED_PRICES: Final[Prices] = {
    ModelVersion.A2E: 6,
    # A2E publishes none; a guess.
    ModelVersion.A2E_V2: 12,
    ModelVersion.A2E_V2_FLASH: 6,
}


def _prices(text: object) -> object:
    """Read `model=coins` pairs separated by commas; anything but a text passes through.

    A model that is not named has the release's price.
    """
    if not isinstance(text, str):
        return text
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(equals and re.fullmatch(r"[1-9][0-9]{0,3}", coins) for _, equals, coins in pairs):
        raise ValueError("prices are written as model=coins pairs, for example a2e=6,a2e-v2=12")
    return _RELEASED_PRICES | {model: int(coins) for model, _, coins in pairs}


class Settings(BaseModel):
    """Names, addresses and rules. The field `tasks_table` is read from `TASKS_TABLE`, and so on."""

    # An environment holds credentials: no error may quote it.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    stack_name: str
    tasks_table: str
    tokens_table: str
    limits_table: str
    images_bucket: str
    videos_bucket: str
    state_machine_arn: str
    a2e_url: Annotated[str, Field(pattern=A2E_ADDRESS)]
    a2e_token_secret: str
    cursor_key_secret: str
    start_timeout_seconds: Annotated[Seconds, Field(le=24)] = 20
    max_attempts: Annotated[Seconds, Field(le=5)] = 2
    max_generating: Annotated[Count, Field(le=1000)]
    slot_seconds: Annotated[Seconds, Field(ge=60)] = 1800
    daily_coin_limit: Count
    owner_daily_coin_limit: Count
    coins_per_second: Annotated[Prices, BeforeValidator(_prices)] = _RELEASED_PRICES
    # Only set for the functions that take orders.
    default_prompt: str = "The picture comes to life with gentle, natural motion."
    default_negative_prompt: str = "blurry, distorted, deformed, low quality, watermark, text"
    cors_origin: str
    task_retention_days: Annotated[Count, Field(le=99_999)]
    permit_loopback: bool
    schedule: Schedule
    hints_url: str
    # Not set for the functions that the API needs: it would be a cycle. The API tells its own one.
    api_id: str | None = None
    # Only set for publish_events, the one for the same reason.
    event_schema_url: str | None = None
    topic_arn: str | None = None

    @model_validator(mode="after")
    def _lease_outlives_its_holder(self) -> Self:
        if self.schedule.lease_seconds < SHORTEST_LEASE and not self.permit_loopback:
            raise ValueError(f"a lease lasts for {SHORTEST_LEASE} seconds or longer")
        return self

    @property
    def hints_address(self) -> str | None:
        """The API's address for the generator's hints; None where it is not to send any.

        Made of nothing that a caller can choose. A generator on the internet reaches no http.
        """
        address = self.hints_url
        if _API in address:
            if not re.fullmatch(r"[a-z0-9]+", self.api_id or ""):
                return None
            address = address.replace(_API, self.api_id or "")
        is_reached = address.startswith("https://") or self.a2e_url.startswith("http://")
        return address if address and is_reached else None

    def of_tests(self) -> Self:
        """The settings of test tasks: no coins, no limits, no hints, and waits of seconds."""
        changes = {
            "max_generating": 0,
            "daily_coin_limit": 0,
            "owner_daily_coin_limit": 0,
            "coins_per_second": dict.fromkeys(ModelVersion, 0),
            "max_attempts": 2,
            "hints_url": "",
            "task_retention_days": TEST_RETENTION_DAYS,
            "schedule": TEST_SCHEDULE,
        }
        return self.model_copy(update=changes)

    @classmethod
    def variables(cls) -> frozenset[str]:
        """The names of all environment variables, for the test that compares the template."""
        fields = (set(cls.model_fields) - {"schedule"}) | set(Schedule.model_fields)
        return frozenset(field.upper() for field in fields)

    @classmethod
    def released(cls) -> dict[str, str]:
        """The release's value of each variable that may be empty, as it would be written."""
        return {
            name.upper(): _written(field.default)
            for fields in (cls.model_fields, Schedule.model_fields)
            for name, field in fields.items()
            if not field.is_required() and field.default is not None
        }

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Build the settings. Raises `SettingsError` naming each invalid variable.

        An empty variable of which the release has a value counts as not set.
        """
        released = cls.released()
        values = {
            name.lower(): value
            for name, value in environment.items()
            if value or name not in released
        }
        try:
            return cls.model_validate(values | {"schedule": values})
        except ValidationError as error:
            faults = "; ".join(
                f"{_variable(fault['loc'])}: {fault['msg']}" for fault in error.errors()
            )
            raise SettingsError(f"environment variables are missing or wrong: {faults}") from error


def _written(value: object) -> str:
    match value:
        case Pace(steps=pairs):
            return ",".join(f"{start}={wait}" for start, wait in pairs)
        case dict():
            return ",".join(f"{model}={coins}" for model, coins in value.items())
        case _:
            return str(value)


def _variable(location: tuple[int | str, ...]) -> str:
    """The variable that holds an invalid value, however deep; the lease is compared with others."""
    return next((str(part).upper() for part in location if part != "schedule"), "LEASE_SECONDS")
