"""`POST /uploads`: a form for one image, and the task that sending it starts."""

import base64
import json
from typing import Any

import httpx
import pytest
from image_to_video.settings import Settings

import functions.on_image_uploaded.app as on_image_uploaded
from tests.conftest import PROJECT, REGION, Application, ScriptedGenerator
from tests.handlers.conftest import invoke, sample
from tests.support.rest import Reply, as_owner, assert_problem, pointers, send, showing

PNG = (PROJECT / "i2v" / "sample" / "portrait.png").read_bytes()


@pytest.fixture(autouse=True)
def _versions(deployed: Application) -> None:
    """The image bucket keeps versions, as the template says."""
    deployed.client("s3").put_bucket_versioning(
        Bucket="images", VersioningConfiguration={"Status": "Enabled"}
    )


def ask(owner: str = "demo", **fields: Any) -> Reply:
    event = sample("api/create_upload")
    event["body"] = json.dumps({"filename": "a.png", "content_type": "image/png"} | fields)
    return send(as_owner(event, owner))


def sent(deployed: Application, ticket: dict[str, Any], content: bytes = PNG) -> dict[str, Any]:
    """Do with the form what S3 does; the event that tells of it."""
    fields = ticket["fields"]
    metadata = {
        name.removeprefix("x-amz-meta-"): value
        for name, value in fields.items()
        if name.startswith("x-amz-meta-")
    }
    put = deployed.client("s3").put_object(
        Bucket="images", Key=fields["key"], Body=content, Metadata=metadata
    )
    event = sample("on_image_uploaded/object_created")
    event["detail"]["object"] |= {
        "key": fields["key"],
        "etag": put["ETag"].strip('"'),
        "version-id": put["VersionId"],
    }
    return event


def deliver(event: dict[str, Any]) -> str:
    return str(invoke(on_image_uploaded.handler, event)["task_id"])


def policy_of(ticket: dict[str, Any]) -> list[Any]:
    policy = json.loads(base64.b64decode(ticket["fields"]["policy"]))
    conditions: list[Any] = policy["conditions"]
    return conditions


