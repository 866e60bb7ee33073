"""What an uploaded object asks for: its owner from the key, its options from the metadata."""

import base64
import hashlib
import json
from dataclasses import dataclass, replace
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Final
from uuid import uuid4

from pydantic import ValidationError

from image_to_video.adapters.storage import UploadedImage
from image_to_video.contract.requests import TaskOptions, UploadRequest
from image_to_video.domain.errors import InvalidTaskError
from image_to_video.domain.image_files import MAX_IMAGE_BYTES, fault_in
from image_to_video.domain.owner_names import owner_is_valid
from image_to_video.domain.task import Failure, FailureCode

PREFIX: Final = "uploads/"
_OPTIONS: Final = tuple(
    name.replace("_", "-") for name in TaskOptions.model_fields if name != "metadata"
)
_FLAGS: Final = frozenset({"extend_prompt", "skip_face_enhance"})
_TRUTH: Final = {"true": True, "false": False}
_METADATA_PREFIX: Final = "meta-"
# The segment below the owner's that marks the keys of `POST /uploads`.
_RESERVED: Final = "_promised"
# And the one below that which marks those for test tokens.
_RESERVED_TEST: Final = "test"
# The metadata that makes a test task of an upload: any value but `false`, so that whoever writes it
# pays nothing.
_TEST: Final = "test"
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
    def is_promised_test(self) -> bool:
        """True for a key that `POST /uploads` reserved for a test task, whatever is put there."""
        return self.key.split("/")[2:4] == [_RESERVED, _RESERVED_TEST]

    def identity(self, *content: str, test: bool = False) -> str:
        """The same for the same content under the same key, but for a `test` task another one.

        A key that `POST /uploads` reserved is one task, however often its form is sent.
        """
        kind = (_TEST,) if test else ()
        if self.key.split("/")[2:3] == [_RESERVED]:
            # An empty name comes first, which no owner has: no other task's id is made like this.
            return _digest("", self.bucket, self.key, *kind)
        return _digest(self.bucket, self.key, *content, *kind)

    @property
    def version(self) -> str:
        """The same for every delivery of one put, another one for the next put under its key."""
        return self.version_id or f"{self.etag}/{self.sequencer}"

    @property
    def file_name(self) -> str:
        """The last segment of the key."""
        return self.key.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Order:
    """What an uploaded object asks for; `identity` is the same for the same order.

    `failure` says why it can never become a video. `earlier` is the identity of the order that an
    archived object was before it was archived, if it was one.
    """

    identity: str
    options: TaskOptions
    version_id: str | None
    failure: Failure | None = None
    earlier: str | None = None
    test: bool = False

    def with_fault(self, option: str, fault: str) -> "Order":
        """The order without an option, with its fault unless it has another one.

        A refused address may hold a password; what is not kept reaches no subscriber.
        """
        options = self.options.model_copy(update={option.replace("-", "_"): None})
        failure = self.failure or _wrong(f"{option}: {fault}")
        return replace(self, failure=failure, options=options)


def read_order(uploaded: UploadedObject, image: UploadedImage) -> Order:
    """The order of an object by its content and its options, whatever else is changed of it.

    Content is named by its MD5: S3 gives it as the ETag of what was put or copied in one piece, so
    what has been archived since is recognized without being read.
    """
    options = _read_options(image.metadata)
    fault = _fault_in_object(uploaded, image)
    failure = options if isinstance(options, Failure) else None
    if fault:
        failure = Failure(code=FailureCode.INVALID_IMAGE, message=fault)
    content = image.etag if image.is_archived else f"{image.size} bytes"
    if image.content is not None:
        content = hashlib.md5(image.content, usedforsecurity=False).hexdigest()
    identity = (content, _written(options, image.metadata))
    given = image.metadata.get(_TEST, "false").strip().lower()
    test = uploaded.is_promised_test or given != "false"
    return Order(
        identity=uploaded.identity("archived" if image.is_archived else "", *identity, test=test),
        options=options if isinstance(options, TaskOptions) else TaskOptions(),
        version_id=image.version_id or uploaded.version_id,
        failure=failure,
        earlier=uploaded.identity("", *identity, test=test) if image.is_archived else None,
        test=test,
    )


def unreadable_order(uploaded: UploadedObject, fault: str) -> Order:
    """The order of an object of which nothing can be known: each version is another one."""
    test = uploaded.is_promised_test
    return Order(
        identity=uploaded.identity(uploaded.version, test=test),
        options=TaskOptions(),
        version_id=uploaded.version_id,
        failure=Failure(code=FailureCode.INVALID_IMAGE, message=_fault_in_key(uploaded) or fault),
        test=test,
    )


def _read_options(metadata: dict[str, str]) -> TaskOptions | Failure:
    for name in metadata:
        option = name.replace("_", "-")
        if option in _OPTIONS and option != name:
            # Ignored, the video would be paid for without this option.
            return _wrong(f"write {option}, not {name}.")
    given = {name: _plain(value) for name, value in metadata.items()}
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
        return _wrong(faults)


def _wrong(what: str) -> Failure:
    message = f"The object's metadata is wrong: {what}"
    return Failure(code=FailureCode.INVALID_REQUEST, message=message)


def _written(options: TaskOptions | Failure, metadata: dict[str, str]) -> str:
    """Options as a part of an identity; wrong ones as they were given.

    Without defaults: an option that a later release adds must not make a new order of an old one.
    """
    if isinstance(options, TaskOptions):
        given = options.model_dump(mode="json", exclude_defaults=True)
    else:
        given = {
            name: value
            for name, value in metadata.items()
            if name.startswith(_METADATA_PREFIX) or name.replace("_", "-") in _OPTIONS
        }
    return json.dumps(given, sort_keys=True)


def reserved_key(owner: str, content_type: str, *, test: bool = False) -> str:
    """A key for one image of this owner, which cannot be guessed."""
    kind = f"{_RESERVED_TEST}/" if test else ""
    return f"{PREFIX}{owner}/{_RESERVED}/{kind}{uuid4().hex}.{_ENDINGS[content_type]}"


def write_options(request: UploadRequest, *, test: bool = False) -> dict[str, str]:
    """The metadata from which `read_order` reads the same options.

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
        _TEST: "true" if test else None,
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
    except UnicodeError:
        # As everybody hands on bytes that are no text; no option may have it.
        return "\N{REPLACEMENT CHARACTER}"
    except (HeaderParseError, LookupError):
        return value


def _fault_in_object(uploaded: UploadedObject, image: UploadedImage) -> str | None:
    if image.is_archived:
        return (
            "The uploaded object is archived and cannot be read; "
            "put it in a storage class that can be read at once."
        )
    if image.content is None:
        return f"The image has {image.size} bytes; at most {MAX_IMAGE_BYTES} are taken."
    return _fault_in_key(uploaded) or fault_in(image.content)


def _fault_in_key(uploaded: UploadedObject) -> str | None:
    if _DOTS & set(uploaded.key.split("/")):
        # Clients resolve such segments, and the signed link would name another object.
        return "The key has a segment of dots; no link to it can be made."
    return None


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
