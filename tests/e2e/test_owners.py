"""Two owners: one uses every id, cursor, key, form, link and token of the other, on every route."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from image_to_video.adapters.token_table import TokenTable
from image_to_video.lifecycle.identities import task_id_for

from i2v.simulator.sample import SAMPLE_PATH
from i2v.stack import subscribed_queue
from tests.conftest import PROJECT
from tests.e2e.conftest import Running
from tests.support.patience import PATIENCE, get, post, until

PICTURE = SAMPLE_PATH.read_bytes()
CONTRACT = json.loads((PROJECT / "functions" / "public" / "openapi.json").read_text())
ROUTES = {(method.upper(), path) for path, item in CONTRACT["paths"].items() for method in item}
OPEN_TO_ALL = {("GET", "/health"), ("GET", "/openapi.json"), ("GET", "/asyncapi.json")}
# The generator's own, which no owner's token opens.
HINTS = ("POST", "/hints/{task_id}")
CLOSED = sorted(ROUTES - OPEN_TO_ALL - {HINTS})
FORM = {"filename": "a.png", "content_type": "image/png"}
UNKNOWN = "0123456789abcdef" * 2
# What differs between any two answers.
OF_ONE_ANSWER = {"date", "x-request-id", "x-amzn-requestid", "x-amz-request-id"}


@dataclass
class Owners:
    """Ada, who has something of everything, and Eve, who has nothing but a token of her own."""

    running: Running
    ada: httpx.Client
    eve: httpx.Client
    done: str
    going: str
    ticket: dict[str, Any]
    image_key: str
    body: dict[str, Any]
    cursor: str
    filtered: str
    queues: dict[str, str]

    @property
    def ids(self) -> list[str]:
        """Ada's tasks: ended, going on, and one that is promised and not yet there."""
        return [self.done, self.going, str(self.ticket["task_id"])]

    def owned_by(self, owner: str) -> str:
        """All that is kept of an owner: records, files, and what was paid."""
        rows = self.running.emulator.table(self.running.stack.tasks_table).scan()["Items"]
        s3, kept = self.running.emulator.client("s3"), []
        for bucket, prefix in (
            (self.running.stack.images_bucket, f"uploads/{owner}/"),
            (self.running.stack.videos_bucket, f"{owner}/"),
        ):
            kept += s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        mine = sorted((row for row in rows if row["owner"] == owner), key=lambda r: r["task_id"])
        paid = [c for c in self.running.ledger() if any(r["task_id"] in c["name"] for r in mine)]
        return json.dumps([mine, kept, paid], default=str, sort_keys=True)

    def heard_by(self, owner: str, task_id: str) -> list[dict[str, Any]]:
        """What an owner's subscriber hears up to the end of a task."""
        events: list[dict[str, Any]] = []

        def ended() -> bool:
            events.extend(self.running.received(self.queues[owner]))
            return (task_id, "succeeded") in [(e["subject"], e["data"]["status"]) for e in events]

        until(ended)
        return events


@pytest.fixture(scope="module")
def owners(running: Running) -> Iterator[Owners]:
    tokens = TokenTable(running.emulator.table(running.stack.tokens_table))
    secrets = {
        owner: tokens.create(owner=owner, name="test", now=datetime.now(UTC))
        for owner in ("ada", "eve")
    }
    # Each receives events of one owner's tasks alone.
    queues = {
        owner: subscribed_queue(
            running.emulator,
            running.stack.topic_arn,
            f"tasks-of-{owner}",
            json.dumps({"owner": [owner]}),
        )
        for owner in secrets
    }
    with running.api(secrets["ada"]) as ada, running.api(secrets["eve"]) as eve:
        yield _furnished(running, ada, eve, queues)


def _furnished(
    running: Running, ada: httpx.Client, eve: httpx.Client, queues: dict[str, str]
) -> Owners:
    going = task_id_for("ada", "going")
    body = {"image_url": running.sample_url, "metadata": {"whose": "Ada's alone"}}
    with running.unpolled():
        ada.post("/tasks", json=body, headers={"Idempotency-Key": "going"})
    sent = ada.post("/uploads", json=FORM).json()
    files = {"file": ("a.png", PICTURE, "image/png")}
    post(sent["url"], data=sent["fields"], files=files).raise_for_status()
    _until_succeeded(ada, sent["task_id"])
    assert ada.get(f"/tasks/{going}").json()["status"] == "generating"
    return Owners(
        running=running,
        ada=ada,
        eve=eve,
        done=sent["task_id"],
        going=going,
        ticket=ada.post("/uploads", json=FORM).json(),
        image_key=sent["fields"]["key"],
        body=body,
        cursor=ada.get("/tasks", params={"limit": 1}).json()["next_cursor"],
        filtered=ada.get(
            "/tasks", params={"limit": 1, "created_after": "2026-01-01T00:00:00Z"}
        ).json()["next_cursor"],
        queues=queues,
    )


