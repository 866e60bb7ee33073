"""What can be learned of a video while it passes by: size, SHA-256, picture size, length."""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator

from image_to_video.adapters.mp4_video import TOP_BOXES, measured
from image_to_video.domain.errors import VideoDownloadError


class InspectedVideo:
    """Passes chunks on and measures them; the last check happens before the iteration ends.

    A consumer that finishes only after the iteration did (a multipart upload, for one) therefore
    never finishes a bad video. The bytes are kept on disk meanwhile, because the index of an MP4
    file may lie at its end; memory stays constant.
    """

    size: int
    sha256: str
    width: int | None
    height: int | None
    duration_seconds: float | None

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks. Raises `VideoDownloadError` where they do not make a whole video."""
        digest, received = hashlib.sha256(), 0
        with tempfile.TemporaryFile() as spool:
            for chunk in self._chunks:
                # A page or a picture is refused before anything of it is passed on.
                if received == 0 and chunk[4:8] not in TOP_BOXES:
                    raise VideoDownloadError("the file does not begin like an MP4 video")
                digest.update(chunk)
                spool.write(chunk)
                received += len(chunk)
                yield chunk
            spool.flush()
            descriptor = spool.fileno()
            measures = measured(lambda at, length: os.pread(descriptor, length, at), received)
        self.width, self.height = measures.width, measures.height
        self.duration_seconds = measures.seconds
        self.size, self.sha256 = received, digest.hexdigest()
