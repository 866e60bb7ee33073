"""Addresses: links from every route, and the base path of a custom domain in front of them."""

from typing import Any
from urllib.parse import urljoin

import pytest

from tests.conftest import PROJECT, Application
from tests.handlers.conftest import TASK_ID, put_task, sample
from tests.support.rest import Reply, at, listing, send

SAMPLES = sorted(
    f"{function}/{path.stem}"
    for function in ("api", "public", "receive_hint")
    for path in (PROJECT / "events" / function).glob("*.json")
)


def mapped(event: dict[str, Any], base_path: str) -> dict[str, Any]:
    """The same request as it comes through a custom domain: the base path is part of the path."""
    event["path"] = base_path + event["path"]
    event["requestContext"] |= {"path": event["path"], "domainName": "videos.example.com"}
    return event


def seen(reply: Reply) -> tuple[object, ...]:
    """What must not depend on the address by which the API was called."""
    body = reply.body if reply.text else {}
    return reply.status, sorted(reply.headers), sorted(body), body.get("code")


@pytest.mark.parametrize("base_path", ["/films", "/tasks"])
@pytest.mark.parametrize("name", SAMPLES)
def test_a_base_path_changes_no_answer(deployed: Application, name: str, base_path: str) -> None:
    put_task(deployed, "modify_succeeded")
    event = sample(name)
    # So that both of a creation are replays of its key.
    send(event)

    assert seen(send(mapped(sample(name), base_path))) == seen(send(event))


@pytest.mark.parametrize(
    ("event", "asked"),
    [
        (at("", TASK_ID), f"/tasks/{TASK_ID}"),
        (at("/cancel", TASK_ID, method="POST"), f"/tasks/{TASK_ID}/cancel"),
        (listing(), "/tasks"),
        (listing() | {"path": "/tasks/"}, "/tasks/"),
    ],
    ids=["show", "cancel", "list", "list with a slash"],
)
def test_links_lead_on_from_where_the_task_is_shown(
    deployed: Application, event: dict[str, Any], asked: str
) -> None:
    put_task(deployed, "modify_succeeded")

    shown = send(event).body
    links = shown.get("data", [shown])[0]["links"]

    for base in ("https://a.example/v1", "https://a.example/films", "https://a.example"):
        place = f"{base}/tasks/{TASK_ID}"
        assert urljoin(base + asked, links["self"]) == place
        assert urljoin(base + asked, links["video"]) == f"{place}/video"
