"""Each change of a task is told once: in a line that saved queries read, and in metrics."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Attempt, FailureCode, Task
from image_to_video.lifecycle.reports import report_change, report_new
from image_to_video.observability import metrics

from tests.support.samples import NOW, a_task


@pytest.fixture(autouse=True)
def counted() -> Iterator[dict[str, Any]]:
    metrics.clear_metrics()
    yield metrics.metric_set
    metrics.clear_metrics()


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == "image-to-video"]


def accepted(task: Task, *, coins: int | None) -> Task:
    attempt = Attempt(
        name="1", lease_owner="a", sent_at=NOW, lease_until=NOW, coins_reserved=60, in_flight=False
    )
    return task.changed(
        NOW + timedelta(seconds=7),
        status=TaskStatus.GENERATING,
        generator_task_id="gen-1",
        coins=coins,
        attempts=(attempt,),
    )


def test_a_new_task_is_told_of_once(counted: dict[str, Any]) -> None:
    task = a_task()
    assert report_new(task, task) == task
    other = a_task(name="dog.png")
    assert report_new(task, other) == other
    assert counted["TasksRecorded"]["Value"] == [1]


def test_a_poll_that_changes_nothing_tells_nothing(
    counted: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    task = a_task()
    report_change(task, task.changed(NOW, next_poll_at=NOW))
    assert not counted
    assert not lines(caplog)


@pytest.mark.parametrize(("coins", "charged"), [(30, 30), (None, 60)])
def test_an_accepted_start_tells_what_it_costs_and_how_long_it_took(
    counted: dict[str, Any], caplog: pytest.LogCaptureFixture, coins: int | None, charged: int
) -> None:
    task = a_task(created_at=NOW - timedelta(seconds=100))
    report_change(task, accepted(task, coins=coins))
    assert counted["CoinsCharged"]["Value"] == [charged]
    assert lines(caplog) == ["task changed", "start accepted"]
    told = caplog.records[-1].__dict__
    assert (told["coins"], told["start_seconds"], told["waited_seconds"]) == (charged, 7, 100)


@pytest.mark.parametrize(
    ("code", "also"),
    [
        (FailureCode.INVALID_IMAGE, set()),
        (FailureCode.GENERATION_FAILED, set()),
        (FailureCode.START_UNCONFIRMED, {"StartsGivenUp"}),
        (FailureCode.VIDEO_UNAVAILABLE, {"VideosLost"}),
        (FailureCode.COMPLETED_WITHOUT_VIDEO, {"VideosLost"}),
        (FailureCode.GENERATION_DEADLINE_EXCEEDED, {"VideosLost"}),
    ],
)
def test_a_failure_that_may_have_cost_something_is_counted_apart(
    counted: dict[str, Any], code: FailureCode, also: set[str]
) -> None:
    task = a_task()
    report_change(task, task.failed(NOW, code, "bad"))
    assert set(counted) == {"TasksFailed"} | also


def test_the_time_to_a_video_is_not_that_of_a_task_that_was_opened_again(
    counted: dict[str, Any],
) -> None:
    stored = a_task(status=TaskStatus.STORING)
    ended = NOW + timedelta(seconds=240)
    report_change(stored, stored.changed(ended, status=TaskStatus.SUCCEEDED))
    again = a_task(status=TaskStatus.STORING, reopened_at=NOW)
    report_change(again, again.changed(ended, status=TaskStatus.SUCCEEDED))
    assert counted["TimeToVideo"]["Value"] == [240]
    assert counted["TasksSucceeded"]["Value"] == [1, 1]
