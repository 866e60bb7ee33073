"""The sample subscriber beside the running stack, and the events as the API describes them."""

import json
from typing import Any

import httpx
import pytest
from jsonschema import Draft7Validator

from tests.e2e.conftest import Running
from tests.support.patience import get, until
from tests.support.subscriber import subscriber

STACK = "my-subscriber"


@pytest.fixture(scope="module")
def heard(running: Running) -> Any:
    """The table of the deployed subscriber."""
    cloudformation = running.emulator.client("cloudformation")
    cloudformation.create_stack(
        StackName=STACK,
        TemplateBody=json.dumps(subscriber()),
        Parameters=[{"ParameterKey": "TopicArn", "ParameterValue": running.stack.topic_arn}],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )

    def stack() -> dict[str, Any]:
        described: dict[str, Any] = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
        return described

    until(lambda: stack()["StackStatus"] != "CREATE_IN_PROGRESS")
    assert stack()["StackStatus"] == "CREATE_COMPLETE", stack()
    resources = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    [name] = [
        r["PhysicalResourceId"] for r in resources if r["LogicalResourceId"] == "ReceivedEvents"
    ]
    return running.emulator.table(name)


@pytest.fixture(scope="module")
def ended(running: Running, heard: Any) -> dict[str, dict[str, Any]]:
    """Two tasks that have ended, one well and one badly, by their status."""
    s3, bucket = running.emulator.client("s3"), running.stack.images_bucket
    s3.put_object(Bucket=bucket, Key="uploads/demo/words.png", Body=b"no picture")
    with running.api() as api:
        good = api.post("/tasks", json={"image_url": running.sample_url}).json()

        def bad() -> list[dict[str, Any]]:
            failed = api.get("/tasks", params={"status": "failed"}).json()["data"]
            return [task for task in failed if task["image_url"].endswith("/words.png")]

        return {"succeeded": running.end_of(good["task_id"]), "failed": until(bad)[0]}


@pytest.fixture(scope="module")
def events(running: Running, ended: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What a subscriber without a filter has received of both, once their ends are among it."""
    ids = {task["task_id"] for task in ended.values()}
    events: list[dict[str, Any]] = []

    def whole() -> bool:
        received = running.received(running.stack.queue_url)
        events.extend(event for event in received if event["subject"] in ids)
        return set(ended) <= {event["data"]["status"] for event in events}

    until(whole)
    return events


def rows_of(heard: Any, events: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """What the subscriber kept of these tasks, once that many rows are there."""
    ids = {event["subject"] for event in events}

    def rows() -> list[dict[str, Any]]:
        kept: list[dict[str, Any]] = heard.scan()["Items"]
        return [row for row in kept if row["task_id"] in ids]

    until(lambda: len(rows()) >= count)
    return rows()


def test_the_sample_subscriber_hears_each_end_once(
    running: Running,
    heard: Any,
    ended: dict[str, dict[str, Any]],
    events: list[dict[str, Any]],
) -> None:
    rows = {row["id"]: row for row in rows_of(heard, events, 2)}
    ends = {event["id"]: event for event in events if event["data"]["ended_at"]}
    assert set(rows) == set(ends)
    assert {row["status"]: row["task_id"] for row in rows.values()} == {
        status: task["task_id"] for status, task in ended.items()
    }
    [good, bad] = sorted(rows.values(), key=lambda row: row["status"], reverse=True)
    assert good["video"] == f"s3://{running.stack.videos_bucket}/demo/{good['task_id']}.mp4"
    assert bad["failure"] == "invalid_image"

    # Everything comes once more, as in a redelivery, and then a last one that is new.
    [last] = [event for event in events if event["id"] == bad["id"]]
    sns = running.emulator.client("sns")
    for event in [*events, last | {"id": "the-last.1"}]:
        attributes = {"type": event["type"], "status": event["data"]["status"], "owner": "demo"}
        sns.publish(
            TopicArn=running.stack.topic_arn,
            Message=json.dumps(event),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        )
    again = {row["id"]: row for row in rows_of(heard, events, 3)}
    assert again == rows | {"the-last.1": bad | {"id": "the-last.1"}}


def test_events_are_what_the_api_says_they_are(
    running: Running, events: list[dict[str, Any]]
) -> None:
    """With nothing but an event, and what its `dataschema` names."""
    for event in events:
        address = httpx.URL(event["dataschema"])
        answer = get(str(address.copy_with(fragment=None)))
        assert answer.status_code == 200
        schema = {"$ref": f"#{address.fragment}", **answer.json()}
        assert not list(Draft7Validator(schema).iter_errors(event["data"]))
        kinds = [message["name"] for message in answer.json()["components"]["messages"].values()]
        assert event["type"] in kinds
    assert len(events) >= 4
