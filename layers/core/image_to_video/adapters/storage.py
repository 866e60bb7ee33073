"""The two buckets: images that come in, videos that go out."""

import re
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

from botocore.exceptions import ClientError

from image_to_video.adapters.multipart_upload import MultipartUpload
from image_to_video.adapters.stored_video import StoredVideo, status_of
from image_to_video.domain.errors import UnreadableImageError
from image_to_video.domain.image_files import MAX_IMAGE_BYTES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client, type_defs

# No link lives longer than the session of the role that signed it, at most 12 hours:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_manage-assume.html
_LINK_SECONDS: Final = 12 * 3600
# Clients follow the link at once; every request signs a new one.
_VIDEO_LINK_SECONDS: Final = 15 * 60
VIDEO_TYPE: Final = "video/mp4"
UPLOAD_SCHEME: Final = "s3://"
# KMS's errors that are about the key of the object; its others are about our calls, or pass.
# https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html
_UNUSABLE_KEY: Final = frozenset(
    f"KMS.{name}Exception"
    for name in ("Disabled", "NotFound", "KMSInvalidState", "InvalidKeyUsage", "IncorrectKey")
)


@dataclass(frozen=True, slots=True)
class UploadedImage:
    """An uploaded object: metadata as S3 keeps it, the version that was read, and its bytes.

    `content` is None where they cannot be read, because it is archived, or are too many to be.
    """

    size: int
    metadata: dict[str, str]
    etag: str
    version_id: str | None
    content: bytes | None
    is_archived: bool = False


class Storage:
    """Reads images, writes videos."""

    def __init__(self, client: "S3Client", *, images_bucket: str, videos_bucket: str) -> None:
        self._client = client
        self.images_bucket = images_bucket
        self.videos_bucket = videos_bucket

    def image_url(self, key: str) -> str:
        """The `s3://` address that stands for an uploaded image in its task's record."""
        return f"{UPLOAD_SCHEME}{self.images_bucket}/{key}"

    def image(self, key: str, version_id: str | None) -> UploadedImage | None:
        """Read an uploaded image, or None where it is gone.

        Raises `UnreadableImageError` where its encryption keeps us out.
        """
        at = self._at(key, version_id)
        try:
            reply = self._client.get_object(**at)
        except ClientError as error:
            match _code(error):
                case "NoSuchKey" | "NoSuchVersion":
                    return None
                case "InvalidObjectState":
                    head = self._client.head_object(**at)
                    return _described(head, content=None, is_archived=True)
            if _is_sealed(error):
                raise UnreadableImageError(
                    "The uploaded object is encrypted with a key that the application cannot use."
                ) from error
            raise
        with closing(reply["Body"]) as body:
            is_small = reply["ContentLength"] <= MAX_IMAGE_BYTES
            return _described(reply, content=body.read() if is_small else None)

    def store_video(self, key: str, chunks: Iterable[bytes]) -> bool:
        """Stream a video to its key; True when done, False when it already has an object.

        Nothing is visible before the last chunk came and every check passed. Whatever stops the
        upload, also an error raised by `chunks`, takes its parts away again.
        """
        upload = MultipartUpload(self._client, bucket=self.videos_bucket, key=key)
        return upload.send(chunks, content_type=VIDEO_TYPE)

    def stored_video(self, key: str) -> StoredVideo | None:
        """What lies at this key, if anything. S3 answers 403 where it may not be told."""
        try:
            head = self._client.head_object(Bucket=self.videos_bucket, Key=key)
        except ClientError as error:
            if status_of(error) in (403, 404):
                return None
            raise
        at = {"Bucket": self.videos_bucket, "Key": key, "IfMatch": head["ETag"]}
        return StoredVideo(self._client, at, head["ContentLength"])

    def delete_video(self, key: str) -> None:
        """Remove a video; harmless where there is none."""
        self._client.delete_object(Bucket=self.videos_bucket, Key=key)

    def sign_image(self, image_url: str, version_id: str | None) -> str:
        """A link to an uploaded image that needs no credentials. Never log it.

        It dies with the session of the function's role, and after 12 hours in any case.
        """
        key = image_url.removeprefix(self.image_url(""))
        return self._client.generate_presigned_url(
            "get_object", Params=self._at(key, version_id), ExpiresIn=_LINK_SECONDS
        )

    def sign_video(self, key: str, *, file_name: str, head: bool = False) -> tuple[str, datetime]:
        """A short-lived link to a video, which browsers save under that name, and its end.

        Never log it. A link is signed for one method; with `head` it only tells what the video is.
        """
        link = self._client.generate_presigned_url(
            "head_object" if head else "get_object",
            Params={
                "Bucket": self.videos_bucket,
                "Key": key,
                "ResponseContentDisposition": _attachment(file_name),
            },
            ExpiresIn=_VIDEO_LINK_SECONDS,
        )
        return link, _end_of(link)

    def sign_upload(
        self, key: str, *, content_type: str, metadata: dict[str, str], max_bytes: int, seconds: int
    ) -> tuple[str, dict[str, str]]:
        """Address and fields of a form that puts exactly such an object. Never log them."""
        fields = {"Content-Type": content_type}
        fields |= {f"x-amz-meta-{name}": value for name, value in metadata.items()}
        post = self._client.generate_presigned_post(
            self.images_bucket,
            key,
            Fields=dict(fields),
            Conditions=[
                *({name: value} for name, value in fields.items()),
                ["content-length-range", 1, max_bytes],
            ],
            ExpiresIn=seconds,
        )
        return post["url"], post["fields"]

    def _at(self, key: str, version_id: str | None) -> dict[str, Any]:
        version = {"VersionId": version_id} if version_id else {}
        return {"Bucket": self.images_bucket, "Key": key} | version


def _described(
    reply: "type_defs.GetObjectOutputTypeDef | type_defs.HeadObjectOutputTypeDef",
    *,
    content: bytes | None,
    is_archived: bool = False,
) -> UploadedImage:
    return UploadedImage(
        size=reply["ContentLength"],
        metadata=reply["Metadata"],
        etag=reply["ETag"].strip('"'),
        version_id=reply.get("VersionId"),
        content=content,
        is_archived=is_archived,
    )


def _is_sealed(error: ClientError) -> bool:
    """True where an object's key keeps us out, and not a permission of ours that is missing.

    Names of roles and keys of objects stand in the same messages, so single words decide nothing.
    """
    code, message = _code(error), error.response["Error"]["Message"]
    match code:
        case "InvalidRequest":
            return "Server Side Encryption" in message
        case "AccessDenied":
            refused = re.search(r"not authorized to perform: (\S+)", message)
            is_about_key = refused is not None and refused[1].startswith("kms:")
            # Of a key in another account or region.
            return is_about_key or message.startswith("The ciphertext refers to a customer master")
        case _:
            return code in _UNUSABLE_KEY


def _attachment(file_name: str) -> str:
    """RFC 6266: the name in full, escaped as in RFC 8187, and a plain one for old clients."""
    name = "".join(letter if letter.isprintable() else "_" for letter in file_name)
    plain = re.sub(r'[^ -~]|["%/\\]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def _end_of(link: str) -> datetime:
    """When a signed link ends, as it says itself: S3 goes by that, whatever our clock says.

    The credentials that signed it may end sooner, and the link with them; those of a Lambda
    function do not say when:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html
    """
    query = dict(parse_qsl(urlsplit(link).query))
    signed_at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return signed_at + timedelta(seconds=int(query["X-Amz-Expires"]))
