"""A task that this release does not understand is left alone; one under way goes on."""

from typing import Any

import pytest
from image_to_video.domain.compatibility import has_known_options, is_understood
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Attempt, Task

from tests.support.samples import NOW, a_task


def read(**stored: Any) -> Task:
    return Task.model_validate(a_task().written() | stored)


@pytest.mark.parametrize(
    "stored",
    [
        {"status": "paused"},
        {"waiting_for": "approval"},
        {"needs": ["a-newer-release"]},
        {"model_version": "a2e-v9"},
        {"video_time": 25},
    ],
    ids=str,
)
def test_what_only_another_release_may_move_is_not_understood(stored: dict[str, Any]) -> None:
    task = read(**stored)
    assert is_understood(a_task())
    assert not is_understood(task)
    assert stored.items() <= task.written().items(), "and nothing of it is lost"


@pytest.mark.parametrize("stored", [{"model_version": "a2e-v9"}, {"video_time": 25}], ids=str)
def test_what_may_be_paid_already_is_followed(stored: dict[str, Any]) -> None:
    attempt = Attempt(name="a-1", lease_owner="b", sent_at=NOW, lease_until=NOW)
    for follows in ({"status": TaskStatus.GENERATING}, {"attempts": (attempt,)}):
        task = read(**stored).model_copy(update=follows)
        assert is_understood(task)
        assert not has_known_options(task), "and it is not started once more"
