"""The sample subscriber: its template is sound, and its function handles each event once."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.conftest import REGION
from tests.support.catalogue import catalogue
from tests.support.cfn_lint import assert_nothing_found
from tests.support.subscriber import TEMPLATE, subscriber

EXAMPLES = {
    message["name"].rpartition(".")[2]: message["examples"][0]["payload"]
    for message in catalogue()["components"]["messages"].values()
}

type Deliver = Callable[..., list[str]]


def test_cfn_lint_has_nothing_to_say() -> None:
    assert_nothing_found(TEMPLATE)


def test_it_hears_of_every_end_and_of_nothing_else() -> None:
    policy = subscriber()["Resources"]["Subscription"]["Properties"]["FilterPolicy"]
    ended = {name for name, event in EXAMPLES.items() if event["data"]["ended_at"]}
    assert set(policy) == {"status"}
    assert set(policy["status"]) == ended == {"succeeded", "failed", "canceled"}


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The subscriber's table."""
    monkeypatch.setenv("RECEIVED_EVENTS", "received")
    properties = subscriber()["Resources"]["ReceivedEvents"]["Properties"]
    with mock_aws():
        table = boto3.resource("dynamodb", region_name=REGION)
        yield table.create_table(TableName="received", **properties)


@pytest.fixture
def deliver(heard: Any) -> Deliver:
    """Invokes the function with messages; answers the ids of those that are to come again."""
    names: dict[str, Any] = {}
    exec(subscriber()["Resources"]["OnTaskEnded"]["Properties"]["InlineCode"], names)

    def invoke(*bodies: str) -> list[str]:
        records = [{"messageId": str(n), "body": body} for n, body in enumerate(bodies)]
        answer = names["handler"]({"Records": records}, None)
        assert set(answer) == {"batchItemFailures"}
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    return invoke


def test_each_end_is_kept_once_however_often_it_comes(heard: Any, deliver: Deliver) -> None:
    ends = [json.dumps(EXAMPLES[name]) for name in ("succeeded", "failed", "canceled")]
    assert deliver(*ends, *ends) == []
    assert deliver(*ends) == []

    rows = {row["id"]: row for row in heard.scan()["Items"]}
    assert len(rows) == 3
    assert set(rows) == {EXAMPLES[name]["id"] for name in ("succeeded", "failed", "canceled")}
    video = EXAMPLES["succeeded"]["data"]["video"]
    assert rows[EXAMPLES["succeeded"]["id"]]["video"] == f"s3://{video['bucket']}/{video['key']}"
    assert rows[EXAMPLES["failed"]["id"]]["failure"] == "generation_failed"


def test_a_bad_message_holds_up_no_other(heard: Any, deliver: Deliver) -> None:
    assert deliver("no JSON", json.dumps(EXAMPLES["succeeded"]), "{}") == ["0", "2"]
    assert len(heard.scan()["Items"]) == 1


def test_what_could_not_be_kept_comes_again(
    heard: Any, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard.delete()
    assert deliver(json.dumps(EXAMPLES["succeeded"])) == ["0"]
