"""Storing a finished video in the customer's bucket, tried until it succeeds or the deadline."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from image_to_video.adapters.safe_download import Downloads
from image_to_video.adapters.storage import VIDEO_TYPE, Storage
from image_to_video.adapters.video_probe import InspectedVideo
from image_to_video.domain.compatibility import is_understood
from image_to_video.domain.errors import VideoDownloadError
from image_to_video.domain.owner_names import TEST_PREFIX
from image_to_video.domain.schedule import Schedule
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import FailureCode, Task, Video
from image_to_video.lifecycle.transitions import Transitions
from image_to_video.observability import count, logger

# A dead link is renewed by the next poll: without a copy after so long there is trouble.
_UNSTORED: Final = timedelta(hours=1)


class Storer:
    """Copies videos from their result links to S3."""

    def __init__(
        self,
        *,
        transitions: Transitions,
        storage: Storage,
        downloads: Downloads,
        schedule: Schedule,
        now: Callable[[], datetime],
    ) -> None:
        self._transitions = transitions
        self._storage = storage
        self._downloads = downloads
        self._schedule = schedule
        self._now = now

    def store(self, task: Task) -> Task:
        """Copy the video of a storing task and close it, or record when to try again."""
        key = video_key(task)
        self.discard_canceled(task)
        is_ready = task.status is TaskStatus.STORING and is_understood(task)
        if not is_ready or task.result_url is None:
            return task
        try:
            video = self._copy(key, task.result_url)
        except VideoDownloadError as error:
            count("CopiesFailed")
            logger.warning("copy failed", extra={"reason": str(error)})
            # An earlier copy may have reached the bucket before the link died.
            earlier = self._stored(key, make_room=False)
            if earlier is None:
                return self._transitions.write_or_reload(task, self._failed_copy(task, str(error)))
            video = earlier

        def change(current: Task) -> Task | None:
            if current.status.is_final:
                return None
            return current.changed(self._now(), status=TaskStatus.SUCCEEDED, video=video)

        task = self._transitions.write_until_stored(task, change)
        # It may have been canceled while the copy ran.
        self.discard_canceled(task)
        return task

    def discard_canceled(self, task: Task) -> None:
        """Remove what a copy of a canceled task left in the bucket: its record names no video."""
        if task.status is TaskStatus.CANCELED and task.result_url is not None:
            self._storage.delete_video(video_key(task))

    def _copy(self, key: str, url: str) -> Video:
        with self._downloads.open(url) as chunks:
            inspected = InspectedVideo(chunks)
            is_ours = self._storage.store_video(key, inspected)
        video = self._video(key, inspected) if is_ours else self._stored(key, make_room=True)
        if video is None:
            raise VideoDownloadError("what was in the bucket was no whole video")
        return video

    def _stored(self, key: str, *, make_room: bool) -> Video | None:
        """The video of an earlier copy, measured as it is in the bucket; None if it is not whole.

        Then it keeps the next copy out. It is removed where a whole copy has just come and can be
        had again, never because there is no better one.
        """
        stored = self._storage.stored_video(key)
        if stored is None:
            return None
        inspected = InspectedVideo(stored.chunks())
        try:
            for _ in inspected:
                pass
        except VideoDownloadError as error:
            logger.warning("stored video is not whole", extra={"reason": str(error)})
            if make_room:
                stored.delete()
            return None
        return self._video(key, inspected)

    def _video(self, key: str, inspected: InspectedVideo) -> Video:
        return Video(
            bucket=self._storage.videos_bucket,
            key=key,
            bytes=inspected.size,
            sha256=inspected.sha256,
            content_type=VIDEO_TYPE,
            width=inspected.width,
            height=inspected.height,
            duration_seconds=inspected.duration_seconds,
        )

    def _failed_copy(self, task: Task, reason: str) -> Task:
        now = self._now()
        begun = task.generation_began_at
        if now >= begun + timedelta(seconds=self._schedule.generation_deadline_seconds):
            return task.failed(now, FailureCode.VIDEO_UNAVAILABLE, reason)
        passed = now - (task.completed_at or begun)
        if passed >= _UNSTORED:
            count("VideosUnstored")
        wait = self._schedule.copy_retry_pace.wait(passed)
        return task.changed(
            now,
            copy_failures=task.copy_failures + 1,
            next_poll_at=now + timedelta(seconds=wait),
        )


def video_key(task: Task) -> str:
    """The key of a task's video."""
    return f"{TEST_PREFIX if task.test else ''}{task.owner}/{task.task_id}.mp4"
