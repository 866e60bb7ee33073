"""The REST API: tasks are canceled, and finished videos fetched."""

from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from image_to_video.domain.errors import GeneratorUnavailableError
from image_to_video.domain.generator import Running

from tests.conftest import Application, ScriptedGenerator
from tests.handlers.conftest import TASK_ID, put_task, sample
from tests.support.rest import Reply, assert_problem, at, listing, send, showing


@pytest.fixture
def finished(deployed: Application) -> Application:
    """The sample task has succeeded and its video is in the bucket."""
    put_task(deployed, "modify_succeeded")
    key = f"demo/{TASK_ID}.mp4"
    deployed.client("s3").put_object(Bucket="videos", Key=key, Body=b"video")
    return deployed


def name(deployed: Application, text: str) -> None:
    """Give the sample task another name."""
    deployed.table("TASKS_TABLE").update_item(
        Key={"task_id": TASK_ID},
        UpdateExpression="SET #name = :name",
        ExpressionAttributeNames={"#name": "name"},
        ExpressionAttributeValues={":name": text},
    )


def query_of(reply: Reply) -> dict[str, list[str]]:
    return parse_qs(urlsplit(reply.headers["Location"]).query)


@pytest.mark.parametrize(("refunded", "cancellation"), [(True, "refunded"), (False, "too_late")])
def test_a_canceled_task_says_what_became_of_the_coins(
    deployed: Application, generator: ScriptedGenerator, refunded: bool, cancellation: str
) -> None:
    generator.answers, generator.refunds = [Running("initialized", refundable=refunded)], [True]
    task_id = send(sample("api/create_task")).body["task_id"]

    reply = send(at("/cancel", task_id, method="POST"))

    assert (reply.status, reply.body["task_id"]) == (200, task_id)
    assert reply.body["cancellation"] == cancellation
    assert len(generator.canceled) == refunded


