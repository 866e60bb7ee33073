"""The videos of test tasks: a small real one that is shipped, put into the bucket when needed.

They are fetched over signed links like those of the generator, so that a test task's copy takes
the same way.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from image_to_video.domain.owner_names import TEST_PREFIX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# 5 seconds of color bars in H.264, 320 by 180. CONTRIBUTING.md says how it was made.
_FILE: Final = Path(__file__).with_suffix(".mp4")
WHOLE: Final = f"{TEST_PREFIX}whole.mp4"
CUT: Final = f"{TEST_PREFIX}cut.mp4"
_NOTHING: Final = f"{TEST_PREFIX}nothing.mp4"
_LINK_SECONDS: Final = 3600


class SampleClips:
    """Links to the videos of test tasks, in the bucket of the others. Never log them."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def whole(self) -> str:
        """A link to a whole video."""
        self._put(WHOLE, sample())
        return self._link(WHOLE)

    def cut(self) -> str:
        """A link to one that breaks off in the middle."""
        self._put(CUT, sample()[: len(sample()) // 2])
        return self._link(CUT)

    def dead(self) -> str:
        """A link to nothing, as one that has expired."""
        return self._link(_NOTHING)

    def _put(self, key: str, content: bytes) -> None:
        """Put it there, unless it is."""
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=content,
                ContentType="video/mp4",
                IfNoneMatch="*",
            )
        except ClientError as error:
            # 412: it is there. 409: somebody else is putting it there now.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (409, 412):
                raise

    def _link(self, key: str) -> str:
        return self._client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": key},
            ExpiresIn=_LINK_SECONDS,
        )


@cache
def sample() -> bytes:
    """The video that every test task ends with."""
    return _FILE.read_bytes()
