"""What an uploaded object asks for: its owner from the key, its options from the metadata."""

import hashlib
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from image_to_video.models import Failure, FailureCode
from image_to_video.owners import owner_is_valid
from image_to_video.requests import TaskOptions
from image_to_video.storage import UploadedImage

PREFIX: Final = "uploads/"
MAX_BYTES: Final = 10 * 1024 * 1024
_OPTIONS: Final = ("prompt", "negative-prompt", "name", "video-time", "model-version")
_METADATA_PREFIX: Final = "meta-"
_DOTS: Final = frozenset({".", ".."})


@dataclass(frozen=True, slots=True)
class UploadedObject:
    """One object in the image bucket, as its creation event names it."""

    bucket: str
    key: str
    version_id: str | None
    etag: str
    sequencer: str

    @property
    def owner(self) -> str | None:
        """The first segment below `uploads/`; None for a key that has none that may own tasks."""
        owner, _, name = self.key.removeprefix(PREFIX).partition("/")
        return owner if self.key.startswith(PREFIX) and name and owner_is_valid(owner) else None

    @property
    def identity(self) -> str:
        """The same for every delivery of the same object, another one for its next version."""
        version = self.version_id or f"{self.etag}/{self.sequencer}"
        return hashlib.sha256("\0".join((self.bucket, self.key, version)).encode()).hexdigest()

    @property
    def file_name(self) -> str:
        """The last segment of the key."""
        return self.key.rpartition("/")[2]


def read_options(uploaded: UploadedObject, image: UploadedImage | None) -> TaskOptions | Failure:
    """What the upload asks for, or why it can never become a video."""
    fault = _fault_of(image)
    if _DOTS & set(uploaded.key.split("/")):
        # Clients resolve such segments, and the signed link would name another object.
        fault = "The key has a segment of dots; no link to it can be made."
    if image is None or fault:
        return Failure(code=FailureCode.INVALID_IMAGE, message=fault)
    options: dict[str, object] = {
        name.replace("-", "_"): value for name, value in image.metadata.items() if name in _OPTIONS
    }
    seconds = str(options.get("video_time", ""))
    # Python reads no number of thousands of digits.
    if seconds.isdecimal() and len(seconds) < 10:
        options["video_time"] = int(seconds)
    options["metadata"] = {
        name.removeprefix(_METADATA_PREFIX): value
        for name, value in image.metadata.items()
        if name.startswith(_METADATA_PREFIX)
    }
    try:
        return TaskOptions.model_validate(options)
    except ValidationError as error:
        faults = "; ".join(
            f"{str(fault['loc'][0]).replace('_', '-')}: {fault['msg']}" for fault in error.errors()
        )
        return Failure(
            code=FailureCode.INVALID_REQUEST, message=f"The object's metadata is wrong: {faults}"
        )


def _fault_of(image: UploadedImage | None) -> str:
    if image is None:
        return "The uploaded object was removed before it could be read."
    if image.size == 0:
        return "The uploaded object is empty."
    if image.size > MAX_BYTES:
        return f"The image has {image.size} bytes; at most {MAX_BYTES} are taken."
    start = image.first_bytes
    is_webp = start[:4] == b"RIFF" and start[8:12] == b"WEBP"
    if not (start.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or is_webp):
        return "The uploaded object is not a JPEG, PNG or WebP image."
    return ""
