"""What callers may ask for: the rules of a request, before it is a task."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    StrictBool,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from image_to_video.contract.texts import FileName, HeaderMetadata, ImageUrl, Metadata, Name, Prompt
from image_to_video.domain.records import Frozen
from image_to_video.domain.task import ModelVersion, VideoSeconds

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d")
_FIRST_DAY: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_DAY: Final = datetime(9000, 1, 1, tzinfo=UTC)

# What of a member's schema is said of the member, whichever of its types it has.
_ABOUT_A_MEMBER: Final = frozenset({"title", "description", "default", "examples"})

# A2E's ids of other things have 24 hexadecimal digits; what else it gives out is not known.
Lora = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,128}$")]


def _written_out(text: object) -> object:
    """Refuse numbers, which Pydantic would read as seconds since 1970."""
    if isinstance(text, str) and not _RFC3339.match(text):
        raise PydanticCustomError(
            "no_moment", "must be a date and a time with a zone, as RFC 3339 has them"
        )
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
    extend_prompt: StrictBool = Field(
        False, description="Whether A2E may rewrite the prompt with a language model."
    )
    end_image_url: ImageUrl | None = Field(
        None, description="Address of the last frame, by the rules of `image_url`."
    )
    skip_face_enhance: StrictBool = Field(
        False, description="Whether A2E leaves out its step that keeps faces alike."
    )
    lora: Lora | None = Field(
        None,
        description="Id of a LoRA at A2E. It takes the place of both prompts: leave them out.",
    )
    metadata: Metadata = Field(
        default_factory=dict, description="Yours; returned with the task and its events."
    )

    @field_validator("lora")
    @classmethod
    def _instead_of_prompts(cls, lora: str | None, given: ValidationInfo) -> str | None:
        """A2E ignores prompts beside a LoRA: the video would be paid for without them."""
        if lora is not None and any(
            (given.data.get(name) or "").strip() for name in ("prompt", "negative_prompt")
        ):
            raise PydanticCustomError(
                "instead_of_prompts",
                "takes the place of prompt and negative_prompt: leave those out",
            )
        if lora is not None and given.data.get("extend_prompt"):
            raise PydanticCustomError(
                "no_prompt", "has no prompt that could be extended: leave extend_prompt out"
            )
        return lora

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
        ImageUrl,
        Field(description="Address of the image: http or https, public, without credentials."),
    ]


class UploadRequest(TaskOptions):
    """The body of `POST /uploads`: the options of the task that the file itself will start."""

    filename: Annotated[
        FileName,
        Field(description="Name of the file; the task's name, unless it is given one."),
    ]
    content_type: Literal["image/jpeg", "image/png", "image/webp"]
    metadata: HeaderMetadata = Field(
        default_factory=dict, description="Yours; returned with the task and its events."
    )