def _until_succeeded(api: httpx.Client, task_id: str) -> None:
    until(lambda: api.get(f"/tasks/{task_id}").json()["status"] == "succeeded")


@pytest.fixture
def untouched(owners: Owners) -> Iterator[None]:
    """Whatever Eve does in this test, all of Ada's stays as it is, byte for byte."""
    before = owners.owned_by("ada")
    assert owners.done in before
    yield
    assert owners.owned_by("ada") == before


def plain(answer: httpx.Response, task_id: str) -> tuple[object, ...]:
    """An answer without its request id and the id that was asked for."""
    headers = {k: v for k, v in answer.headers.items() if k.lower() not in OF_ONE_ANSWER}
    request_id = answer.headers.get("X-Request-Id") or answer.headers["x-amzn-requestid"]
    content = answer.text.replace(request_id, "<request>").replace(task_id, "<id>")
    return answer.status_code, headers, content


def attack_one_task(owners: Owners, method: str, path: str) -> None:
    """Somebody else's id is answered as one that nobody has."""
    body = {"owner": "ada"} if method == "POST" else None
    for asked in (method, "HEAD", "PUT", "OPTIONS"):
        nobodys = owners.eve.request(asked, path.format(task_id=UNKNOWN), json=body)
        for task_id in owners.ids:
            answer = owners.eve.request(asked, path.format(task_id=task_id), json=body)
            assert plain(answer, task_id) == plain(nobodys, UNKNOWN)
            for name in ("location", "retry-after"):
                assert name not in answer.headers
        if asked in (method, "GET"):
            assert (nobodys.status_code, nobodys.json()["code"]) == (404, "task_not_found")


def attack_the_list(owners: Owners, method: str, path: str) -> None:
    invented = "x" * len(owners.cursor)
    nobodys = owners.eve.get(path, params={"cursor": invented})
    assert (nobodys.status_code, nobodys.json()["code"]) == (400, "malformed_request")
    filters: dict[str, str]
    for filters in ({}, {"limit": "1"}, {"created_after": "2026-01-01T00:00:00Z"}):
        for cursor in (owners.cursor, owners.filtered):
            answer = owners.eve.get(path, params={"cursor": cursor} | filters)
            assert plain(answer, cursor) == plain(nobodys, invented)
        for status in (None, "succeeded", "generating"):
            query = filters | ({"status": status} if status else {})
            shown = owners.eve.get(path, params=query).text
            assert not [task_id for task_id in owners.ids if task_id in shown]
            assert "Ada" not in shown
    assert owners.eve.get(path, params={"owner": "ada"}).status_code == 422
    for headers in ({"X-Owner": "ada"}, {"owner": "ada"}):
        assert "Ada" not in owners.eve.get(path, headers=headers).text


def attack_the_counts(owners: Owners, method: str, path: str) -> None:
    """Nobody's tasks but her own are counted, whatever she says."""
    tokens = TokenTable(owners.running.emulator.table(owners.running.stack.tokens_table))
    token = tokens.create(owner="ida", name="test", now=datetime.now(UTC))
    with owners.running.api(token) as ida:
        for asked in ({}, {"owner": "ada"}):
            for headers in ({}, {"X-Owner": "ada"}):
                counts = ida.request(method, path, params=asked, headers=headers).json()
                held = {one["count"] for one in counts["by_status"].values()}
                assert held == {0}, (asked, headers)


