"""What callers may ask for: the rules of a request, before it is a task."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    GetPydanticSchema,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

from image_to_video.domain.permitted_text import (
    PERMITTED_ADDRESS_PATTERN,
    PERMITTED_PATTERN,
    forbidden_character,
)
from image_to_video.domain.task import Frozen, ModelVersion, VideoSeconds

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d")
_FIRST_DAY: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_DAY: Final = datetime(9000, 1, 1, tzinfo=UTC)

_MAX_PAIRS: Final = 16
_ABOUT_A_MEMBER: Final = frozenset({"title", "description", "default", "examples"})


@dataclass(frozen=True, slots=True)
class _Permitted:
    """Every text of a caller: it has no forbidden character. `pattern` says that in schemas."""

    pattern: str = PERMITTED_PATTERN

    def __get_pydantic_core_schema__(
        self, source: type, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return no_info_after_validator_function(_check_characters, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"pattern": self.pattern}


def _check_characters(text: str) -> str:
    fault = forbidden_character(text)
    if fault is not None:
        raise PydanticCustomError("forbidden_character", "{fault}", {"fault": fault})
    return text


def _pairs(key: Any) -> GetPydanticSchema:
    """Read pairs of texts; one whose value is null is not there."""
    pairs = Annotated[dict[key, MetadataValue | None], Field(max_length=_MAX_PAIRS)]
    return GetPydanticSchema(
        lambda _, handler: no_info_after_validator_function(_without_nulls, handler(pairs))
    )


def _without_nulls(pairs: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in pairs.items() if value is not None}


Text = Annotated[str, _Permitted()]
Prompt = Annotated[str, StringConstraints(max_length=1000), _Permitted()]
Name = Annotated[str, StringConstraints(min_length=1, max_length=120), _Permitted()]
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=512), _Permitted()]
MetadataValue = Annotated[str, StringConstraints(max_length=512), _Permitted()]
Metadata = Annotated[dict[str, str], _pairs(MetadataKey)]
# S3 keeps them in the names of headers, in lower case.
HeaderMetadata = Annotated[
    dict[str, str],
    _pairs(
        Annotated[
            str, StringConstraints(max_length=512, pattern=r"^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$")
        ]
    ),
]


def _written_out(text: object) -> object:
    """Refuse numbers, which Pydantic would read as seconds since 1970."""
    if isinstance(text, str) and not _RFC3339.match(text):
        raise ValueError("must be a date and a time with a zone, as RFC 3339 has them")
    return text


def _in_calendar(moment: datetime) -> datetime:
    """Moments at the ends of the calendar cannot always be written in UTC; no task is there."""
    return min(max(moment, _FIRST_DAY), _LAST_DAY)


# A moment as callers write it.
GivenMoment = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_calendar)]


class TaskOptions(Frozen):
    """What a caller may choose beside the image. Field names are A2E's own where it has one.

    A2E publishes no limit for prompts; 1,000 characters is ours. `model_version` always has a
    value, because without one A2E lets the account's plan decide, and with it the price.
    What need not be given may be null, and is not there then.
    """

    prompt: Prompt | None = Field(None, description="What should happen in the video.")
    negative_prompt: Prompt | None = Field(None, description="What should not be in the video.")
    name: Name | None = Field(None, description="Label; default: the image's file name.")
    video_time: VideoSeconds = Field(5, description="Length of the video in seconds.")
    model_version: ModelVersion = Field(ModelVersion.A2E, description="The generator's model.")
    metadata: Metadata = Field(
        default_factory=dict, description="Yours; returned with the task and its events."
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        known = cls.model_fields
        return {
            name: value for name, value in given.items() if value is not None or name not in known
        }

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        written = handler(schema)
        model = handler.resolve_ref_schema(written)
        for name, member in model["properties"].items():
            choices = member.get("anyOf", [])
            if name in model.get("required", []) or {"type": "null"} in choices:
                continue
            # What is said of the member stays beside the choices.
            rules = {rule: member.pop(rule) for rule in [*member] if rule not in _ABOUT_A_MEMBER}
            member["anyOf"] = [*(choices or [rules]), {"type": "null"}]
        return written


class TaskRequest(TaskOptions):
    """The body of `POST /tasks`."""

    image_url: Annotated[
        str,
        StringConstraints(max_length=2048, pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://\S+$"),
        _Permitted(PERMITTED_ADDRESS_PATTERN),
        Field(description="Address of the image: http or https, public, without credentials."),
    ]


class UploadRequest(TaskOptions):
    """The body of `POST /uploads`: the options of the task that the file itself will start."""

    filename: Annotated[
        str,
        StringConstraints(min_length=1, max_length=255),
        _Permitted(),
        Field(description="Name of the file; the task's name, unless it is given one."),
    ]
    content_type: Literal["image/jpeg", "image/png", "image/webp"]
    metadata: HeaderMetadata = Field(
        default_factory=dict, description="Yours; returned with the task and its events."
    )