def test_a_cancel_request_that_must_wait_is_accepted(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    generator.answers = [GeneratorUnavailableError("busy")]
    task_id = send(sample("api/create_task")).body["task_id"]

    reply = send(at("/cancel", task_id, method="POST"))

    assert (reply.status, reply.body["status"]) == (202, "generating")
    assert reply.body["cancellation"] is None
    assert reply.headers["Retry-After"] == "10"


def test_a_queued_task_is_canceled_for_nothing(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    generator.starts = [GeneratorUnavailableError("busy")]
    task_id = send(sample("api/create_task")).body["task_id"]

    reply = send(at("/cancel", task_id, method="POST"))

    assert (reply.body["status"], reply.body["cancellation"]) == ("canceled", "refunded")
    assert reply.body["links"]["cancel"] is None
    assert "Retry-After" not in reply.headers
    assert send(showing(task_id)).body["cancellation"] == "refunded"


def test_what_has_ended_is_shown_as_it_is(finished: Application) -> None:
    reply = send(sample("api/cancel_task") | at("/cancel", TASK_ID, method="POST"))

    assert (reply.status, reply.body["status"]) == (200, "succeeded")
    assert reply.body["cancellation"] == "already_final"
    assert send(showing(TASK_ID)).body["cancellation"] is None


@pytest.mark.parametrize(("tail", "method"), [("/cancel", "POST"), ("/video", "GET")])
def test_another_owner_s_task_can_neither_be_canceled_nor_watched(
    finished: Application, tail: str, method: str
) -> None:
    foreign = send(at(tail, TASK_ID, method=method, owner="bob"))
    finished.table("TASKS_TABLE").delete_item(Key={"task_id": TASK_ID})

    assert_problem(foreign, 404, "task_not_found")
    assert foreign == send(at(tail, TASK_ID, method=method, owner="bob"))


def test_a_finished_video_is_one_redirect_away(finished: Application) -> None:
    reply = send(sample("api/get_video") | at("/video", TASK_ID))

    link = urlsplit(reply.headers["Location"])
    assert (reply.status, reply.text) == (302, "")
    assert link.scheme == "https"
    assert link.path.endswith(f"/demo/{TASK_ID}.mp4")
    assert timedelta(seconds=int(query_of(reply)["X-Amz-Expires"][0])) <= timedelta(minutes=15)
    assert reply.headers["Cache-Control"] == "no-store"


def test_what_asks_for_the_headers_alone_gets_a_link_for_them(finished: Application) -> None:
    links = [send(at("/video", TASK_ID, method=m)).headers["Location"] for m in ("GET", "HEAD")]

    signatures = [parse_qs(urlsplit(link).query)["X-Amz-Signature"] for link in links]
    assert signatures[0] != signatures[1]


@pytest.mark.parametrize(
    ("text", "saved_as"),
    [
        ("Ada smiles", "filename=\"Ada smiles.mp4\"; filename*=UTF-8''Ada%20smiles.mp4"),
        ("Ada.MP4", "filename=\"Ada.MP4\"; filename*=UTF-8''Ada.MP4"),
        ("Zoë ☺", "filename=\"Zo_ _.mp4\"; filename*=UTF-8''Zo%C3%AB%20%E2%98%BA.mp4"),
        ("a\r\nX: y\0", "filename=\"a__X: y_.mp4\"; filename*=UTF-8''a__X%3A%20y_.mp4"),
        ('"; x="../a', "filename=\"_; x=_.._a.mp4\"; filename*=UTF-8''%22%3B%20x%3D%22..%2Fa.mp4"),
    ],
)
def test_the_file_is_named_after_the_task_and_after_nothing_else(
    finished: Application, text: str, saved_as: str
) -> None:
    name(finished, text)

    (disposition,) = query_of(send(at("/video", TASK_ID)))["response-content-disposition"]

    assert disposition == f"attachment; {saved_as}"


def test_a_video_that_is_not_there_yet_may_be_asked_for_again(deployed: Application) -> None:
    put_task(deployed, "modify_generating")

    reply = send(at("/video", TASK_ID))

    assert_problem(reply, 409, "not_ready")
    assert "generating" in reply.body["detail"]
    assert int(reply.headers["Retry-After"]) > 0


def test_a_video_that_will_never_come_is_said_to(
    deployed: Application, generator: ScriptedGenerator
) -> None:
    generator.starts = [GeneratorUnavailableError("busy")]
    task_id = send(sample("api/create_task")).body["task_id"]
    send(at("/cancel", task_id, method="POST"))

    reply = send(at("/video", task_id))

    assert_problem(reply, 409, "no_video")
    assert "canceled" in reply.body["detail"]
    assert "never" in reply.body["detail"]
    assert "Retry-After" not in reply.headers


def test_a_list_links_each_task_to_its_video(finished: Application) -> None:
    (task,) = send(listing()).body["data"]

    assert task["links"]["video"] == f"tasks/{TASK_ID}/video"


def test_a_player_gets_the_link_as_json(finished: Application) -> None:
    """It can send no header of its own, and a page cannot read where a redirect leads."""
    reply = send(at("/video", TASK_ID, accept="application/json"))

    assert (reply.status, set(reply.body)) == (200, {"url", "expires_at"})
    link = urlsplit(reply.body["url"])
    assert link.path.endswith(f"/demo/{TASK_ID}.mp4")
    # The end is the link's own: S3 goes by that and not by any clock of ours.
    query = parse_qs(link.query)
    signed_at = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%S%z")
    ends_at = signed_at + timedelta(seconds=int(query["X-Amz-Expires"][0]))
    assert datetime.fromisoformat(reply.body["expires_at"]) == ends_at
    assert "Location" not in reply.headers
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 302),
        ("video/*", 302),
        ("application/json, text/plain, */*", 302),
        ("text/html", 302),
        ("application/*", 200),
        ("application/json;q=0.9, */*;q=0.1", 200),
    ],
)
def test_the_answer_depends_on_what_is_accepted_and_says_so(
    finished: Application, accept: str, status: int
) -> None:
    reply = send(at("/video", TASK_ID, accept=accept))

    assert (reply.status, reply.headers["Vary"]) == (status, "Accept")


def test_without_any_accept_it_is_the_redirect(finished: Application) -> None:
    event = at("/video", TASK_ID)
    for headers in (event["headers"], event["multiValueHeaders"]):
        del headers["Accept"]

    assert send(event).status == 302


def test_the_headers_of_the_json_are_those_without_it(finished: Application) -> None:
    get, head = (
        send(at("/video", TASK_ID, method=method, accept="application/json"))
        for method in ("GET", "HEAD")
    )

    assert (head.status, set(head.body)) == (200, set(get.body))
    assert head.headers["Content-Type"] == get.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("accept", ["application/json", "*/*"])
def test_a_task_that_failed_has_no_video(deployed: Application, accept: str) -> None:
    put_task(deployed, "modify_generating")
    deployed.table("TASKS_TABLE").update_item(
        Key={"task_id": TASK_ID},
        UpdateExpression="SET #status = :failed",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":failed": "failed"},
    )

    reply = send(at("/video", TASK_ID, accept=accept))

    assert_problem(reply, 409, "no_video")
    assert "Retry-After" not in reply.headers
