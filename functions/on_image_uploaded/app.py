"""EventBridge "Object Created" from the image bucket: start the task the object stands for."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video.lifecycle.uploads import UploadedObject
from image_to_video.observability import logger, metrics
from image_to_video.wiring import video_tasks
from pydantic import BaseModel, Field


class Bucket(BaseModel):
    """The bucket that spoke."""

    name: str


class CreatedObject(BaseModel):
    """The object. Its key is plain here; Powertools' own model would decode it a second time."""

    key: str
    etag: str
    sequencer: str
    version_id: str | None = Field(None, alias="version-id")


class Detail(BaseModel):
    """What happened."""

    bucket: Bucket
    object: CreatedObject


class ObjectCreated(BaseModel):
    """The event, as far as it matters here."""

    detail: Detail


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the id of the task, null for a key that belongs to no owner."""
    detail = ObjectCreated.model_validate(event).detail
    uploaded = UploadedObject(bucket=detail.bucket.name, **dict(detail.object))
    task = video_tasks().create_from_upload(uploaded)
    return {"task_id": task and task.task_id}
