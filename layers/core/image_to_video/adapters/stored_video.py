"""A video as it lies in its bucket: read back in pieces, and removed where it is not whole."""

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# It is read in blocks of this size; so many of them are kept while it is checked.
_BLOCK_BYTES: Final = 256 * 1024
_BLOCKS_KEPT: Final = 8


class StoredVideo:
    """An object of the videos bucket, as it was when it was found, to be read or removed."""

    def __init__(self, client: "S3Client", at: dict[str, Any], size: int) -> None:
        self.size = size
        self._client = client
        self._at = at
        self._block = lru_cache(_BLOCKS_KEPT)(self._fetch)

    def chunks(self) -> Iterator[bytes]:
        """Stream it back."""
        yield from self._client.get_object(**self._at)["Body"].iter_chunks(_BLOCK_BYTES)

    def read_at(self, place: int, length: int) -> bytes:
        """So many bytes from this place on, fewer only at the end; neighbours come along."""
        end, parts = min(place + length, self.size), []
        while place < end:
            number, begin = divmod(place, _BLOCK_BYTES)
            parts.append(self._block(number)[begin : begin + end - place])
            place += len(parts[-1])
        return b"".join(parts)

    def delete(self) -> None:
        """Remove it, unless something else has taken its place."""
        try:
            self._client.delete_object(**self._at)
        except ClientError as error:
            # 404: somebody else removed it. 409: somebody else is writing there.
            if status_of(error) not in (404, 409, 412):
                raise

    def _fetch(self, number: int) -> bytes:
        begin = number * _BLOCK_BYTES
        span = f"bytes={begin}-{begin + _BLOCK_BYTES - 1}"
        return self._client.get_object(**self._at, Range=span)["Body"].read()


def status_of(error: ClientError) -> int:
    """The HTTP status of S3's answer."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
