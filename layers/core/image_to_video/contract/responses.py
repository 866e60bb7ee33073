"""How the outside world sees a task: the same shape in REST answers and in events."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from image_to_video.domain.compatibility import is_understood
from image_to_video.domain.records import OPEN_WORD, Moment
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Cancellation, FailureCode, ModelVersion, Task, WaitingFor

# A2E's documentation: usually under 10 minutes when there is no queue. It reports no percentage,
# so none is shown.
EXPECTED_SECONDS: Final = 600


class Stage(StrEnum):
    """What is being done for the task right now, for people."""

    STARTING = "starting"
    GENERATING = "generating"
    STORING = "storing"
    ENDED = "ended"


_STAGES: Final = {
    TaskStatus.QUEUED: Stage.STARTING,
    TaskStatus.GENERATING: Stage.GENERATING,
    TaskStatus.STORING: Stage.STORING,
}


Reference = Annotated[str, Field(json_schema_extra={"format": "uri-reference"})]


PlaceInLine = Annotated[
    int | None,
    Field(
        ge=1,
        description="How many tasks start before it, this one included, while it waits for our own"
        " limits: 1 is the next one, and 1000 stands for any further back. Only where one task is"
        " shown; null in lists and events, and for a task that does not wait in line.",
    ),
]


class View(BaseModel):
    """Base of what is shown to callers."""

    # What has a default is still always shown.
    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class SecondsRange(View):
    """Between how many seconds four of five tasks took."""

    low: int
    high: int


class Progress(View):
    """How far a task is, in what is really known: its stage and the seconds since its creation.

    `estimated_seconds` is how long tasks of its model and length took lately, from `started_at`
    until their videos were made; null in events, where too few have ended, and once it has ended.
    `expected_seconds` is its high end, or what A2E says of its tasks in general.
    """

    stage: Stage
    elapsed_seconds: int
    expected_seconds: int = EXPECTED_SECONDS
    estimated_seconds: SecondsRange | None = None


class Failure(View):
    """Why a task failed: `code` for programs, `message` for people."""

    code: Annotated[FailureCode, OPEN_WORD]
    message: str


class VideoFacts(View):
    """What was measured of the stored video: its picture as players show it; null if unknown."""

    bytes: int
    sha256: str
    content_type: str
    width: int | None
    height: int | None
    duration_seconds: float | None


class Video(View):
    """The stored video: its object, and what was measured of it; null where it does not say."""

    bucket: str
    key: str
    bytes: int
    sha256: str
    content_type: str
    width: int | None
    height: int | None
    duration_seconds: float | None


class Links(View):
    """Where to go on from here; null where there is nothing to do.

    Relative references (RFC 3986): those of a response are resolved against the address of the
    request, those of an event against its `dataschema`.
    """

    self: Reference
    video: Reference | None
    cancel: Reference | None


class TaskView(View):
    """A task as `GET /tasks/{task_id}` shows it."""

    object: Literal["task"] = "task"
    task_id: str
    test: Annotated[bool, Field(description="Whether it is a test task, which costs nothing.")]
    status: Annotated[TaskStatus, OPEN_WORD]
    late: bool
    waiting_for: Annotated[WaitingFor, OPEN_WORD] | None
    place_in_line: PlaceInLine = None
    name: str
    image_url: str
    prompt: str
    negative_prompt: str
    video_time: int
    model_version: Annotated[ModelVersion, OPEN_WORD]
    extend_prompt: bool
    end_image_url: str | None
    skip_face_enhance: bool
    lora: str | None
    metadata: dict[str, str]
    created_at: Moment
    updated_at: Moment
    started_at: Moment | None
    ended_at: Moment | None
    progress: Progress
    coins: int | None
    failure: Failure | None
    video: VideoFacts | None
    cancellation: Annotated[Cancellation, OPEN_WORD] | None
    links: Links

    def linked_from(self, base: str) -> Self:
        """The same task, for a reader to whom the API's own address is at `base`."""
        links = {name: link and base + link for name, link in self.links.model_dump().items()}
        return self.model_copy(update={"links": Links(**links)})


class TaskEventData(TaskView):
    """A task as events show it: the same, and where the video lies."""

    video: Video | None  # type: ignore[assignment]


class TaskList(View):
    """One page of `GET /tasks`."""

    object: Literal["list"] = "list"
    data: list[TaskView]
    has_more: bool
    next_cursor: str | None


class StatusCount(View):
    """How many tasks are in a status; where there are `more`, it is a lower bound."""

    count: int
    more: bool


class StatusCounts(View):
    """A count for each status."""

    queued: StatusCount
    generating: StatusCount
    storing: StatusCount
    succeeded: StatusCount
    failed: StatusCount
    canceled: StatusCount


class TaskCounts(View):
    """How many tasks the owner has, by status, as `GET /tasks/counts` shows it."""

    object: Literal["task_counts"] = "task_counts"
    by_status: StatusCounts


class VideoLink(View):
    """Where the video can be fetched without a token, and until when."""

    url: str
    expires_at: Moment


class UploadTicket(View):
    """How to send one image: a form for `POST`, whose last field `file` is the image."""

    task_id: str
    url: str
    fields: dict[str, str]
    expires_at: Moment


class Health(View):
    """That the API answers, and which version of it."""

    status: Literal["ok"] = "ok"
    version: str


def show_task[Shown: TaskView](
    task: Task,
    now: datetime,
    shown_as: type[Shown],
    *,
    estimate: tuple[int, int] | None = None,
) -> Shown:
    """Show a task as it looks at `now`; what is internal to it stays inside.

    Its links are relative to the API's own address. `estimate` is how long tasks like it took, in
    seconds, the low and the high end.
    """
    until = task.ended_at or now
    is_open = is_understood(task) and not task.status.is_final
    place = f"tasks/{task.task_id}"
    public = {name: value for name, value in dict(task).items() if name in shown_as.model_fields}
    return shown_as.model_validate(
        public
        | {
            "progress": Progress(
                stage=_STAGES.get(task.status) or _stage_of_unknown(task),
                elapsed_seconds=max(0, int((until - task.created_at).total_seconds())),
                **_estimated(None if task.status.is_final else estimate),
            ),
            "video": task.video and task.video.model_dump(),
            "failure": task.failure and task.failure.model_dump(),
            "links": Links(
                self=place,
                video=f"{place}/video" if task.status is TaskStatus.SUCCEEDED else None,
                cancel=f"{place}/cancel" if is_open else None,
            ),
        }
    )


def _stage_of_unknown(task: Task) -> Stage:
    """What is being done for a task that has ended, or has a status that another release wrote."""
    if task.status.is_final or task.ended_at is not None:
        return Stage.ENDED
    return Stage.STARTING if task.generator_task_id is None else Stage.GENERATING


def _estimated(estimate: tuple[int, int] | None) -> dict[str, Any]:
    if estimate is None:
        return {}
    low, high = estimate
    return {"expected_seconds": high, "estimated_seconds": SecondsRange(low=low, high=high)}
