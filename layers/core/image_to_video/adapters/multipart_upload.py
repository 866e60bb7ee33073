"""One object sent to S3 in parts: nothing is visible before all of it has come and was verified."""

import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from image_to_video.adapters.stored_video import status_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

# S3 wants at least 5 MiB for every part but the last; two parts are what a copy holds in memory.
PART_BYTES: Final = 8 * 1024 * 1024


class MultipartUpload:
    """One upload to a key that has no object yet.

    S3 compares each part with a checksum made of what was given, all parts in their order with
    those again when it joins them, and the size of the whole:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """

    def __init__(self, client: "S3Client", *, bucket: str, key: str) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._size = 0

    def send(self, chunks: Iterable[bytes], *, content_type: str) -> bool:
        """Send everything; True when done, False where the key has an object already.

        Whatever stops it, also an error raised by `chunks`, takes its parts away again.
        """
        upload_id = self._client.create_multipart_upload(
            Bucket=self._bucket,
            Key=self._key,
            ContentType=content_type,
            ChecksumAlgorithm="CRC32",
        )["UploadId"]
        try:
            parts = self._send_parts(upload_id, self._counted(chunks))
            self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=upload_id,
                MultipartUpload={"Parts": parts},
                MpuObjectSize=self._size,
                IfNoneMatch="*",
            )
        except ClientError as error:
            self._abort(upload_id)
            if status_of(error) == 412:
                return False
            raise
        except BaseException:
            self._abort(upload_id)
            raise
        return True

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._size += len(chunk)
            yield chunk

    def _send_parts(self, upload_id: str, chunks: Iterable[bytes]) -> "list[CompletedPartTypeDef]":
        """Send all parts, each while the next one is read: at most two are held."""

        def send(number: int, part: bytes) -> "CompletedPartTypeDef":
            checksum = _written(zlib.crc32(part))
            reply = self._client.upload_part(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=upload_id,
                PartNumber=number,
                Body=part,
                ChecksumCRC32=checksum,
            )
            return {"PartNumber": number, "ETag": reply["ETag"], "ChecksumCRC32": checksum}

        sent: list[CompletedPartTypeDef] = []
        # Leaving waits for the part that is on its way: an abort would miss it.
        with ThreadPoolExecutor(max_workers=1) as sender:
            under_way: Future[CompletedPartTypeDef] | None = None
            for number, part in enumerate(_in_parts(chunks), start=1):
                if under_way is not None:
                    sent.append(under_way.result())
                    under_way = None
                if len(part) < PART_BYTES:
                    # The last one: nothing is read meanwhile.
                    sent.append(send(number, part))
                else:
                    under_way = sender.submit(send, number, part)
            if under_way is not None:
                sent.append(under_way.result())
        return sent

    def _abort(self, upload_id: str) -> None:
        with suppress(self._client.exceptions.NoSuchUpload):
            self._client.abort_multipart_upload(
                Bucket=self._bucket, Key=self._key, UploadId=upload_id
            )


def _in_parts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    part = bytearray()
    for chunk in chunks:
        part += chunk
        if len(part) >= PART_BYTES:
            yield bytes(part)
            part.clear()
    if part:
        yield bytes(part)


def _written(crc32: int) -> str:
    """A checksum as S3 reads it."""
    return b64encode(crc32.to_bytes(4, "big")).decode()
