"""Which statuses end a task; `test_task.py` tries every change of a task."""

from itertools import product

from image_to_video.domain.statuses import TaskStatus

DONE, FAILED, CANCELED = TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELED


def test_three_statuses_are_final_and_never_left() -> None:
    finals = {status for status in TaskStatus if status.is_final}
    assert finals == {DONE, FAILED, CANCELED}
    for before, after in product(finals, TaskStatus):
        assert before.may_become(after) is (before is after)
