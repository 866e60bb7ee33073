"""Everything raised on purpose, as one tree.

ImageToVideoError                  base; carries a message fit for a log
├── SettingsError                  a setting is missing or wrong; a cold start fails and names it
├── InvalidTaskError               the request breaks a rule its schema cannot express
├── IdempotencyKeyReusedError      the same key came with another request
├── TaskNotFoundError              no such task, or not this owner's
├── VideoNotReadyError             the task has no video yet
├── NoVideoError                   the task ended without a video
├── TaskConflictError              another actor changed the task first
├── TaskNotUnderstoodError         only another release knows the task's state: left alone
├── UnreadableImageError           an uploaded object's encryption keeps us from reading it
├── DurationsUnavailableError      durations of other tasks cannot be read or counted now
├── WorkflowUnavailableError       no execution could be started now
│   └── WorkflowBusyError          Step Functions was asked too often
├── SigningKeyUnavailableError     what signs cursors and hints cannot be read now
├── InvalidCursorError             a list cursor that this application did not write
├── UnauthorizedError              no token, or an unknown one
├── GeneratorError                 the outside generator
│   ├── GeneratorUnavailableError  surely nothing was accepted; worth asking again later
│   ├── GeneratorRejectedError     it will never accept this request
│   ├── GeneratorAccessError       token, plan or coins: the account's trouble, not the task's
│   └── StartUnconfirmedError      a start whose outcome is unknown; it may have been paid
└── VideoDownloadError             the finished video cannot be fetched or is not one
    └── VideoLinkExpiredError      the link is dead; the next poll brings a new one
"""

from image_to_video.domain.task import FailureCode, WaitingFor


class ImageToVideoError(Exception):
    """Base of all errors raised on purpose."""


class SettingsError(ImageToVideoError):
    """A setting is missing or malformed; the message names the variable."""


class InvalidTaskError(ImageToVideoError):
    """A request that can never become a video. `pointer` is the JSON pointer of the bad field."""

    def __init__(self, detail: str, *, pointer: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer


class IdempotencyKeyReusedError(ImageToVideoError):
    """The idempotency key already belongs to a different request of the same owner."""


class TaskNotFoundError(ImageToVideoError):
    """There is no such task for this owner."""


class VideoNotReadyError(ImageToVideoError):
    """There is no video to fetch yet."""


class NoVideoError(ImageToVideoError):
    """There is no video to fetch, and there will be none: the task has ended without one."""


class TaskConflictError(ImageToVideoError):
    """Another actor changed the task between our read and our write."""


class TaskNotUnderstoodError(ImageToVideoError):
    """The task is in a state that only another release knows; this one does not change it."""

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"task {task_id} is in a state that only another release knows; ask again later"
        )


class UnreadableImageError(ImageToVideoError):
    """An uploaded object is encrypted with a key that is not ours to use."""


class DurationsUnavailableError(ImageToVideoError):
    """The durations of finished tasks are not at hand; the fixed pace serves."""


class WorkflowUnavailableError(ImageToVideoError):
    """No execution could be started now; the schedule will give the task one."""


class WorkflowBusyError(WorkflowUnavailableError):
    """Step Functions was asked too often for now."""


class SigningKeyUnavailableError(ImageToVideoError):
    """The key that signs cursors and hints cannot be read now."""


class InvalidCursorError(ImageToVideoError):
    """The cursor is none that a list response of this application carried."""


class UnauthorizedError(ImageToVideoError):
    """No token came with the request, or one that this application never issued."""

    def __init__(self) -> None:
        # API Gateway answers 401 to exactly this text, and 500 to any other:
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
        super().__init__("Unauthorized")


class GeneratorError(ImageToVideoError):
    """Base of all errors of the outside generator."""


class GeneratorUnavailableError(GeneratorError):
    """Surely nothing was accepted. `retry_after` is what the generator asks for, in seconds."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class GeneratorRejectedError(GeneratorError):
    """The generator will never accept this request; `code` says why.

    `replayed` is True where it said so to an earlier request with the same key.
    """

    def __init__(self, message: str, *, code: FailureCode, replayed: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.replayed = replayed


class GeneratorAccessError(GeneratorError):
    """The account cannot start anything now; `waiting_for` is `coins` or `access`."""

    def __init__(self, message: str, *, waiting_for: WaitingFor) -> None:
        super().__init__(message)
        self.waiting_for = waiting_for


class StartUnconfirmedError(GeneratorError):
    """A start that may have been accepted and paid: it must be looked up, never repeated blindly.

    `refusal` holds the generator's words where it answered with an unexplained error code.
    """

    def __init__(self, message: str, *, refusal: str | None = None) -> None:
        super().__init__(message)
        self.refusal = refusal


class VideoDownloadError(ImageToVideoError):
    """The finished video could not be fetched, or what came is not a usable video."""


class VideoLinkExpiredError(VideoDownloadError):
    """The result link answers 403, 404 or 410: only another poll brings a new one."""
