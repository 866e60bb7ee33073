"""One task in its life, a form for an image, every error: examples of the published contract."""

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler.openapi.models import Example

TASK_ID: Final = "0b7c9a52f1d84e6fa3c5d7e9b1f3a5c7"
OPTIONS: Final[dict[str, Any]] = {
    "prompt": "She turns her head and smiles.",
    "negative_prompt": "blurry, distorted",
    "name": "Ada smiles",
    "video_time": 10,
    "model_version": "a2e-v2",
    "extend_prompt": True,
    "end_image_url": "https://images.example.com/ada-smiles.jpg",
    "skip_face_enhance": False,
    "lora": None,
    "metadata": {"order": "4711"},
}
IMAGE: Final = {"image_url": "https://images.example.com/ada.jpg"}
FILE: Final = {"filename": "ada.jpg", "content_type": "image/jpeg"}
GENERATING: Final[dict[str, Any]] = {
    "object": "task",
    "task_id": TASK_ID,
    "test": False,
    "status": "generating",
    "late": False,
    "waiting_for": None,
    "place_in_line": None,
    **OPTIONS,
    **IMAGE,
    "created_at": "2026-11-22T12:00:00.000Z",
    "updated_at": "2026-11-22T12:00:01.250Z",
    "started_at": "2026-11-22T12:00:01.250Z",
    "ended_at": None,
    "progress": {
        "stage": "generating",
        "elapsed_seconds": 1,
        "expected_seconds": 390,
        "estimated_seconds": {"low": 155, "high": 390},
    },
    "coins": 120,
    "failure": None,
    "video": None,
    "cancellation": None,
    "links": {
        "self": f"tasks/{TASK_ID}",
        "video": None,
        "cancel": f"tasks/{TASK_ID}/cancel",
    },
}
_ENDED: Final = {
    "updated_at": "2026-11-22T12:04:10.500Z",
    "ended_at": "2026-11-22T12:04:10.500Z",
    "progress": {
        "stage": "ended",
        "elapsed_seconds": 250,
        "expected_seconds": 600,
        "estimated_seconds": None,
    },
}
SUCCEEDED: Final[dict[str, Any]] = {
    **GENERATING,
    **_ENDED,
    "status": "succeeded",
    "video": {
        "bytes": 2300001,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "content_type": "video/mp4",
        "width": 1280,
        "height": 720,
        "duration_seconds": 10.042,
    },
    "links": {"self": f"tasks/{TASK_ID}", "video": f"tasks/{TASK_ID}/video", "cancel": None},
}
FAILED: Final[dict[str, Any]] = {
    **GENERATING,
    **_ENDED,
    "status": "failed",
    "failure": {"code": "generation_failed", "message": "The generator could not make the video."},
    "links": {"self": f"tasks/{TASK_ID}", "video": None, "cancel": None},
}
CANCELED: Final[dict[str, Any]] = {
    **FAILED,
    "status": "canceled",
    "failure": None,
    "cancellation": "refunded",
}
ALREADY_FINAL: Final[dict[str, Any]] = {**SUCCEEDED, "cancellation": "already_final"}
PAGE: Final[dict[str, Any]] = {
    "object": "list",
    "data": [SUCCEEDED],
    "has_more": False,
    "next_cursor": None,
}
COUNTS: Final[dict[str, Any]] = {
    "object": "task_counts",
    "by_status": {
        "queued": {"count": 12, "more": False},
        "generating": {"count": 10, "more": False},
        "storing": {"count": 1, "more": False},
        "succeeded": {"count": 1000, "more": True},
        "failed": {"count": 4, "more": False},
        "canceled": {"count": 0, "more": False},
    },
}
VIDEO_LINK: Final[dict[str, Any]] = {
    "url": "https://videos-bucket.s3.us-east-1.amazonaws.com/anna/"
    f"{TASK_ID}.mp4?X-Amz-Expires=900&X-Amz-Signature=3f1d2e4a5b6c7d8e9f0a1b2c",
    "expires_at": "2026-11-22T12:20:00.000Z",
}
TICKET: Final[dict[str, Any]] = {
    "task_id": TASK_ID,
    "url": "https://images-bucket.s3.us-east-1.amazonaws.com/",
    "fields": {
        "key": "uploads/anna/_promised/5d41402abc4b2a76b9719d911017c592.jpg",
        "Content-Type": "image/jpeg",
        "x-amz-meta-name": "ada.jpg",
        "policy": "eyJleHBpcmF0aW9uIjogIi4uLiJ9",
        "x-amz-signature": "3f1d2e4a5b6c7d8e9f0a1b2c",
    },
    "expires_at": "2026-11-22T12:15:00.000Z",
}
REQUEST_ID: Final = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
FIELD_ERRORS: Final = [{"pointer": "/video_time", "detail": "Input should be 5, 10, 15 or 20"}]