def attack_the_key(owners: Owners, method: str, path: str) -> None:
    """The same key with the same and with another body: Eve's own task, not Ada's."""
    key = {"Idempotency-Key": "going"}
    body = {"image_url": owners.running.sample_url}
    own = owners.eve.post(path, json=body, headers=key)
    assert (own.status_code, own.json()["task_id"]) == (202, task_id_for("eve", "going"))
    assert own.json()["task_id"] not in owners.ids
    assert own.json()["metadata"] == {}
    # The key is Eve's from now on: Ada's request is another one.
    again = owners.eve.post(path, json=owners.body, headers=key)
    assert (again.status_code, again.json()["code"]) == (422, "idempotency_key_reused")
    assert "Ada" not in again.text
    for name, value in {"owner": "ada", "task_id": owners.going, "execution": "x"}.items():
        assert owners.eve.post(path, json=body | {name: value}).status_code == 422
    for stolen in (*owners.ids, owners.image_key, owners.ticket["fields"]["key"]):
        taken = owners.eve.post(path, json=body, headers={"Idempotency-Key": stolen})
        assert taken.status_code == 202
        assert taken.json()["task_id"] not in owners.ids


def attack_the_form(owners: Owners, method: str, path: str) -> None:
    """Neither a form of Eve's nor one of Ada's brings a file where it was not made for."""
    form = FORM | {"filename": "../ada/_promised/a.png"}
    own = owners.eve.post(path, json=form).json()
    assert own["fields"]["key"].startswith("uploads/eve/_promised/")
    for name, value in {"owner": "ada", "key": owners.image_key}.items():
        assert owners.eve.post(path, json=FORM | {name: value}).status_code == 422
    adas = owners.ticket["fields"]
    key_of = own["fields"]["key"]
    for fields in (
        own["fields"] | {"key": owners.image_key},
        own["fields"] | {"key": adas["key"]},
        own["fields"] | {"key": "uploads/ada/a.png"},
        own["fields"] | {"key": key_of.replace("uploads/eve", "uploads/eve/../ada")},
        own["fields"] | {"key": f"{key_of}/../../../ada/a.png"},
        own["fields"] | {"key": adas["key"], "policy": adas["policy"]},
        adas | {"key": key_of},
        adas | {"key": "uploads/ada/a.png"},
        adas | {"key": owners.image_key},
    ):
        files = {"file": ("a.png", PICTURE, "image/png")}
        sent = post(own["url"], data=fields, files=files)
        assert sent.status_code in (400, 403), fields["key"]
        assert not [task_id for task_id in owners.ids if task_id in sent.text]


def attack_the_public(owners: Owners, method: str, path: str) -> None:
    """What needs no token says the same to all, and nothing of anybody."""
    answers = [api.request(method, path) for api in (owners.ada, owners.eve)]
    answers.append(httpx.request(method, f"{owners.running.stack.api_url}{path}", timeout=PATIENCE))
    assert len({answer.content for answer in answers}) == 1
    assert not re.search("|".join([*owners.ids, "Ada's"]), answers[0].text)


def attack_the_hints(owners: Owners, method: str, path: str) -> None:
    """Whoever calls without the attempt's own token is answered alike, and moves nothing."""
    made_up = ("", owners.running.stack.token, "1." + "A" * 43, "1.x", f"{owners.going}-1")
    nobodys = owners.eve.post(path.format(task_id=UNKNOWN))
    assert (nobodys.status_code, nobodys.content) == (204, b"")
    for api in (owners.ada, owners.eve):
        for task_id in owners.ids:
            for token in made_up:
                headers = {"X-A2e-Webhook-Token": token}
                answer = api.post(path.format(task_id=task_id), headers=headers, json={"data": {}})
                assert plain(answer, task_id) == plain(nobodys, UNKNOWN)


ATTACKS: dict[tuple[str, str], Callable[[Owners, str, str], None]] = {
    ("GET", "/tasks/{task_id}"): attack_one_task,
    ("GET", "/tasks/{task_id}/video"): attack_one_task,
    ("POST", "/tasks/{task_id}/cancel"): attack_one_task,
    ("GET", "/tasks"): attack_the_list,
    ("GET", "/tasks/counts"): attack_the_counts,
    ("POST", "/tasks"): attack_the_key,
    ("POST", "/uploads"): attack_the_form,
    HINTS: attack_the_hints,
    **dict.fromkeys(OPEN_TO_ALL, attack_the_public),
}


def test_every_route_is_attacked() -> None:
    assert set(ATTACKS) == ROUTES


@pytest.mark.parametrize(("method", "path"), sorted(ROUTES))
def test_nothing_of_another_owner_is_shown_or_changed(
    owners: Owners, untouched: None, method: str, path: str
) -> None:
    ATTACKS[method, path](owners, method, path)


