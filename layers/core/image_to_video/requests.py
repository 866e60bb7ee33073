"""What callers may ask for: the rules of a request, before it is a task."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from image_to_video.models import Frozen, ModelVersion, VideoSeconds

Prompt = Annotated[str, StringConstraints(max_length=1000)]
# It becomes the name of a file, so it carries no control characters.
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")
]
Metadata = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=512)],
        Annotated[str, StringConstraints(max_length=512)],
    ],
    Field(max_length=16),
]


class TaskOptions(Frozen):
    """What a caller may choose beside the image. Field names are A2E's own where it has one.

    A2E publishes no limit for prompts; 1,000 characters is ours. `model_version` always has a
    value, because without one A2E lets the account's plan decide, and with it the price.
    """

    prompt: Prompt | None = Field(None, description="What should happen in the video.")
    negative_prompt: Prompt | None = Field(None, description="What should not be in the video.")
    name: Name | None = Field(None, description="Label; default: the image's file name.")
    video_time: VideoSeconds = Field(5, description="Length of the video in seconds.")
    model_version: ModelVersion = Field(ModelVersion.A2E, description="The generator's model.")
    metadata: Metadata = Field(
        default_factory=dict, description="Yours; returned with the task and its events."
    )


class TaskRequest(TaskOptions):
    """The body of `POST /tasks`."""

    image_url: Annotated[
        str,
        StringConstraints(max_length=2048, pattern=r"^(?i:https?)://\S+$"),
        Field(description="Address of the image: http or https, public, without credentials."),
    ]


class UploadRequest(TaskOptions):
    """The body of `POST /uploads`: the options of the task that the file itself will start."""

    filename: Annotated[
        str,
        StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$"),
        Field(description="Name of the file; the task's name, unless it is given one."),
    ]
    content_type: Literal["image/jpeg", "image/png", "image/webp"]
    metadata: Annotated[
        dict[
            # S3 keeps them in the names of headers, in lower case.
            Annotated[
                str, StringConstraints(max_length=512, pattern=r"^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$")
            ],
            Annotated[str, StringConstraints(max_length=512)],
        ],
        Field(
            max_length=16,
            default_factory=dict,
            description="Yours; returned with the task and its events.",
        ),
    ]
