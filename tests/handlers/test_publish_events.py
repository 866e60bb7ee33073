"""The table's stream becomes events that subscribers can trust."""

from typing import Any

import pytest

import functions.publish_events.app as publish_events
from tests.conftest import SCHEMA_URL, Application
from tests.handlers.conftest import TASK_ID, Messages, invoke, sample

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def batch(*cases: str) -> dict[str, Any]:
    """The records of several samples in one delivery."""
    records = [record for case in cases for record in sample(f"publish_events/{case}")["Records"]]
    return {"Records": records}


def deliver(event: dict[str, Any]) -> list[str]:
    """The sequence numbers that the function reports as failed."""
    answer = invoke(publish_events.handler, event)
    assert set(answer) == {"batchItemFailures"}
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def sequence_number(record: dict[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


@pytest.mark.parametrize(
    ("case", "kind", "status", "version", "time"),
    [
        ("insert", "created", "queued", 1, "2026-11-22T12:00:00.000Z"),
        ("modify_generating", "generating", "generating", 3, "2026-11-22T12:00:02.000Z"),
        ("modify_succeeded", "succeeded", "succeeded", 5, "2026-11-22T12:01:38.000Z"),
    ],
)
def test_a_change_of_status_is_one_event(
    messages: Messages, case: str, kind: str, status: str, version: int, time: str
) -> None:
    assert deliver(batch(case)) == []

    (event,) = messages.read()
    data, attributes = event.pop("data"), event.pop("attributes")
    assert event == {
        "specversion": "1.0",
        "id": f"{TASK_ID}.{version}",
        "source": "/image-to-video/image-to-video",
        "type": f"image-to-video.task.{kind}",
        "subject": TASK_ID,
        "time": time,
        "datacontenttype": "application/json",
        "dataschema": SCHEMA_URL,
    }
    assert attributes == {"type": event["type"], "status": status, "owner": "demo"}
    assert (data["object"], data["task_id"], data["status"]) == ("task", TASK_ID, status)


def test_the_final_event_tells_where_the_video_lies_and_carries_no_link(messages: Messages) -> None:
    deliver(batch("modify_succeeded"))

    (event,) = messages.read()
    assert event["data"]["video"]["bucket"] == "videos"
    assert event["data"]["video"]["key"] == f"demo/{TASK_ID}.mp4"
    assert "results.example.com" not in str(event)
    assert not {"result_url", "attempts", "fingerprint", "execution"} & set(event["data"])


def test_a_redelivery_carries_the_same_id(messages: Messages) -> None:
    event = batch("insert", "modify_generating")

    deliver(event)
    deliver(event)

    heard = [message["id"] for message in messages.read()]
    assert sorted(heard) == [f"{TASK_ID}.{version}" for version in (1, 1, 3, 3)]


def test_changes_without_meaning_for_subscribers_are_quiet(messages: Messages) -> None:
    assert deliver(batch("modify_inner")) == []
    assert messages.read() == []


def test_a_forgotten_record_is_no_event(messages: Messages) -> None:
    assert deliver(batch("remove")) == []
    assert messages.read() == []


def test_a_late_task_is_told_of_once(messages: Messages) -> None:
    event = batch("modify_generating")
    images = event["Records"][0]["dynamodb"]
    images["OldImage"] = images["NewImage"]
    images["NewImage"] = images["NewImage"] | {"late": {"BOOL": True}, "version": {"N": "4"}}

    deliver(event)
    images["OldImage"], images["NewImage"] = (
        images["NewImage"],
        images["NewImage"] | {"version": {"N": "5"}},
    )
    deliver(event)

    assert [(told["type"], told["id"]) for told in messages.read()] == [
        ("image-to-video.task.late", f"{TASK_ID}.4")
    ]


def test_one_bad_record_holds_up_no_other(messages: Messages) -> None:
    event = batch("insert", "modify_generating", "modify_succeeded")
    bad = event["Records"][1]
    bad["dynamodb"]["NewImage"]["status"] = {"S": "unheard-of"}

    assert deliver(event) == [sequence_number(bad)]
    heard = {message["id"] for message in messages.read()}
    assert heard == {f"{TASK_ID}.1", f"{TASK_ID}.5"}


def test_a_topic_that_is_away_loses_nothing(
    deployed: Application, messages: Messages, caplog: pytest.LogCaptureFixture
) -> None:
    event = batch("insert", "modify_generating")
    topic = deployed.environment["TOPIC_ARN"]
    deployed.client("sns").delete_topic(TopicArn=topic)

    # All of them fail, and are still named one by one.
    assert deliver(event) == [sequence_number(record) for record in event["Records"]]
    assert caplog.messages.count("event not published") == len(event["Records"])

    deployed.client("sns").create_topic(Name="task-events")
    assert deliver(event) == []
