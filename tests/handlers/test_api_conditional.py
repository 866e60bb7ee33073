"""Polls that ask only whether something has changed: ETag, If-None-Match and 304."""

from typing import Any

import pytest

from tests.conftest import Application, Clock
from tests.handlers.conftest import TASK_ID, put_task, sample
from tests.support.rest import assert_problem, at, having, send, showing

DOCUMENTS = ["public/get_contract", "public/get_event_catalogue"]


def poll(tag: str, *, method: str = "GET", owner: str = "demo") -> dict[str, Any]:
    return having(at("", TASK_ID, method=method, owner=owner), "If-None-Match", tag)


@pytest.fixture
def tag(deployed: Application) -> str:
    """The tag of the sample task while it is generating."""
    put_task(deployed, "modify_generating")
    return send(showing(TASK_ID)).headers["ETag"]


def change(deployed: Application, name: str, value: object) -> None:
    deployed.table("TASKS_TABLE").update_item(
        Key={"task_id": TASK_ID},
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":value": value},
    )


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_task_that_has_not_changed_is_not_sent_again(tag: str, method: str) -> None:
    assert tag.startswith('W/"')

    reply = send(poll(tag, method=method))

    assert (reply.status, reply.text) == (304, "")
    assert "Content-Type" not in reply.headers
    assert reply.headers["ETag"] == tag
    assert reply.headers["Cache-Control"] == "private, no-cache"
    assert reply.headers["Retry-After"] == "10"
    assert reply.headers["X-Request-Id"]


def test_only_the_seconds_since_its_creation_change_unseen(tag: str, clock: Clock) -> None:
    before = send(showing(TASK_ID)).body
    clock.advance(60)

    after = send(showing(TASK_ID))

    assert after.body["progress"]["elapsed_seconds"] > before["progress"]["elapsed_seconds"]
    assert after.headers["ETag"] == tag
    assert send(poll(tag)).status == 304


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "storing"),
        ("late", True),
        ("coins", 31),
        ("name", "another"),
        ("updated_at", "2026-11-22T12:34:56.789Z"),
        ("metadata", {"a": "b"}),
    ],
)
def test_whatever_else_is_shown_changes_the_tag(
    deployed: Application, tag: str, name: str, value: object
) -> None:
    change(deployed, name, value)

    reply = send(poll(tag))

    assert (reply.status, reply.body[name]) == (200, value)
    assert reply.headers["ETag"] != tag


def test_the_end_of_a_task_is_never_hidden(deployed: Application, tag: str) -> None:
    put_task(deployed, "modify_succeeded")

    reply = send(poll(tag))
    ended = reply.headers["ETag"]

    assert (reply.status, reply.body["status"]) == (200, "succeeded")
    assert send(poll(f'{tag}, "x", {ended}')).status == 304
    assert "Retry-After" not in send(poll(ended)).headers


def test_several_lines_of_tags_and_the_star_are_read(tag: str) -> None:
    assert send(having(showing(TASK_ID), "If-None-Match", tag, '"other"')).status == 304
    assert send(poll("*")).status == 304
    assert send(poll('"other"')).status == 200


@pytest.mark.parametrize("sent", ["*", "the tag"])
def test_a_task_of_another_owner_stays_unknown(tag: str, sent: str) -> None:
    event = poll(tag if sent == "the tag" else sent, owner="bob")
    assert_problem(send(event), 404, "task_not_found")


def test_only_what_is_read_is_conditional(deployed: Application) -> None:
    for case, status in (("api/create_task", 202), ("api/list_tasks", 200)):
        reply = send(having(sample(case), "If-None-Match", "*"))
        assert (reply.status, "ETag" in reply.headers) == (status, False)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_that_has_not_changed_is_not_sent_again(document: str) -> None:
    first = send(sample(document))
    tag = first.headers["ETag"]
    assert tag.startswith('"')

    for sent in (tag, f"W/{tag}", "*"):
        again = send(having(sample(document), "If-None-Match", sent))
        assert (again.status, again.text) == (304, "")
        assert (again.headers["ETag"], again.headers["Cache-Control"]) == (tag, "max-age=300")
    other = send(having(sample(document), "If-None-Match", '"other"'))
    assert (other.status, other.text) == (200, first.text)


def test_each_document_has_a_tag_of_its_own() -> None:
    assert len({send(sample(document)).headers["ETag"] for document in DOCUMENTS}) == 2