def test_the_owner_herself_is_let_in(owners: Owners) -> None:
    """The same calls with the other token, so that the refusals above mean something."""
    ada = owners.ada
    for task_id in (owners.done, owners.going):
        assert ada.get(f"/tasks/{task_id}").json()["task_id"] == task_id
        assert ada.head(f"/tasks/{task_id}").status_code == 200
    for method in ("GET", "HEAD"):
        assert ada.request(method, f"/tasks/{owners.done}/video").status_code == 302
    query = {"created_after": "2026-01-01T00:00:00Z"}
    for params in ({"cursor": owners.cursor}, {"cursor": owners.filtered} | query):
        [task] = ada.get("/tasks", params=params).json()["data"]
        assert task["task_id"] in owners.ids
    counts = ada.get("/tasks/counts").json()["by_status"]
    assert counts["succeeded"]["count"] >= 1
    assert counts["generating"]["count"] == 1
    again = ada.post("/tasks", json=owners.body, headers={"Idempotency-Key": "going"})
    assert (again.status_code, again.json()["task_id"]) == (202, owners.going)
    other, key = task_id_for("ada", "other"), {"Idempotency-Key": "other"}
    # However late the request to cancel comes, the generator still works on it.
    owners.running.inject({"on": "start", "kind": "stuck", "match": f"{other}-1"})
    assert ada.post("/tasks", json=owners.body, headers=key).json()["task_id"] == other
    assert ada.post(f"/tasks/{other}/cancel").json()["status"] == "canceled"
    ticket = ada.post("/uploads", json=FORM).json()
    files = {"file": ("a.png", PICTURE, "image/png")}
    # Whoever sends a form, its task is the owner's whom it was made for.
    assert post(ticket["url"], data=ticket["fields"], files=files).status_code == 204
    _until_succeeded(ada, ticket["task_id"])
    assert owners.eve.get(f"/tasks/{ticket['task_id']}").status_code == 404


def test_a_link_leads_to_its_own_video_alone(owners: Owners, untouched: None) -> None:
    own = owners.eve.post("/tasks", json={"image_url": owners.running.sample_url}).json()
    _until_succeeded(owners.eve, own["task_id"])
    link = owners.eve.get(f"/tasks/{own['task_id']}/video").headers["Location"]
    assert get(link).status_code == 200
    stolen = link.replace(f"/eve/{own['task_id']}", f"/ada/{owners.done}")
    assert stolen != link
    assert get(stolen).status_code == 403


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_a_token_that_has_ended_opens_nothing(
    owners: Owners, untouched: None, method: str, path: str
) -> None:
    """Ada's own, expired and revoked, and one that only looks like hers; on every route."""
    tokens = TokenTable(owners.running.emulator.table(owners.running.stack.tokens_table))
    now = datetime.now(UTC)
    long_ago = now - timedelta(days=2)
    expired = tokens.create(
        owner="ada", name="expired", now=long_ago, expires_at=now - timedelta(seconds=1)
    )
    revoked = tokens.create(owner="ada", name="revoked", now=long_ago)
    tokens.revoke(tokens.find(revoked)[0], now)
    place = path.format(task_id=owners.done)
    for token, status in ((expired, 403), (revoked, 403), ("i2v_" + "ada" * 14 + "x", 401)):
        with owners.running.api(token) as api:
            answer = api.request(method, place, json=owners.body if method == "POST" else None)
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "application/problem+json"
        # Without its request id, whose digits say "ada" now and then.
        text = str(plain(answer, UNKNOWN)[-1])
        assert not re.search("Ada|ada|" + "|".join(owners.ids), text)


def test_a_subscriber_hears_of_one_owner_alone(owners: Owners) -> None:
    own = owners.eve.post("/tasks", json={"image_url": owners.running.sample_url}).json()
    of_ada = owners.heard_by("ada", owners.done)
    of_eve = owners.heard_by("eve", own["task_id"])
    assert {owners.done, owners.going} <= {event["subject"] for event in of_ada}
    table = owners.running.emulator.table(owners.running.stack.tasks_table)
    for owner, events in (("ada", of_ada), ("eve", of_eve)):
        for event in events:
            assert table.get_item(Key={"task_id": event["subject"]})["Item"]["owner"] == owner
