"""`GET /tasks`: pages, filters, and who sees what."""

import base64
import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from image_to_video import a2e_access
from image_to_video.adapters.task_table import TaskTable
from image_to_video.domain.statuses import TaskStatus

from tests.conftest import Application, Clock
from tests.handlers.conftest import sample
from tests.support.rest import IMAGE, assert_problem, creation, listing, pointers, send


def create(clock: Clock, count: int, *, owner: str = "demo") -> list[str]:
    """Tasks a second apart; their ids, newest first."""
    ids = []
    for _ in range(count):
        clock.advance(1)
        ids.append(send(creation({"image_url": IMAGE}, owner=owner)).body["task_id"])
    return ids[::-1]


def set_status(deployed: Application, task_id: str, status: str) -> None:
    table = TaskTable(deployed.table("TASKS_TABLE"), retention_days=90)
    task = table.get(task_id)
    changes = {"status": TaskStatus(status), "version": task.version + 1}
    table.write(task.model_copy(update=changes))


def test_a_list_without_tasks_is_empty(deployed: Application) -> None:
    reply = send(sample("api/list_tasks"))

    assert reply.status == 200
    assert reply.body == {"object": "list", "data": [], "has_more": False, "next_cursor": None}


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_hold_every_task_once_and_newest_first(
    deployed: Application, clock: Clock, limit: int
) -> None:
    ids = create(clock, 5)

    seen, query = [], {"limit": str(limit)}
    while True:
        page = send(listing(**query)).body
        assert len(page["data"]) <= limit
        assert page["has_more"] is (page["next_cursor"] is not None)
        seen += [task["task_id"] for task in page["data"]]
        if not page["has_more"]:
            break
        query["cursor"] = page["next_cursor"]

    assert seen == ids


def test_a_page_has_20_tasks_by_default(deployed: Application, clock: Clock) -> None:
    create(clock, 21)

    page = send(listing()).body

    assert (len(page["data"]), page["has_more"]) == (20, True)
    assert len(send(listing(limit="100")).body["data"]) == 21


def test_only_one_s_own_tasks_are_listed(deployed: Application, clock: Clock) -> None:
    mine = create(clock, 2, owner="ada")
    create(clock, 2, owner="bob")

    listed = send(listing(owner="ada")).body["data"]

    assert [task["task_id"] for task in listed] == mine


def test_filters_narrow_the_list(deployed: Application, clock: Clock) -> None:
    ids = create(clock, 4)
    set_status(deployed, ids[1], "canceled")

    def listed(**query: str) -> list[str]:
        return [task["task_id"] for task in send(listing(**query)).body["data"]]

    assert listed(status="canceled") == [ids[1]]
    assert listed(status="generating") == [ids[0], ids[2], ids[3]]
    assert listed(status="succeeded") == []
    assert listed(created_after="2026-11-22T12:00:03Z") == ids[:2]
    assert listed(created_before="2026-11-22T12:00:02.500Z") == ids[2:]
    assert listed(created_after="2026-11-22T13:00:02+01:00", status="generating", limit="2") == [
        ids[0],
        ids[2],
    ]


def test_the_sample_of_a_filtered_list_is_answered(deployed: Application, clock: Clock) -> None:
    ids = create(clock, 3)

    page = send(sample("api/list_tasks_filtered")).body

    assert [task["task_id"] for task in page["data"]] == ids[:2]
    assert page["has_more"]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "many"),
        ("status", "done"),
        ("created_after", "yesterday"),
        ("created_before", "2026-11-22T12:00:00"),
    ],
)
def test_a_wrong_filter_is_named(without_aws: None, parameter: str, value: str) -> None:
    reply = send(listing(**{parameter: value}))

    assert_problem(reply, 422, "invalid_request")
    assert pointers(reply) == [parameter]


def _cursor(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def test_a_misspelt_filter_is_refused(deployed: Application) -> None:
    reply = send(listing(stauts="failed"))
    assert_problem(reply, 422, "invalid_request")
    assert pointers(reply) == ["stauts"]


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "äöü",
        "a" * 2000,
        _cursor([]),
        _cursor({"task_id": "t", "owner": "demo"}),
        _cursor({"task_id": 1, "owner": "demo", "created_at": "2026"}),
        base64.b64encode(b"[" * 6000).decode(),
        base64.urlsafe_b64encode(b"\x01" + b"a" * 100).decode().rstrip("="),
        "",
    ],
)
def test_a_cursor_that_no_list_gave_out_is_malformed(deployed: Application, cursor: str) -> None:
    assert_problem(send(listing(cursor=cursor)), 400, "malformed_request")


def test_another_owner_s_cursor_is_malformed(deployed: Application, clock: Clock) -> None:
    create(clock, 2, owner="ada")
    cursor = send(listing(owner="ada", limit="1")).body["next_cursor"]

    assert_problem(send(listing(owner="bob", cursor=cursor)), 400, "malformed_request")


def test_a_cursor_used_with_another_filter_is_refused_with_that_reason(
    deployed: Application, clock: Clock
) -> None:
    ids = create(clock, 3)
    made = {"limit": "1", "created_after": "2026-11-22T12:00:00Z"}
    cursor = send(listing(**made)).body["next_cursor"]

    other = send(listing(**made | {"status": "generating"}, cursor=cursor))
    assert_problem(other, 400, "malformed_request")
    assert "other filters" in other.body["detail"]

    # The limit is no filter, and a moment is the same in any time zone.
    same = made | {"limit": "2", "created_after": "2026-11-22T13:00:00+01:00"}
    following = send(listing(**same, cursor=cursor)).body["data"]
    assert [task["task_id"] for task in following] == ids[1:]


