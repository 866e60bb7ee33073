"""The table's stream becomes events: each change that means one, and no other holds it up."""

from typing import Any

import pytest

import functions.publish_events.app as publish_events
from tests.conftest import SCHEMA_URL, Application
from tests.handlers.conftest import TASK_ID, invoke, sample
from tests.support.received_events import received


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
    ("case", "kind", "version"),
    [("insert", "created", 1), ("modify_generating", "generating", 3)],
)
def test_a_change_of_status_is_one_event_with_one_id_also_when_redelivered(
    deployed: Application, case: str, kind: str, version: int
) -> None:
    assert deliver(batch(case)) == deliver(batch(case)) == []

    (first, _), (second, _) = received(deployed)
    assert first == second
    assert (first["source"], first["dataschema"]) == (
        "/image-to-video/image-to-video",
        SCHEMA_URL,
    )
    assert (first["type"], first["id"]) == (
        f"image-to-video.task.{kind}",
        f"{TASK_ID}.{version}",
    )


def test_the_final_event_names_the_stored_video_and_has_no_link(deployed: Application) -> None:
    deliver(batch("modify_succeeded"))

    [(event, _)] = received(deployed)
    assert event["data"]["video"]["bucket"] == "videos"
    assert event["data"]["video"]["key"] == f"demo/{TASK_ID}.mp4"
    assert "results.example.com" not in str(event)


@pytest.mark.parametrize("case", ["modify_without_event", "remove"])
def test_a_change_without_meaning_and_an_expired_record_are_no_event(
    deployed: Application, case: str
) -> None:
    assert deliver(batch(case)) == []
    assert received(deployed) == []


def test_a_task_that_becomes_late_is_one_event(deployed: Application) -> None:
    event = batch("modify_generating")
    images = event["Records"][0]["dynamodb"]
    images["OldImage"] = images["NewImage"]
    images["NewImage"] = images["NewImage"] | {"late": {"BOOL": True}, "version": {"N": "4"}}

    deliver(event)
    images["OldImage"] = images["NewImage"]
    images["NewImage"] = images["NewImage"] | {"version": {"N": "5"}}
    deliver(event)

    [(published, _)] = received(deployed)
    assert (published["type"], published["id"]) == ("image-to-video.task.late", f"{TASK_ID}.4")


@pytest.mark.parametrize("image", ["OldImage", "NewImage"])
def test_a_record_that_cannot_be_read_holds_up_no_other(
    deployed: Application, image: str, caplog: pytest.LogCaptureFixture
) -> None:
    event = batch("insert", "modify_generating", "modify_succeeded")
    event["Records"][1]["dynamodb"][image]["version"] = {"S": "none"}

    assert deliver(event) == []
    assert {event["id"] for event, _ in received(deployed)} == {f"{TASK_ID}.1", f"{TASK_ID}.5"}
    assert caplog.messages.count("task cannot be read") == 1


def test_a_status_of_another_release_holds_up_no_event(deployed: Application) -> None:
    event = batch("insert", "modify_generating", "modify_succeeded")
    event["Records"][1]["dynamodb"]["NewImage"]["status"] = {"S": "unheard-of"}

    assert deliver(event) == []
    assert {event["id"] for event, _ in received(deployed)} == {f"{TASK_ID}.1", f"{TASK_ID}.5"}


def test_every_record_is_reported_as_failed_while_the_topic_is_missing(
    deployed: Application, caplog: pytest.LogCaptureFixture
) -> None:
    event = batch("insert", "modify_generating")
    topic = deployed.environment["TOPIC_ARN"]
    deployed.client("sns").delete_topic(TopicArn=topic)

    assert deliver(event) == [sequence_number(record) for record in event["Records"]]
    assert caplog.messages.count("event not published") == len(event["Records"])

    deployed.client("sns").create_topic(Name="task-events")
    assert deliver(event) == []
