"""The task: which changes are permitted, and what every change does on its way."""

from datetime import timedelta
from itertools import product

import pytest
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Attempt, Failure, FailureCode, Task, Video, WaitingFor
from pydantic import ValidationError

from tests.support.samples import NOW, a_full_task, a_task

LATER = NOW + timedelta(seconds=30)
Q, G, S = TaskStatus.QUEUED, TaskStatus.GENERATING, TaskStatus.STORING
DONE, FAILED, CANCELED = TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELED
# Written out from the published table of statuses, not from the code.
PERMITTED = {
    *((Q, G), (Q, FAILED), (Q, CANCELED)),
    *((G, S), (G, FAILED), (G, CANCELED)),
    *((S, DONE), (S, FAILED), (S, CANCELED)),
}
PAIRS = list(product(TaskStatus, TaskStatus))


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_the_table_of_changes_is_the_published_one(before: TaskStatus, after: TaskStatus) -> None:
    permitted = before is after or (before, after) in PERMITTED
    assert before.may_become(after) is permitted
    task = a_task(status=before)
    if permitted:
        assert task.changed(LATER, status=after).status is after
    else:
        with pytest.raises(ValueError, match=f"from {before} to {after}"):
            task.changed(LATER, status=after)


def test_a_change_is_a_new_version_and_leaves_the_old_one_alone() -> None:
    task = a_task(version=4)
    new = task.changed(LATER, coins=30)
    assert (new.version, new.updated_at, new.coins) == (5, LATER, 30)
    assert (task.version, task.updated_at, task.coins) == (4, NOW, None)
    kept = {"version", "updated_at", "coins"}
    assert new.model_dump(exclude=kept) == task.model_dump(exclude=kept)


@pytest.mark.parametrize("status", [G, FAILED, CANCELED])
def test_only_a_queued_task_waits_for_something(status: TaskStatus) -> None:
    task = a_task(waiting_for=WaitingFor.COINS)
    assert task.changed(LATER).waiting_for is WaitingFor.COINS
    assert task.changed(LATER, status=status).waiting_for is None


@pytest.mark.parametrize("status", [FAILED, CANCELED])
def test_closing_ends_the_polls_and_records_the_time(status: TaskStatus) -> None:
    closed = a_task().changed(LATER, status=status, next_poll_at=LATER)
    assert (closed.next_poll_at, closed.ended_at) == (None, LATER)
    again = closed.changed(LATER + timedelta(days=1), coins=3)
    assert (again.status, again.ended_at) == (status, LATER)


def test_a_failure_has_its_reason() -> None:
    failed = a_task().failed(LATER, FailureCode.INVALID_IMAGE, "no face", coins=3)
    assert failed.failure == Failure(code=FailureCode.INVALID_IMAGE, message="no face")
    assert (failed.status, failed.coins, failed.ended_at) == (FAILED, 3, LATER)


@pytest.mark.parametrize("status", [DONE, CANCELED])
def test_a_closed_task_cannot_fail(status: TaskStatus) -> None:
    with pytest.raises(ValueError, match="cannot go"):
        a_task(status=status).failed(LATER, FailureCode.INVALID_IMAGE, "no")


def test_a_change_of_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValueError, match="no colour"):
        a_task().changed(LATER, colour="blue")
    with pytest.raises(ValidationError):
        a_task().changed(LATER, coins="many")


MENDABLE = {
    FailureCode.START_UNCONFIRMED,
    FailureCode.GENERATION_DEADLINE_EXCEEDED,
    FailureCode.COMPLETED_WITHOUT_VIDEO,
    FailureCode.VIDEO_UNAVAILABLE,
}


def test_a_start_of_unknown_outcome_may_be_mended_whatever_it_failed_as() -> None:
    attempt = Attempt(name="a-1", lease_owner="x", sent_at=NOW, lease_until=LATER)
    for code in FailureCode:
        assert a_task(attempts=(attempt,)).failed(NOW, code, "m").may_be_mended
        assert a_task().failed(NOW, code, "m").may_be_mended == (code in MENDABLE)
    assert not any(a_task(status=status).may_be_mended for status in TaskStatus)


