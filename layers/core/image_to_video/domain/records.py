"""What every stored record is made of: immutable models, and moments as texts that sort by time."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, PlainSerializer, WithJsonSchema


def iso(moment: datetime) -> str:
    """Write a moment as ISO 8601 in UTC with milliseconds and `Z`; such texts sort by time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[
    AwareDatetime,
    PlainSerializer(iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


class Frozen(BaseModel):
    """Base of the immutable models; a change makes a new object."""

    # Records hold links with signatures: no error may quote them.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
