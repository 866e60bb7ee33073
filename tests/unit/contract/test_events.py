"""Events: one type for each change that subscribers hear of, one id for each version."""

import json
from itertools import product
from typing import Any

import pytest
from image_to_video.adapters.event_topic import EventTopic
from image_to_video.contract.events import EventType, event_type
from image_to_video.domain.task import FailureCode, Task, TaskStatus

from tests.conftest import SCHEMA_URL, Application
from tests.support.samples import NOW, a_full_task, a_task

EVENTS = {
    TaskStatus.GENERATING: EventType.GENERATING,
    TaskStatus.SUCCEEDED: EventType.SUCCEEDED,
    TaskStatus.FAILED: EventType.FAILED,
    TaskStatus.CANCELED: EventType.CANCELED,
}


@pytest.fixture
def topic(stack: Application) -> EventTopic:
    heard(stack)
    return EventTopic(
        stack.client("sns"),
        topic_arn=stack.environment["TOPIC_ARN"],
        stack_name="my-stack",
        schema_url=SCHEMA_URL,
    )


def heard(stack: Application) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """What the subscriber has received since it was last asked: bodies and attributes."""
    sqs, events = stack.client("sqs"), []
    received = sqs.receive_message(
        QueueUrl=stack.queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )
    for message in received.get("Messages", []):
        attributes = {
            name: value["StringValue"] for name, value in message["MessageAttributes"].items()
        }
        events.append((json.loads(message["Body"]), attributes))
        sqs.delete_message(QueueUrl=stack.queue_url, ReceiptHandle=message["ReceiptHandle"])
    return events


def pairs() -> list[tuple[TaskStatus, TaskStatus]]:
    every = product(TaskStatus, TaskStatus)
    return [(one, two) for one, two in every if one.may_become(two) and one is not two]


@pytest.mark.parametrize(("before", "after"), pairs())
def test_each_change_of_status_has_its_event(before: TaskStatus, after: TaskStatus) -> None:
    old = a_task(status=before)
    assert event_type(old, old.changed(NOW, status=after)) == EVENTS.get(after)
    # A task that becomes late with the same write is not told twice.
    assert event_type(old, old.changed(NOW, status=after, late=True)) == EVENTS.get(after)


def test_a_new_task_is_created() -> None:
    assert event_type(None, a_task()) is EventType.CREATED


def test_a_task_that_failed_at_birth_is_only_told_as_failed() -> None:
    failed = a_task().failed(NOW, FailureCode.INVALID_IMAGE, "no image")
    assert event_type(None, failed) is EventType.FAILED


@pytest.mark.parametrize("status", TaskStatus)
def test_becoming_late_is_told_once(status: TaskStatus) -> None:
    task = a_task(status=status)
    late = task.changed(NOW, late=True)
    assert event_type(task, late) is EventType.LATE
    assert event_type(late, late.changed(NOW)) is None


@pytest.mark.parametrize("status", TaskStatus)
def test_inner_changes_are_not_told(status: TaskStatus) -> None:
    task = a_task(status=status)
    changed = task.changed(NOW, coins=30, copy_failures=2, result_url="https://a.example/b")
    assert event_type(task, changed) is None


def test_an_event_is_a_cloud_event_about_the_task(stack: Application, topic: EventTopic) -> None:
    done = a_full_task()
    topic.publish_change(done.model_copy(update={"status": TaskStatus.STORING}), done)
    [(body, attributes)] = heard(stack)
    data = body.pop("data")
    assert body == {
        "specversion": "1.0",
        "id": "0123456789abcdef0123456789abcdef.7",
        "source": "/image-to-video/my-stack",
        "type": "image-to-video.task.succeeded",
        "subject": "0123456789abcdef0123456789abcdef",
        "time": "2026-11-22T12:01:30.123Z",
        "datacontenttype": "application/json",
        "dataschema": SCHEMA_URL,
    }
    assert (data["task_id"], data["status"]) == (done.task_id, "succeeded")
    assert (data["video"]["bucket"], data["video"]["key"]) == (
        "videos",
        "anna/0123456789abcdef0123456789abcdef.mp4",
    )
    assert attributes == {
        "type": "image-to-video.task.succeeded",
        "status": "succeeded",
        "owner": "anna",
    }


@pytest.mark.parametrize("status", EVENTS)
def test_no_event_holds_a_link_to_the_result_or_a_secret(
    stack: Application, topic: EventTopic, status: TaskStatus
) -> None:
    task = a_full_task(status=status)
    topic.publish_change(None, task)
    [(body, attributes)] = heard(stack)
    text = json.dumps([body, attributes])
    for hidden in ("secret", "results.example", "result_url", task.fingerprint, "X-Amz"):
        assert hidden not in text


@pytest.mark.parametrize("query", ["?sig=s3cret", "#sig=s3cret", "?a=1#sig=s3cret"])
def test_no_event_holds_what_may_sign_the_caller_s_own_link(
    stack: Application, topic: EventTopic, query: str
) -> None:
    topic.publish_change(None, a_task(image_url=f"https://images.example/cat.png{query}"))
    [(body, _)] = heard(stack)
    assert body["data"]["image_url"] == "https://images.example/cat.png"


def test_a_redelivery_is_the_same_event_byte_for_byte(
    stack: Application, topic: EventTopic
) -> None:
    task = a_task()
    for _ in range(2):
        topic.publish_change(None, task)
    first, second = heard(stack)
    assert first == second


def test_every_version_has_an_id_of_its_own(stack: Application, topic: EventTopic) -> None:
    steps: list[Task] = [a_task()]
    for status in (TaskStatus.GENERATING, TaskStatus.STORING, TaskStatus.SUCCEEDED):
        steps.append(steps[-1].changed(NOW, status=status))
    for before, after in zip([None, *steps], steps, strict=False):
        topic.publish_change(before, after)
    told = {body["id"]: body["type"].rpartition(".")[2] for body, _ in heard(stack)}
    name = a_task().task_id
    assert told == {f"{name}.1": "created", f"{name}.2": "generating", f"{name}.4": "succeeded"}


def test_an_inner_change_reaches_nobody(stack: Application, topic: EventTopic) -> None:
    topic.publish_change(a_task(), a_task().changed(NOW, coins=3))
    assert heard(stack) == []
