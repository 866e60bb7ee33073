"""What the outside world sees of a task: all that is public, nothing that is not."""

import json
from datetime import timedelta

import pytest
from image_to_video.contract.responses import TaskEventData, TaskView, show_task
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task

from tests.support.samples import NOW, a_full_task, a_task

PUBLIC = {
    *("object", "task_id", "test", "status", "late", "waiting_for", "place_in_line", "name"),
    *("image_url", "prompt"),
    *("negative_prompt", "video_time", "model_version", "extend_prompt", "end_image_url"),
    *("skip_face_enhance", "lora", "metadata", "created_at", "updated_at"),
    *("started_at", "ended_at", "progress", "coins", "failure", "video", "cancellation", "links"),
}


def shown(task: Task, seconds: float = 0, view: type[TaskView] = TaskView) -> dict[str, object]:
    content: dict[str, object] = json.loads(
        show_task(task, NOW + timedelta(seconds=seconds), view).model_dump_json()
    )
    return content


@pytest.mark.parametrize("view", [TaskView, TaskEventData])
@pytest.mark.parametrize("task", [a_task(), a_full_task()])
def test_exactly_the_published_fields_are_shown(task: Task, view: type[TaskView]) -> None:
    content = shown(task, view=view)
    assert set(content) == PUBLIC
    assert "secret" not in json.dumps(content)
    for hidden in (task.fingerprint, "execution", "result_url", "attempts"):
        assert hidden not in json.dumps(content)


def test_a_fresh_task_is_shown_with_what_is_not_known_as_null() -> None:
    content = shown(a_task(), 4.9)
    assert content["object"] == "task"
    assert content["created_at"] == "2026-11-22T12:00:00.123Z"
    assert content["progress"] == {
        "stage": "starting",
        "elapsed_seconds": 4,
        "expected_seconds": 600,
        "estimated_seconds": None,
    }
    unknown = ("started_at", "ended_at", "coins", "failure", "video", "cancellation")
    assert all(content[name] is None for name in unknown)
    place = "tasks/0123456789abcdef0123456789abcdef"
    assert content["links"] == {"self": place, "video": None, "cancel": f"{place}/cancel"}


@pytest.mark.parametrize(
    ("task", "estimated", "expected"),
    [(a_task(), {"low": 150, "high": 390}, 390), (a_full_task(), None, 600)],
)
def test_an_open_task_says_how_long_others_took(
    task: Task, estimated: object, expected: int
) -> None:
    progress = show_task(task, NOW, TaskView, estimate=(150, 390)).model_dump()["progress"]
    assert progress["estimated_seconds"] == estimated
    assert progress["expected_seconds"] == expected


def test_links_are_seen_from_where_the_task_is_shown() -> None:
    task = show_task(a_task(), NOW, TaskView)
    there = task.linked_from("../../")
    assert there.links.self == f"../../tasks/{task.task_id}"
    assert (there.links.video, there.links.cancel) == (None, f"{there.links.self}/cancel")
    assert task.linked_from("") == task == there.model_copy(update={"links": task.links})


@pytest.mark.parametrize("status", TaskStatus)
def test_a_task_links_to_what_can_be_done_with_it_now(status: TaskStatus) -> None:
    links = show_task(a_task(status=status), NOW, TaskView).links
    assert (links.video is not None) is (status is TaskStatus.SUCCEEDED)
    assert (links.cancel is None) is status.is_final


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        (TaskStatus.QUEUED, "starting"),
        (TaskStatus.GENERATING, "generating"),
        (TaskStatus.STORING, "storing"),
        (TaskStatus.SUCCEEDED, "ended"),
        (TaskStatus.FAILED, "ended"),
        (TaskStatus.CANCELED, "ended"),
    ],
)
def test_each_status_has_its_stage(status: TaskStatus, stage: str) -> None:
    progress = show_task(a_task(status=status), NOW, TaskView).progress
    assert progress.stage == stage


@pytest.mark.parametrize("seconds", [90, 91, 10**6])
def test_the_time_of_a_closed_task_stands_still(seconds: int) -> None:
    progress = show_task(a_full_task(), NOW + timedelta(seconds=seconds), TaskView).progress
    assert progress.elapsed_seconds == 90


def test_no_clock_makes_the_elapsed_time_negative() -> None:
    progress = show_task(a_task(), NOW - timedelta(seconds=5), TaskView).progress
    assert progress.elapsed_seconds == 0


def test_only_events_name_the_bucket_of_the_video() -> None:
    facts = {
        "bytes": 2_300_001,
        "sha256": "a" * 64,
        "content_type": "video/mp4",
        "width": 1280,
        "height": 720,
        "duration_seconds": 5.042,
    }
    place = {"bucket": "videos", "key": "anna/0123456789abcdef0123456789abcdef.mp4"}
    assert shown(a_full_task())["video"] == facts
    assert shown(a_full_task(), view=TaskEventData)["video"] == facts | place


def test_a_failure_is_shown_with_code_and_message() -> None:
    assert shown(a_full_task())["failure"] == {"code": "video_unavailable", "message": "gone"}