def test_a_list_goes_on_where_it_was_although_tasks_change(
    deployed: Application, clock: Clock
) -> None:
    ids = create(clock, 4)
    cursor = send(listing(limit="2")).body["next_cursor"]
    table = deployed.table("TASKS_TABLE")
    # The last one shown is forgotten altogether, the next one moves on, and a new one comes.
    table.delete_item(Key={"task_id": ids[1]})
    table.update_item(
        Key={"task_id": ids[2]},
        UpdateExpression="SET version = version + :one, late = :yes",
        ExpressionAttributeValues={":one": 1, ":yes": True},
    )
    create(clock, 1)

    following = send(listing(limit="2", cursor=cursor)).body["data"]

    assert [task["task_id"] for task in following] == ids[2:]


def test_a_new_key_ends_the_lists_that_are_under_way(deployed: Application, clock: Clock) -> None:
    create(clock, 2)
    cursor = send(listing(limit="1")).body["next_cursor"]
    deployed.client("secretsmanager").put_secret_value(
        SecretId=deployed.environment["CURSOR_KEY_SECRET"], SecretString="another"
    )
    # As in a container that starts now.
    a2e_access.secrets.cache_clear()

    assert_problem(send(listing(limit="1", cursor=cursor)), 400, "malformed_request")


def test_a_list_without_cursors_needs_no_key(deployed: Application, clock: Clock) -> None:
    ids = create(clock, 2)
    deployed.client("secretsmanager").delete_secret(
        SecretId=deployed.environment["CURSOR_KEY_SECRET"], ForceDeleteWithoutRecovery=True
    )

    listed = send(listing()).body["data"]

    assert [task["task_id"] for task in listed] == ids
    assert_problem(send(listing(limit="1")), 503, "temporarily_unavailable")


def repeated(query: str) -> dict[str, Any]:
    """A list with a query as it stands in an address."""
    event = listing()
    values = parse_qs(query, keep_blank_values=True)
    event["multiValueQueryStringParameters"] = values
    event["queryStringParameters"] = {name: given[-1] for name, given in values.items()}
    return event


def listed(query: str) -> list[str]:
    return [task["task_id"] for task in send(repeated(query)).body["data"]]


def test_a_list_shows_several_statuses(deployed: Application, clock: Clock) -> None:
    ids = create(clock, 4)
    for task_id, status in zip(ids[:3], ("canceled", "failed", "queued"), strict=True):
        set_status(deployed, task_id, status)

    assert listed("status=queued&status=generating") == ids[2:]
    assert listed("status=failed&status=canceled&status=failed") == ids[:2]
    assert listed("&".join(f"status={status}" for status in TaskStatus)) == ids


@pytest.mark.parametrize("query", ["status=queued,failed", "status=queued&status=", "status="])
def test_each_status_is_named_by_itself(without_aws: None, query: str) -> None:
    reply = send(repeated(query))
    assert_problem(reply, 422, "invalid_request")
    assert pointers(reply) == ["status"]


def test_a_list_is_filtered_by_metadata(deployed: Application, clock: Clock) -> None:
    ids = []
    for metadata in ({"order": "1"}, {"order": "1", "a.b": "c d"}, {"order": "2"}, {}):
        clock.advance(1)
        ids.append(send(creation({"image_url": IMAGE, "metadata": metadata})).body["task_id"])

    assert listed("metadata.order=1") == [ids[1], ids[0]]
    assert listed("metadata.order=1&metadata.a.b=c+d&status=generating") == [ids[1]]
    assert listed("metadata.order=1&status=failed") == listed("metadata.other=1") == []


def test_a_cursor_belongs_to_its_statuses_and_metadata(deployed: Application, clock: Clock) -> None:
    for _ in range(3):
        clock.advance(1)
        send(creation({"image_url": IMAGE, "metadata": {"order": "1", "b": "2"}}))
    made = "limit=1&status=generating&status=queued&metadata.order=1&metadata.b=2"
    cursor = send(repeated(made)).body["next_cursor"]

    same = "limit=2&metadata.b=2&metadata.order=1&status=queued&status=generating"
    assert len(listed(f"{same}&cursor={cursor}")) == 2
    for other in (
        "status=generating&metadata.order=1&metadata.b=2",
        "status=generating&status=queued&metadata.order=1",
        "status=generating&status=queued&metadata.order=2&metadata.b=1",
    ):
        reply = send(repeated(f"{other}&cursor={cursor}"))
        assert_problem(reply, 400, "malformed_request")
        assert "other filters" in reply.body["detail"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("metadata.a=1&metadata.a=2", "metadata.a"),
        ("metadata.=1", "metadata."),
        ("metadata.a=%00", "metadata.a"),
        ("metadata.a=%FF", "metadata.a"),
        ("metadata.a=" + "x" * 513, "metadata.a"),
        ("metadata=1", "metadata"),
        ("metadata[a]=1", "metadata[a]"),
    ],
)
def test_a_pair_that_no_task_can_have_is_named(without_aws: None, query: str, name: str) -> None:
    reply = send(repeated(query))
    assert_problem(reply, 422, "invalid_request")
    assert pointers(reply) == [name]
