"""What this release may do with a task that another release has written, or has changed since.

Two releases share the tables during each deployment, and after a rollback the older one finds what
the newer one wrote. What it does not know of a task it carries along; it moves a task only where it
knows enough to do so. See docs/upgrade.md.
"""

from typing import Final, get_args

from image_to_video.domain.records import is_known
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task, VideoSeconds

TEST_MODE: Final = "test"
"""What a test task needs: another release would have it made by the generator that is paid."""
KNOWN_NEEDS: Final = frozenset({TEST_MODE})
"""What `Task.needs` may name: a release that writes a new word there adds it here."""
_SECONDS: Final = get_args(VideoSeconds.__value__)


def is_understood(task: Task) -> bool:
    """False for a task that only another release may move: nobody here changes it or pays for it.

    It is in a status, waits for something, or needs something that this release does not know; or
    it is to be started with a model or a length that has no price here.
    """
    can_be_started = has_known_options(task) or task.unresolved_attempt is not None
    return (
        is_known(task.status)
        and is_known(task.waiting_for)
        and KNOWN_NEEDS.issuperset(task.needs)
        and (can_be_started or task.status is not TaskStatus.QUEUED)
    )


def has_known_options(task: Task) -> bool:
    """False for a model or a length that only another release can start."""
    return is_known(task.model_version) and task.video_time in _SECONDS