def test_only_a_task_without_its_paid_video_is_opened_again() -> None:
    url = "https://results.example/new.mp4"
    storing = a_task(status=S, completed_at=NOW)
    failed = storing.failed(NOW, FailureCode.VIDEO_UNAVAILABLE, "gone")
    opened = failed.reopened(LATER, status=S, result_url=url)
    assert (opened.status, opened.failure, opened.ended_at) == (S, None, None)
    assert (opened.result_url, opened.reopened_at) == (url, LATER)
    # Without it, a task whose new workflow was never started would not become overdue.
    assert opened.next_poll_at == LATER
    assert (opened.version, opened.updated_at) == (failed.version + 1, LATER)
    for task in (
        *(a_task(status=status) for status in set(TaskStatus) - {TaskStatus.SUCCEEDED}),
        *(a_task().failed(NOW, code, "m") for code in set(FailureCode) - MENDABLE),
    ):
        with pytest.raises(ValueError, match="not opened again"):
            task.reopened(LATER, status=S)


def test_a_task_whose_video_was_lost_is_opened_without_it() -> None:
    video = Video(bucket="b", key="k", bytes=9, sha256="0", content_type="video/mp4")
    succeeded = a_task(status=TaskStatus.SUCCEEDED, video=video, ended_at=NOW)
    opened = succeeded.reopened(LATER, status=S)
    assert (opened.status, opened.video, opened.ended_at) == (S, None, None)


def test_the_unresolved_attempt_is_the_last_one_in_flight() -> None:
    attempt = Attempt(name="a-1", lease_owner="x", sent_at=NOW, lease_until=LATER)
    ended = attempt.model_copy(update={"in_flight": False})
    assert a_task().unresolved_attempt is None
    assert a_task(attempts=(attempt,)).unresolved_attempt == attempt
    assert a_task(attempts=(ended,)).unresolved_attempt is None
    assert a_task(attempts=(ended, attempt)).unresolved_attempt == attempt


def test_a_task_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError):
        a_task().status = DONE  # type: ignore[misc]


def test_a_task_reads_back_from_its_json() -> None:
    for task in (a_task(), a_full_task()):
        assert Task.model_validate_json(task.model_dump_json()) == task


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"image_url": "ftp://a.example/b.png"},
        {"image_url": "data:image/png;base64,AAAA"},
        {"image_url": "https://a.example/" + "x" * 2048},
        {"prompt": "x" * 1001},
        {"negative_prompt": "x" * 1001},
        {"name": ""},
        {"name": "x" * 121},
        {"video_time": 7},
        {"video_time": "5"},
        {"video_time": 5.5},
        {"model_version": "a2e-v3"},
        {"metadata": {"a": 1}},
        {"metadata": {"": "x"}},
        {"metadata": {"a": "x" * 513}},
        {"metadata": {"x" * 513: "a"}},
        {"metadata": {str(number): "x" for number in range(17)}},
        {"minor_suspected_skip": True},
        {"mask_face": False},
        {"number_of_images": 1},
    ],
)
def test_a_request_outside_of_the_rules_is_refused(fields: dict[str, object]) -> None:
    good = {"image_url": "https://a.example/b.png"} if fields else {}
    with pytest.raises(ValidationError):
        TaskRequest.model_validate(good | fields)


def test_a_request_at_the_limits_is_taken() -> None:
    request = TaskRequest.model_validate(
        {
            "image_url": "http://a.example/".ljust(2048, "x"),
            "prompt": "x" * 1000,
            "negative_prompt": "",
            "name": "x" * 120,
            "video_time": 20,
            "model_version": "a2e-v2-flash",
            "metadata": {f"{number:0512}": "x" * 512 for number in range(16)},
        }
    )
    assert request.video_time == 20
    assert TaskRequest(image_url="https://a.example").model_version == "a2e"
