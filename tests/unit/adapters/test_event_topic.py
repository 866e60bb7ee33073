"""Publishing: CloudEvents about tasks, without secrets, the same bytes for the same version."""

import json
from typing import Any

import pytest
from botocore.client import BaseClient
from image_to_video.adapters.event_topic import EventTopic
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task

from tests.conftest import SCHEMA_URL, Application
from tests.support.received_events import received
from tests.support.samples import NOW, a_full_task, a_task

PUBLISHED = [*(TaskStatus.GENERATING, TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELED)]


@pytest.fixture
def topic(application: Application) -> EventTopic:
    return EventTopic(
        application.client("sns"),
        topic_arn=application.environment["TOPIC_ARN"],
        stack_name="my-stack",
        schema_url=SCHEMA_URL,
    )


def test_an_event_is_a_cloud_event_about_the_task(
    application: Application, topic: EventTopic
) -> None:
    done = a_full_task()
    topic.publish_change(done.model_copy(update={"status": TaskStatus.STORING}), done)
    [(body, attributes)] = received(application)
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


def test_an_event_of_a_test_task_says_so_to_filters_and_to_readers(
    application: Application, topic: EventTopic
) -> None:
    topic.publish_change(None, a_task(test=True))
    [(body, attributes)] = received(application)
    assert (body["data"]["test"], attributes["test"]) == (True, "true")


def test_a_message_is_ascii_whatever_the_task_s_texts(
    topic: EventTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def publish(_: object, operation: str, request: dict[str, Any]) -> None:
        assert operation == "Publish"
        sent.append(request["Message"])

    monkeypatch.setattr(BaseClient, "_make_api_call", publish)
    topic.publish_change(None, a_task(name="Zoë \N{GRINNING FACE}", prompt="\ufffe\x07"))

    (message,) = sent
    assert message.isascii()
    assert json.loads(message)["data"]["name"] == "Zoë \N{GRINNING FACE}"


@pytest.mark.parametrize("status", PUBLISHED)
def test_no_event_holds_a_link_to_the_result_or_a_secret(
    application: Application, topic: EventTopic, status: TaskStatus
) -> None:
    task = a_full_task(status=status)
    topic.publish_change(None, task)
    [(body, attributes)] = received(application)
    text = json.dumps([body, attributes])
    for hidden in ("secret", "results.example", "result_url", task.fingerprint, "X-Amz"):
        assert hidden not in text


@pytest.mark.parametrize("query", ["?sig=s3cret", "#sig=s3cret", "?a=1#sig=s3cret"])
def test_no_event_holds_what_may_sign_the_caller_s_own_link(
    application: Application, topic: EventTopic, query: str
) -> None:
    signed = f"https://images.example/cat.png{query}"
    topic.publish_change(None, a_task(image_url=signed, end_image_url=signed))
    topic.publish_change(None, a_task(image_url=signed))
    [(both, _), (one, _)] = received(application)
    for body, last in ((both, "https://images.example/cat.png"), (one, None)):
        assert body["data"]["image_url"] == "https://images.example/cat.png"
        assert body["data"]["end_image_url"] == last


def test_a_redelivery_is_the_same_event_byte_for_byte(
    application: Application, topic: EventTopic
) -> None:
    task = a_task()
    for _ in range(2):
        topic.publish_change(None, task)
    first, second = received(application)
    assert first == second


def test_every_version_has_an_id_of_its_own(application: Application, topic: EventTopic) -> None:
    steps: list[Task] = [a_task()]
    for status in (TaskStatus.GENERATING, TaskStatus.STORING):
        steps.append(steps[-1].changed(NOW, status=status))
    video = a_full_task().video
    steps.append(steps[-1].changed(NOW, status=TaskStatus.SUCCEEDED, video=video))
    for before, after in zip([None, *steps], steps, strict=False):
        topic.publish_change(before, after)
    kinds = {body["id"]: body["type"].rpartition(".")[2] for body, _ in received(application)}
    name = a_task().task_id
    assert kinds == {
        f"{name}.1": "created",
        f"{name}.2": "generating",
        f"{name}.4": "succeeded",
    }


def test_an_inner_change_is_not_published(application: Application, topic: EventTopic) -> None:
    topic.publish_change(a_task(), a_task().changed(NOW, coins=3))
    assert received(application) == []
