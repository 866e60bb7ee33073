"""EventBridge "Object Created" from the image bucket: start the task of the uploaded image."""

from typing import Any

# Imported while Lambda lends the start of a container a whole processor, not by the first event.
import image_to_video.adapters.a2e_client
import image_to_video.lifecycle.service
from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video.lifecycle.uploads import UploadedObject
from image_to_video.observability import logger, metrics
from image_to_video.wiring import video_tasks
from pydantic import BaseModel, Field


class Bucket(BaseModel):
    """The bucket of the object."""

    name: str


class CreatedObject(BaseModel):
    """The object. Its key is not URL-encoded; Powertools' own model would decode it."""

    key: str
    etag: str
    sequencer: str
    version_id: str | None = Field(None, alias="version-id")


class Detail(BaseModel):
    """The detail of the event."""

    bucket: Bucket
    object: CreatedObject


class ObjectCreated(BaseModel):
    """The event, with the members that are used here."""

    detail: Detail


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the id of the task, null for an object that orders none."""
    detail = ObjectCreated.model_validate(event).detail
    uploaded = UploadedObject(bucket=detail.bucket.name, **dict(detail.object))
    task = video_tasks().create_from_upload(uploaded)
    return {"task_id": task.task_id if task else None}