def test_the_task_has_the_id_that_was_reserved(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    reply = send(sample("api/create_upload"))
    assert (reply.status, set(reply.body)) == (201, {"task_id", "url", "fields", "expires_at"})
    assert reply.body["expires_at"] == "2026-11-22T12:15:00.000Z"
    assert reply.headers["Cache-Control"] == "no-store"
    assert_problem(send(showing(reply.body["task_id"])), 404, "task_not_found")

    task_id = deliver(sent(deployed, reply.body))

    task = send(showing(task_id)).body
    assert task_id == reply.body["task_id"]
    assert task["status"] == "generating"
    assert (task["name"], task["prompt"]) == (
        "Ada at the sea.png",
        "Die Wellen brechen über den Strand.",
    )
    assert (task["video_time"], task["metadata"]) == (10, {"order": "4711"})
    assert task["negative_prompt"] == Settings.released()["DEFAULT_NEGATIVE_PROMPT"]
    assert len(generator.requests) == 1


def test_the_form_takes_exactly_what_it_was_made_for(deployed: Application) -> None:
    ticket = ask(prompt="She waves.", metadata={"order": "4711"}).body

    fields = ticket["fields"]
    assert fields["key"].startswith("uploads/demo/_promised/")
    assert fields["Content-Type"] == "image/png"
    assert fields["x-amz-meta-prompt"] == "She waves."
    assert fields["x-amz-meta-meta-order"] == "4711"
    policy = policy_of(ticket)
    assert ["content-length-range", 1, 10 * 1024 * 1024] in policy
    exact = {
        name: value for rule in policy if isinstance(rule, dict) for name, value in rule.items()
    }
    assert set(exact) >= set(fields) - {"policy", "x-amz-signature"}
    assert all(exact[name] == value for name, value in fields.items() if name in exact)
    assert not [rule for rule in policy if isinstance(rule, list) and rule[0] == "starts-with"]


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_form_sent_twice_is_one_task(
    deployed: Application, generator: ScriptedGenerator, newest_first: bool
) -> None:
    ticket = ask().body
    events = [sent(deployed, ticket), sent(deployed, ticket, PNG + b"\0")]

    ids = {deliver(event) for event in (events[::-1] if newest_first else events) * 2}

    assert ids == {ticket["task_id"]}
    assert len(generator.requests) == 1


def test_two_forms_are_two_tasks(deployed: Application, generator: ScriptedGenerator) -> None:
    tickets = [ask().body for _ in range(2)]

    ids = [deliver(sent(deployed, ticket)) for ticket in tickets]

    assert ids == [ticket["task_id"] for ticket in tickets]
    assert len(set(ids)) == len(generator.requests) == 2


def test_a_form_of_another_owner_cannot_be_used_under_one_s_own_key(deployed: Application) -> None:
    ticket = ask("ada").body
    stolen = {**ticket["fields"], "key": ticket["fields"]["key"].replace("/ada/", "/bob/")}

    task_id = deliver(sent(deployed, {"fields": stolen}))

    assert task_id != ticket["task_id"]
    assert_problem(send(showing(ticket["task_id"])), 404, "task_not_found")


def test_a_bad_image_in_a_good_form_is_a_failed_task(deployed: Application) -> None:
    ticket = ask().body

    deliver(sent(deployed, ticket, b"just words"))

    task = send(showing(ticket["task_id"])).body
    assert (task["status"], task["failure"]["code"]) == ("failed", "invalid_image")


@pytest.mark.parametrize(
    "text",
    [
        "Grüße ☺",
        " blanks ",
        "\N{GRINNING FACE}\u200d",
        "${filename}",
        "=?UTF-8?B?AAAA?=",
        "=?",
    ],
)
def test_every_prompt_survives_the_way_through_s3(deployed: Application, text: str) -> None:
    ticket = ask(prompt=text, metadata={"note": text}).body
    sending = ticket["fields"]["x-amz-meta-prompt"]

    task_id = deliver(sent(deployed, ticket))

    record = deployed.table("TASKS_TABLE").get_item(Key={"task_id": task_id})["Item"]
    assert (record["prompt"], record["metadata"]) == (text, {"note": text})
    assert sending.isascii()
    assert sending.isprintable()
    assert "${" not in sending


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"filename": None}, "/filename"),
        ({"filename": ""}, "/filename"),
        ({"filename": "a\0.png"}, "/filename"),
        ({"filename": "a\n.png"}, "/filename"),
        ({"filename": "a" * 256}, "/filename"),
        ({"content_type": "image/gif"}, "/content_type"),
        ({"content_type": "image/png; charset=x"}, "/content_type"),
        ({"image_url": "https://example.com/a.png"}, "/image_url"),
        ({"video_time": 7}, "/video_time"),
        ({"prompt": "p" * 1001}, "/prompt"),
        ({"prompt": "ü" * 1000}, "/prompt"),
        ({"negative_prompt": "☺" * 700}, "/negative_prompt"),
        (
            {"metadata": {"a": "x" * 512, "b": "x" * 512, "c": "x" * 512, "d": "x" * 512}},
            "/metadata",
        ),
        ({"metadata": {"Order": "x"}}, "/metadata/Order"),
        ({"metadata": {"a b": "x"}}, "/metadata/a b"),
    ],
)
def test_options_that_do_not_fit_into_a_form_are_refused(
    deployed: Application, fields: dict[str, Any], expected: str
) -> None:
    reply = ask(**fields)

    assert_problem(reply, 422, "invalid_request")
    assert pointers(reply)[0].startswith(expected)


@pytest.mark.parametrize("owner", ["a/b", "..", "o" * 1000])
def test_an_owner_who_cannot_be_in_a_key_cannot_upload(deployed: Application, owner: str) -> None:
    assert_problem(ask(owner), 422, "invalid_request")


@pytest.mark.parametrize("owner", ["a b", "ä+&?#%", "a.b@example.com"])
def test_an_owner_may_have_any_other_name(
    deployed: Application, generator: ScriptedGenerator, owner: str
) -> None:
    ticket = ask(owner).body

    assert deliver(sent(deployed, ticket)) == ticket["task_id"]
    assert send(showing(ticket["task_id"], owner=owner)).status == 200
    assert len(generator.requests) == 1


def test_the_address_is_the_bucket_s(deployed: Application) -> None:
    url = httpx.URL(ask().body["url"])

    assert (url.scheme, url.host.partition(".")[0]) == ("https", "images")
    assert REGION in base64.b64decode(ask().body["fields"]["policy"]).decode()
