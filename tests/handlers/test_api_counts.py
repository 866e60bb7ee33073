"""`GET /tasks/counts`: how many tasks an owner has, by status."""

from typing import Any

import pytest

from tests.conftest import Application
from tests.handlers.conftest import sample
from tests.support.rest import IMAGE, as_owner, assert_problem, at, creation, send

NOTHING = {"count": 0, "more": False}


def counting(owner: str = "demo", method: str = "GET") -> dict[str, Any]:
    event = as_owner(sample("api/count_tasks"), owner) | {"httpMethod": method}
    event["requestContext"]["httpMethod"] = method
    return event


def test_who_has_no_tasks_counts_none(deployed: Application) -> None:
    reply = send(sample("api/count_tasks"))

    assert reply.status == 200
    statuses = ("queued", "generating", "storing", "succeeded", "failed", "canceled")
    nothing = dict.fromkeys(statuses, NOTHING)
    assert reply.body == {"object": "task_counts", "by_status": nothing}


def test_tasks_are_counted_where_they_are_now(deployed: Application) -> None:
    made = [send(creation({"image_url": IMAGE})).body["task_id"] for _ in range(3)]
    send(creation({"image_url": IMAGE}, owner="ada"))
    assert send(at("/cancel", made[0], method="POST")).body["status"] == "canceled"

    counts = send(counting()).body["by_status"]

    assert counts.pop("generating") == {"count": 2, "more": False}
    assert counts.pop("canceled") == {"count": 1, "more": False}
    assert all(count == NOTHING for count in counts.values())
    assert send(counting("ada")).body["by_status"]["generating"]["count"] == 1


def test_head_is_answered_like_get(deployed: Application) -> None:
    assert send(counting(method="HEAD")).status == 200


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_counts_are_no_task(without_aws: None, method: str) -> None:
    reply = send(counting(method=method))
    assert_problem(reply, 405, "method_not_allowed")
    assert reply.headers["Allow"] == "GET, HEAD, OPTIONS"