class ProblemExample(NamedTuple):
    """An error as the document describes it: what it means, and a detail for each of its codes."""

    meaning: str
    codes: dict[str, str]
    says_when: bool = False
    """Whether it may have `Retry-After`."""
    gateway_only: bool = False
    """Whether API Gateway alone answers it, without `X-Request-Id`."""


PROBLEMS: Final[dict[int, ProblemExample]] = {
    400: ProblemExample(
        "Not JSON, or with a cursor that no list gave out.",
        {"malformed_request": "The body is not JSON that can be read."},
    ),
    401: ProblemExample(
        "No token, or one that was never made here.",
        {"unauthorized": "Send a token: Authorization: Bearer i2v_..."},
        gateway_only=True,
    ),
    403: ProblemExample(
        "The token has expired or was revoked: asking again needs another one.",
        {"forbidden": "The token has expired or was revoked."},
        gateway_only=True,
    ),
    404: ProblemExample(
        "There is no such task of yours; or the path is none of this API's.",
        {"task_not_found": "there is no such task", "route_not_found": "There is no such route."},
    ),
    409: ProblemExample(
        "There is no video: not yet (`not_ready`), or never, as the task ended without one"
        " (`no_video`). Only the first has `Retry-After`.",
        {
            "not_ready": "the task is generating; ask again later",
            "no_video": "the task is failed; it will never have a video",
        },
        says_when=True,
    ),
    413: ProblemExample(
        "The body is larger than 10 MB.",
        {"malformed_request": "The request is too large."},
        gateway_only=True,
    ),
    415: ProblemExample(
        "The body is of another content type than JSON.",
        {"unsupported_media_type": "Send the body as JSON, with Content-Type: application/json."},
    ),
    422: ProblemExample(
        "Some fields are wrong, or the generator refuses the image or its content.",
        {
            "invalid_request": "Some fields are wrong.",
            "idempotency_key_reused": "this Idempotency-Key was already used for another request",
            "invalid_image": "no face was found",
            "content_refused": "the image is not permitted",
        },
    ),
    429: ProblemExample(
        "Too many requests.",
        {"too_many_requests": "Too many requests; ask again later."},
        says_when=True,
        gateway_only=True,
    ),
    503: ProblemExample(
        "It is not possible now.", {"temporarily_unavailable": "Ask again."}, says_when=True
    ),
}


def shown_at(depth: int, task: dict[str, Any]) -> dict[str, Any]:
    """The task as a route shows it that stands so many segments below the API's address."""
    links = {name: link and "../" * depth + link for name, link in task["links"].items()}
    return task | {"links": links}


def named(**values: object) -> "dict[str, Example]":
    """Examples by their name, as OpenAPI has them."""
    # Plain dictionaries: importing the library's models costs every cold start many milliseconds.
    return {name: {"value": value} for name, value in values.items()}  # type: ignore[misc]


TASK_BODIES: Final = named(smallest=IMAGE, everything=IMAGE | OPTIONS)
UPLOAD_BODIES: Final = named(smallest=FILE, everything=FILE | OPTIONS)
