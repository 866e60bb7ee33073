"""The table: one task for one id, no lost write, and every field comes back as it went in."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from unittest.mock import MagicMock

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_to_video.adapters.task_table import OPEN_PARTITIONS, TaskTable, task_of
from image_to_video.domain.errors import TaskConflictError, TaskNotFoundError
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import (
    Attempt,
    Cancellation,
    Failure,
    FailureCode,
    ModelVersion,
    Task,
    Video,
    WaitingFor,
)
from pydantic import ValidationError

from tests.conftest import Application
from tests.support.corrupted_json import BOUNDED, corrupted
from tests.support.samples import NOW, a_full_task, a_task
from tests.support.stream_filter import wakes

MOMENTS = st.integers(0, 10**12).map(lambda passed: NOW + timedelta(milliseconds=passed))
TEXTS = st.text(max_size=30)
NUMBERS = st.integers(0, 2**53)
FAILURES = st.builds(Failure, code=st.sampled_from(FailureCode), message=TEXTS)
ATTEMPTS = st.builds(
    Attempt,
    name=TEXTS,
    lease_owner=TEXTS,
    sent_at=MOMENTS,
    lease_until=MOMENTS,
    in_flight=st.booleans(),
    refusal=st.none() | FAILURES,
    absent_since=st.none() | MOMENTS,
)
VIDEOS = st.builds(
    Video,
    bucket=TEXTS,
    key=TEXTS,
    bytes=NUMBERS,
    sha256=TEXTS,
    content_type=TEXTS,
    width=NUMBERS,
    height=NUMBERS,
    duration_seconds=st.floats(0, 1e9).filter(lambda x: x == 0 or x > 1e-9),
)
TASKS = st.builds(
    Task,
    task_id=st.text(min_size=1, max_size=30),
    owner=st.text(min_size=1, max_size=30),
    fingerprint=TEXTS,
    version=st.integers(1, 10**6),
    status=st.sampled_from(TaskStatus),
    late=st.booleans(),
    waiting_for=st.none() | st.sampled_from(WaitingFor),
    name=TEXTS,
    image_url=TEXTS,
    image_version=st.none() | TEXTS,
    prompt=TEXTS,
    negative_prompt=TEXTS,
    video_time=st.sampled_from([5, 10, 15, 20]),
    model_version=st.sampled_from(ModelVersion),
    metadata=st.dictionaries(st.text(min_size=1, max_size=9), TEXTS, max_size=3),
    created_at=MOMENTS,
    updated_at=MOMENTS,
    started_at=st.none() | MOMENTS,
    ended_at=st.none() | MOMENTS,
    next_poll_at=st.none() | MOMENTS,
    cancel_requested_at=st.none() | MOMENTS,
    missing_since=st.none() | MOMENTS,
    refund_requested_at=st.none() | MOMENTS,
    attempts=st.lists(ATTEMPTS, max_size=2).map(tuple),
    generator_task_id=st.none() | TEXTS,
    generator_status=st.none() | TEXTS,
    completed_at=st.none() | MOMENTS,
    result_url=st.none() | TEXTS,
    copy_failures=st.integers(0, 1000),
    execution=TEXTS,
    coins=st.none() | st.integers(-10, 10**6),
    failure=st.none() | FAILURES,
    video=st.none() | VIDEOS,
    cancellation=st.none() | st.sampled_from(Cancellation),
)


@pytest.fixture
def table(application: Application) -> TaskTable:
    return TaskTable(application.table("TASKS_TABLE"), retention_days=90)


def test_a_new_task_can_be_read(table: TaskTable) -> None:
    assert table.create(a_task()) == a_task()
    assert table.get(a_task().task_id) == a_task()


def test_creating_again_gives_the_task_that_is_there(table: TaskTable) -> None:
    first = table.create(a_task())
    changed = table.write(first.changed(NOW, late=True))
    assert table.create(a_task(prompt="another")) == changed
    assert table.get(first.task_id) == changed


def test_an_unknown_task_is_not_found(table: TaskTable) -> None:
    with pytest.raises(TaskNotFoundError):
        table.get("unknown")
    with pytest.raises(TaskNotFoundError):
        table.write(a_task().changed(NOW))


def test_of_two_writers_the_second_is_refused(table: TaskTable) -> None:
    read = table.create(a_task())
    first = table.write(read.changed(NOW, coins=1))
    with pytest.raises(TaskConflictError):
        table.write(read.changed(NOW, coins=2))
    assert table.get(read.task_id) == first
    with pytest.raises(TaskConflictError):
        table.write(first.changed(NOW).changed(NOW))


def test_a_write_whose_answer_was_lost_succeeds_when_repeated(table: TaskTable) -> None:
    new = table.create(a_full_task(status=TaskStatus.STORING, ended_at=None)).changed(NOW, coins=31)
    assert table.write(new) == new
    assert table.write(new) == new
    assert table.get(new.task_id) == new


def test_a_record_says_whether_its_latest_change_is_an_event(
    application: Application, table: TaskTable
) -> None:
    """And no mark outlives its change; one that is missing wakes `publish_events` as well."""
    raw = application.table("TASKS_TABLE")

    def mark(task: Task) -> Any:
        return raw.get_item(Key={"task_id": task.task_id})["Item"].get("event")

    first = table.create(a_task())
    assert mark(first) == "created"
    quiet = table.write(first.changed(NOW, coins=1), before=first)
    assert mark(quiet) == "none"
    late = table.write(quiet.changed(NOW, late=True), before=quiet)
    assert mark(late) == "late"
    unmarked = table.write(late.changed(NOW, coins=2))
    assert mark(unmarked) is None
    images = [
        {"eventName": "MODIFY", "dynamodb": {"NewImage": {"event": {"S": name}}}}
        for name in ("none", "late")
    ]
    assert [wakes(image) for image in images] == [False, True]
    assert wakes({"eventName": "MODIFY", "dynamodb": {"NewImage": {}}})
    assert not wakes({"eventName": "REMOVE", "dynamodb": {"OldImage": {}}})


@pytest.mark.parametrize(
    "call",
    [
        lambda table: table.create(a_task()),
        lambda table: table.write(a_task()),
    ],
)
def test_other_troubles_of_the_table_are_no_conflicts(call: Callable[[TaskTable], Any]) -> None:
    broken = MagicMock()
    broken.put_item.side_effect = ClientError(
        {"Error": {"Code": "ProvisionedThroughputExceededException"}}, "PutItem"
    )
    with pytest.raises(ClientError):
        call(TaskTable(broken, retention_days=90))
    broken.get_item.assert_not_called()


THROTTLE = ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "PutItem")


@pytest.mark.parametrize("throttles", [1, 5])
def test_a_throttled_record_is_written_with_patience(throttles: int) -> None:
    raw, slept = MagicMock(), list[float]()
    raw.put_item.side_effect = [THROTTLE] * throttles + [{}]
    table = TaskTable(raw, retention_days=90, sleep=slept.append)
    assert table.create(a_task(), patiently=True) == a_task()
    assert len(slept) == throttles
    assert sum(slept) <= 25


def test_patience_ends_and_is_for_throttles_alone() -> None:
    raw, slept = MagicMock(), list[float]()
    table = TaskTable(raw, retention_days=90, sleep=slept.append)
    raw.put_item.side_effect = THROTTLE
    with pytest.raises(ClientError):
        table.create(a_task(), patiently=True)
    # The function has a minute, of which the start may take 20 s.
    assert sum(slept) <= 25
    slept.clear()
    raw.put_item.side_effect = ClientError({"Error": {"Code": "AccessDenied"}}, "PutItem")
    with pytest.raises(ClientError):
        table.create(a_task(), patiently=True)
    assert not slept


@pytest.mark.parametrize("status", TaskStatus)
def test_only_closed_tasks_are_forgotten_and_only_open_ones_are_indexed(
    application: Application, status: TaskStatus
) -> None:
    raw = application.table("TASKS_TABLE")
    ended = NOW + timedelta(seconds=90)
    for days, name in ((90, "kept for a while"), (0, "kept for ever")):
        TaskTable(raw, retention_days=days).create(
            a_task(task_id=name, status=status, ended_at=ended if status.is_final else None)
        )
        item = raw.get_item(Key={"task_id": name})["Item"]
        assert ("open" in item) is not status.is_final
        listed = "generating" if status is TaskStatus.STORING else status.value
        assert item["owner_status"] == f"anna#{listed}"
        expires = int((ended + timedelta(days=90)).timestamp())
        assert item.get("expires_at") == (expires if status.is_final and days else None)


def test_closing_takes_a_task_out_of_the_index(application: Application, table: TaskTable) -> None:
    task = table.write(table.create(a_task()).changed(NOW, status=TaskStatus.CANCELED))
    item = application.table("TASKS_TABLE").get_item(Key={"task_id": task.task_id})["Item"]
    assert "open" not in item
    assert "next_poll_at" not in item


def test_open_tasks_come_by_their_next_poll_what_is_overdue_first(table: TaskTable) -> None:
    def put(name: str, seconds: int, **fields: Any) -> None:
        due = NOW + timedelta(seconds=seconds)
        table.create(a_task(**{"task_id": name, "next_poll_at": due} | fields))

    put("later", -1)
    put("earlier", -100, owner="boris", status=TaskStatus.STORING)
    put("now", 0)
    put("future", 50)
    put("closed", -50, status=TaskStatus.FAILED, ended_at=NOW)
    table.write(
        table.create(a_task(task_id="ended", next_poll_at=NOW - timedelta(days=1))).failed(
            NOW, FailureCode.INVALID_IMAGE, "bad"
        )
    )
    found = [task_id for _, task_id in table.open_tasks(NOW)]
    assert found == ["earlier", "later", "now", "future"]


def test_open_tasks_are_spread_over_all_partitions_and_read_from_each(
    application: Application, table: TaskTable
) -> None:
    """One partition of the index would bear 1,000 writes a second for all open tasks."""
    for number in range(60):
        due = NOW - timedelta(seconds=number % 7 + 1)
        table.create(a_task(task_id=f"{number:032x}", next_poll_at=due))
    items = application.table("TASKS_TABLE").scan()["Items"]
    spread = Counter(str(item["open"]) for item in items)
    assert set(spread) == {str(part) for part in range(OPEN_PARTITIONS)}
    assert max(spread.values()) < 60 // 3
    found = list(table.open_tasks(NOW))
    assert len(found) == 60
    assert found == sorted(found)


def test_a_full_task_comes_back_as_it_went(table: TaskTable) -> None:
    table.create(a_full_task())
    assert table.get(a_full_task().task_id) == a_full_task()


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(task=TASKS)
def test_every_task_comes_back_as_it_went(stack: Application, task: Task) -> None:
    raw = stack.table("TASKS_TABLE")
    raw.delete_item(Key={"task_id": task.task_id})
    table = TaskTable(raw, retention_days=90)
    table.create(task)
    read = table.get(task.task_id)
    assert read == task
    assert json.loads(read.model_dump_json()) == json.loads(task.model_dump_json())


def test_a_stored_item_reads_as_its_task(application: Application) -> None:
    raw = application.table("TASKS_TABLE")
    for task in (a_task(task_id="open"), a_full_task(task_id="closed")):
        TaskTable(raw, retention_days=90).create(task)
        item = raw.get_item(Key={"task_id": task.task_id})["Item"]
        assert task_of(item) == task


STORED: Final = json.loads(a_full_task().model_dump_json(exclude_none=True))


@BOUNDED
@given(item=corrupted(STORED))
def test_a_corrupted_record_is_a_task_or_refused_without_being_quoted(item: Any) -> None:
    if not isinstance(item, dict):
        return
    try:
        task = task_of(item)
    except ValidationError as error:
        quoted = str(error)
    else:
        quoted = ""
        assert isinstance(task, Task)
    assert "token=secret" not in quoted
    assert "input_value" not in quoted


def test_a_record_from_a_backup_makes_no_event_and_replaces_only_what_was_read(
    table: TaskTable, application: Application
) -> None:
    task = a_task(version=7)
    assert table.restore(task)
    assert not table.restore(task)
    item = application.table("TASKS_TABLE").get_item(Key={"task_id": task.task_id})["Item"]
    assert item["event"] == "none"
    newer = table.get(task.task_id).changed(NOW)
    assert not table.restore(task, over=newer)
    assert table.restore(task, over=task)
    assert table.get(task.task_id).version == 8


def test_a_test_task_is_kept_where_no_owner_s_live_tasks_are(application: Application) -> None:
    raw = application.table("TASKS_TABLE")
    table = TaskTable(raw, retention_days=90)
    for task in (a_task(test=True), a_task(task_id="live")):
        assert table.create(task) == table.get(task.task_id) == task
    items = {item["task_id"]: item for item in raw.scan()["Items"]}
    tested = items.pop(a_task().task_id)
    assert (tested["owner"], tested["owner_status"]) == ("anna/test", "anna/test#queued")
    assert items["live"]["owner"] == "anna"
