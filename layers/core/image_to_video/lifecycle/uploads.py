"""What an uploaded object asks for: its owner from the key, its options from the metadata."""

import base64
import hashlib
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Final
from uuid import uuid4

from pydantic import ValidationError

from image_to_video.adapters.storage import UploadedImage
from image_to_video.contract.requests import TaskOptions, UploadRequest
from image_to_video.domain.errors import InvalidTaskError
from image_to_video.domain.owner_names import owner_is_valid
from image_to_video.domain.task import Failure, FailureCode

PREFIX: Final = "uploads/"
MAX_BYTES: Final = 10 * 1024 * 1024
_OPTIONS: Final = tuple(
    name.replace("_", "-") for name in TaskOptions.model_fields if name != "metadata"
)
_FLAGS: Final = frozenset({"extend_prompt", "skip_face_enhance"})
_TRUTH: Final = {"true": True, "false": False}
_METADATA_PREFIX: Final = "meta-"
# The segment below the owner's that marks the keys of `POST /uploads`.
_RESERVED: Final = "_promised"
# What S3 keeps of names and values of metadata together, in bytes.
_METADATA_BYTES: Final = 2048
_ENDINGS: Final = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
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
        """The same for every delivery of the same object, another one for its next version.

        A key that `POST /uploads` reserved is one task, however often its form is sent.
        """
        if self.key.split("/")[2:3] == [_RESERVED]:
            # An empty name comes first, which no owner has: no other task's id is made like this.
            return hashlib.sha256("\0".join(("", self.bucket, self.key)).encode()).hexdigest()
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
    for name in image.metadata:
        option = name.replace("_", "-")
        if option in _OPTIONS and option != name:
            # Ignored, the video would be paid for without this option.
            message = f"The object's metadata is wrong: write {option}, not {name}."
            return Failure(code=FailureCode.INVALID_REQUEST, message=message)
    given = {name: _plain(value) for name, value in image.metadata.items()}
    options: dict[str, object] = {
        name.replace("-", "_"): value for name, value in given.items() if name in _OPTIONS
    }
    seconds = str(options.get("video_time", ""))
    # Python reads no number of thousands of digits.
    if seconds.isdecimal() and len(seconds) < 10:
        options["video_time"] = int(seconds)
    for flag in _FLAGS & options.keys():
        options[flag] = _TRUTH.get(str(options[flag]).lower(), options[flag])
    options["metadata"] = {
        name.removeprefix(_METADATA_PREFIX): value
        for name, value in given.items()
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


def reserved_key(owner: str, content_type: str) -> str:
    """A key for one image of this owner, which cannot be guessed."""
    return f"{PREFIX}{owner}/{_RESERVED}/{uuid4().hex}.{_ENDINGS[content_type]}"


def write_options(request: UploadRequest) -> dict[str, str]:
    """The metadata from which `read_options` reads the same options.

    Raises `InvalidTaskError` where they are more than an object can carry.
    """
    given = {
        "prompt": request.prompt,
        "negative-prompt": request.negative_prompt,
        "name": request.name or request.filename[:120],
        "video-time": str(request.video_time),
        "model-version": request.model_version.value,
        "extend-prompt": "true" if request.extend_prompt else None,
        "end-image-url": request.end_image_url,
        "skip-face-enhance": "true" if request.skip_face_enhance else None,
        "lora": request.lora,
        **{f"{_METADATA_PREFIX}{name}": value for name, value in request.metadata.items()},
    }
    written = {name: _portable(value) for name, value in given.items() if value is not None}
    size = sum(len(name) + len(value) for name, value in written.items())
    if size > _METADATA_BYTES:
        largest = max(written, key=lambda name: len(name) + len(written[name]))
        field = "metadata" if largest.startswith(_METADATA_PREFIX) else largest.replace("-", "_")
        raise InvalidTaskError(
            f"all options together take {size} bytes as metadata of the object; "
            f"S3 keeps {_METADATA_BYTES}, and anything but ASCII takes more than its letters",
            pointer=f"/{field}",
        )
    return written


def _portable(value: str) -> str:
    """The value as it survives S3's headers and form fields: as it is, or as RFC 2047 writes it."""
    survives = (
        value.isascii()
        and value.isprintable()
        and value == value.strip()
        and "=?" not in value
        # S3 replaces it by the name of the file.
        and "${" not in value
    )
    if survives and value:
        return value
    return f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="


def _plain(value: str) -> str:
    """The value, also where S3 hands it out as RFC 2047 writes it."""
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, UnicodeError):
        return value


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
