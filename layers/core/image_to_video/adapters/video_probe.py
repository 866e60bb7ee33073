"""What can be learned of a video while it passes by: size, SHA-256, picture size, length."""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from typing import Final

from pymediainfo import MediaInfo

from image_to_video.domain.errors import VideoDownloadError

# A2E's smallest clips have two megabytes; a few kilobytes are an error page or a stub.
MIN_BYTES: Final = 10 * 1024


class InspectedVideo:
    """Passes chunks on and measures them; the last check happens before the iteration ends.

    A consumer that finishes only after the iteration did (a multipart upload, for one) therefore
    never finishes a bad video. The bytes are kept on disk meanwhile, because the index of an MP4
    file may lie at its end; memory stays constant.
    """

    size: int
    sha256: str
    width: int
    height: int
    duration_seconds: float

    def __init__(self, chunks: Iterable[bytes], *, bytes_expected: int | None) -> None:
        self._chunks = chunks
        self._bytes_expected = bytes_expected

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks. Raises `VideoDownloadError` where they do not make a whole video."""
        digest, received = hashlib.sha256(), 0
        with tempfile.TemporaryFile() as spool:
            for chunk in self._chunks:
                if received == 0 and b"ftyp" not in chunk[:16]:
                    raise VideoDownloadError("the file does not begin like an MP4 video")
                digest.update(chunk)
                spool.write(chunk)
                received += len(chunk)
                yield chunk
            if self._bytes_expected not in (None, received):
                raise VideoDownloadError(
                    f"{received} of {self._bytes_expected} bytes came; the transfer was cut"
                )
            if received < MIN_BYTES:
                raise VideoDownloadError(f"{received} bytes are too few for a video")
            spool.seek(0)
            self._read_picture(MediaInfo.parse(spool))
        self.size, self.sha256 = received, digest.hexdigest()

    def _read_picture(self, media: MediaInfo) -> None:
        track = next(iter(media.video_tracks), None)
        if track is None or not (track.width and track.height and track.duration):
            raise VideoDownloadError("the file holds no readable video track")
        self.width, self.height = int(track.width), int(track.height)
        self.duration_seconds = float(track.duration) / 1000
