"""The settings of a deployed function: read from the environment once, or a clear failure."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    HttpUrl,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
)

from image_to_video.domain.errors import SettingsError
from image_to_video.domain.schedule import Schedule
from image_to_video.domain.task import ModelVersion

# What stands for the API's id in `hints_url`.
_API: Final = "{api}"


def _prices(text: object) -> object:
    """Read `model=coins` pairs separated by commas; anything but a text passes through."""
    if not isinstance(text, str):
        return text
    prices = dict(pair.split("=", 1) for pair in text.split(",") if "=" in pair)
    missing = [model.value for model in ModelVersion if model not in prices]
    if missing:
        raise ValueError(f"no coins for {', '.join(missing)}; write for example a2e=6,a2e-v2=12")
    return prices


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
    topic_arn: str
    state_machine_arn: str
    a2e_url: HttpUrl
    a2e_token_secret: str
    cursor_key_secret: str
    start_timeout_seconds: PositiveInt
    max_attempts: PositiveInt
    max_generating: NonNegativeInt
    slot_seconds: PositiveInt
    daily_coin_limit: NonNegativeInt
    owner_daily_coin_limit: NonNegativeInt
    coins_per_second: Annotated[dict[ModelVersion, PositiveInt], BeforeValidator(_prices)]
    default_prompt: str
    default_negative_prompt: str
    cors_origin: str
    task_retention_days: NonNegativeInt
    permit_loopback: bool
    schedule: Schedule
    hints_url: str
    # Not set for the functions that the API needs: it would be a cycle. The API tells its own one.
    api_id: str | None = None
    # Only set for publish_events, for the same reason.
    event_schema_url: str | None = None

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
        is_reached = address.startswith("https://") or self.a2e_url.scheme == "http"
        return address if address and is_reached else None

    @classmethod
    def variables(cls) -> frozenset[str]:
        """The names of all environment variables, for the test that compares the template."""
        fields = (set(cls.model_fields) - {"schedule"}) | set(Schedule.model_fields)
        return frozenset(field.upper() for field in fields)

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Build the settings. Raises `SettingsError` naming each invalid variable."""
        values = {name.lower(): value for name, value in environment.items()}
        try:
            return cls.model_validate(values | {"schedule": values})
        except ValidationError as error:
            faults = "; ".join(
                f"{_variable(fault['loc'])}: {fault['msg']}" for fault in error.errors()
            )
            raise SettingsError(f"environment variables are missing or wrong: {faults}") from error


def _variable(location: tuple[int | str, ...]) -> str:
    """The variable that holds an invalid value, however deep."""
    return next(str(part).upper() for part in location if part != "schedule")
