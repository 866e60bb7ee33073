"""Planted secrets through every way in which a handler can fail; no line may hold one.

What is logged is searched after each test, at level DEBUG (`tests/support/log_scan.py`). Errors
that leave a handler are logged by Lambda's own runtime, so here they go through it.
"""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

import boto3
import httpx
import pytest
from awslambdaric import bootstrap
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError, EndpointConnectionError
from image_to_video import a2e_access, container, wiring
from image_to_video.domain.errors import GeneratorUnavailableError

import functions.authorize.app as authorize
import functions.on_image_uploaded.app as on_image_uploaded
import functions.poll_task.app as poll_task
import functions.publish_events.app as publish_events
import functions.redrive_task.app as redrive_task
import functions.store_video.app as store_video
from tests.conftest import REGION, Application, ResultHost, ScriptedGenerator
from tests.handlers.conftest import TASK_ID, Context, put_task, sample, stored_task
from tests.support.images import PNG
from tests.support.log_scan import CANARY, leaks
from tests.support.rest import IMAGE, creation, send

LINK: Final = f"https://cdn.example/v.mp4?X-Amz-Signature={CANARY}&sig={CANARY}"
SAID: Final = f"see {LINK} (Bearer sk_{CANARY}) or i2v_{CANARY}-{CANARY}"
A2E_ID: Final = "66f0c1a2b3c4d5e6f7a8b9c0"

type Answer = Callable[[httpx.Request], httpx.Response]


class Runtime:
    """As much of Lambda's runtime as runs a handler and logs what it raises."""

    def __init__(self) -> None:
        self.marshaller = SimpleNamespace(
            unmarshal_request=lambda body, kind: json.loads(body),
            marshal_response=lambda answer: (json.dumps(answer), "application/json"),
        )
        self.logged: list[str] = []
        self.error: dict[str, Any] | None = None

    def post_invocation_error(self, identity: str, error: str, *_: object) -> None:
        self.error = json.loads(error)

    def post_invocation_result(self, *_: object) -> None:
        """An answer is no log line."""

    def log_error(self, lines: list[str]) -> None:
        self.logged += lines

    def log(self, line: str, *_: object) -> None:
        self.logged.append(line)


def run(
    handler: Callable[[Any, Any], Any], event: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any] | None:
    """The error that the invocation ended in, as Lambda logs it, or None."""
    runtime: Any = Runtime()
    monkeypatch.setattr(bootstrap, "create_lambda_context", lambda *_: Context())
    bootstrap.handle_event_request(
        runtime,
        handler,
        "1",
        json.dumps(event),
        "application/json",
        None,
        None,
        "arn",
        0,
        None,
        runtime,
    )
    lines = "\n".join(str(line) for line in runtime.logged)
    assert not list(leaks(lines)), lines
    assert bool(lines) is (runtime.error is not None)
    error: dict[str, Any] | None = runtime.error
    return error


@pytest.fixture
def a2e(deployed: Application, monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], None]:
    """Makes the real client of A2E speak to an answer that the test wrote down."""
    boto3.client("secretsmanager", region_name=REGION).put_secret_value(
        SecretId="a2e-token", SecretString=f"sk_{CANARY}"
    )

    def answering(answer: Answer) -> None:
        transport = httpx.MockTransport(answer)
        monkeypatch.setattr(httpx, "HTTPTransport", lambda **_: transport)
        monkeypatch.setattr(wiring, "generator", REAL_GENERATOR)

    return answering


REAL_GENERATOR: Final = a2e_access.generator


def json_answer(status: int, body: Any) -> Answer:
    return lambda _: httpx.Response(status, json=body)


def raising(error: Exception) -> Answer:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    return answer


A2E_TROUBLE: Final[dict[str, Answer]] = {
    "refused": json_answer(400, {"code": 400, "msg": SAID}),
    "image refused": json_answer(400, {"code": 400, "msg": f"image {SAID}"}),
    "content": json_answer(200, {"code": 1, "msg": f"nsfw {SAID}"}),
    "no access": json_answer(401, {"code": 401, "error": SAID, "trace_id": SAID}),
    "no coins": json_answer(200, {"code": 1, "message": f"coins {SAID}"}),
    "busy": json_answer(429, {"code": 429, "err_message": SAID}),
    "unclear": json_answer(200, {"code": 7, "msg": SAID, "trace_id": SAID}),
    "outage": json_answer(502, {"msg": SAID}),
    "page": lambda _: httpx.Response(200, text=f"<html>{SAID}</html>"),
    "no id": json_answer(200, {"code": 0, "data": {"_id": SAID}, "msg": SAID}),
    "nested": json_answer(200, {"code": 3, "msg": {"url": LINK, "headers": [SAID]}}),
    "failed": json_answer(
        200,
        {"code": 0, "data": {"_id": A2E_ID, "current_status": "failed", "failed_message": SAID}},
    ),
    "unknown word": json_answer(
        200, {"code": 0, "data": {"_id": A2E_ID, "current_status": SAID, "failed_code": SAID}}
    ),
    "ready": json_answer(
        200, {"code": 0, "data": {"_id": A2E_ID, "current_status": "completed", "result_url": LINK}}
    ),
    "unreachable": raising(httpx.ConnectError(SAID)),
    "timed out": raising(httpx.ReadTimeout(SAID)),
    "quoted line": raising(httpx.RemoteProtocolError(f"illegal status line: bytearray(b'{SAID}')")),
    "quoted header": raising(httpx.LocalProtocolError(f"Illegal header value b'{SAID}'")),
}


@pytest.mark.parametrize("trouble", A2E_TROUBLE)
def test_nothing_that_a2e_says_is_logged_with_its_secrets(
    a2e: Callable[[Answer], None],
    deployed: Application,
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
) -> None:
    a2e(A2E_TROUBLE[trouble])
    send(creation({"image_url": f"{IMAGE}?token={CANARY}"}))
    put_task(deployed, "modify_generating")
    record = {"generator_task_id": A2E_ID, "next_poll_at": "2026-01-01T00:00:00.000Z"}
    deployed.table("TASKS_TABLE").put_item(Item=stored_task(deployed) | record)
    run(poll_task.handler, {"task_id": TASK_ID}, monkeypatch)
    run(redrive_task.handler, {"task_id": TASK_ID}, monkeypatch)
    text = str(stored_task(deployed) | {"result_url": None})
    assert not list(leaks(text)), text


@pytest.mark.parametrize("secret", [f"sk_{CANARY}\nX: y", f"sk_{CANARY}\0", f"sk_{CANARY}é", " "])
def test_a_token_that_cannot_be_sent_is_not_quoted(
    a2e: Callable[[Answer], None], deployed: Application, secret: str
) -> None:
    a2e(json_answer(200, {}))
    deployed.client("secretsmanager").put_secret_value(SecretId="a2e-token", SecretString=secret)
    assert send(creation({"image_url": IMAGE})).body["waiting_for"] == "access"


@pytest.mark.parametrize(
    "body",
    [
        {"image_url": LINK, "prompt": 5},
        {"image_url": LINK, "seed": SAID},
        {"image_url": f"http://10.0.0.1/?sig={CANARY}"},
        {"image_url": f"https://user:{CANARY}@cdn.example/"},
        {"image_url": f"https://cdn.example:{CANARY}/"},
        {"image_url": f"https://[{CANARY}/"},
        {"image_url": LINK, "metadata": {SAID: 1}},
        f'{{"image_url": "{LINK}"',
        f"{LINK}",
    ],
)
def test_a_refused_request_is_not_logged(without_aws: None, body: object) -> None:
    event = creation(body, key=CANARY)
    event["headers"]["Authorization"] = f"Bearer i2v_{CANARY}"
    assert send(event).status in (400, 422)


@pytest.mark.parametrize("kind", [RuntimeError, KeyError, GeneratorUnavailableError])
def test_an_unexpected_error_is_logged_without_secrets(
    deployed: Application, generator: ScriptedGenerator, kind: type[Exception]
) -> None:
    """The second line of defence: the log's own formatter, also for tracebacks."""
    cause = httpx.ConnectError(SAID)
    error = kind(SAID)
    error.__cause__ = cause
    generator.starts = [error]
    assert send(creation({"image_url": LINK})).status in (202, 503)


def test_an_event_that_an_operator_has_logged_holds_no_secrets(
    deployed: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")
    event = creation({"image_url": LINK, "prompt": SAID})
    event["headers"]["Authorization"] = f"Bearer i2v_{CANARY}"
    event["multiValueHeaders"]["Authorization"] = [f"Bearer i2v_{CANARY}"]
    assert send(event).status == 202
    asked = sample("authorize/bearer_token") | {"authorizationToken": f"Bearer i2v_{CANARY}"}
    assert run(authorize.handler, asked, monkeypatch) is not None


@pytest.mark.parametrize("header", [f"Bearer i2v_{CANARY}", f"Basic {CANARY}", f"i2v_{CANARY}", ""])
def test_a_refused_token_is_not_logged(
    deployed: Application, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    event = sample("authorize/bearer_token") | {"authorizationToken": header}
    assert run(authorize.handler, event, monkeypatch) is not None
    del event["methodArn"]
    assert run(authorize.handler, event, monkeypatch) is not None


def corrupt(image: dict[str, Any]) -> dict[str, Any]:
    return image | {"result_url": {"S": LINK}, "version": {"S": SAID}, "odd": {"S": SAID}}


def test_a_record_that_cannot_be_read_is_not_quoted(
    deployed: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = sample("publish_events/modify_succeeded")
    change = event["Records"][0]["dynamodb"]
    change["NewImage"] = corrupt(change["NewImage"])
    assert run(publish_events.handler, event, monkeypatch) is None
    deployed.client("dynamodb").put_item(
        TableName=deployed.environment["TASKS_TABLE"], Item=change["NewImage"]
    )
    for handler in (poll_task.handler, store_video.handler, redrive_task.handler):
        error = run(handler, {"task_id": TASK_ID}, monkeypatch)
        assert error is not None
        assert error["errorType"] == "ValidationError"


def put_ready(deployed: Application, url: str) -> None:
    record = sample("publish_events/modify_succeeded")["Records"][0]["dynamodb"]["OldImage"]
    deployed.client("dynamodb").put_item(
        TableName=deployed.environment["TASKS_TABLE"], Item=record | {"result_url": {"S": url}}
    )


@pytest.mark.parametrize(
    "url",
    [
        *(LINK, LINK.replace("https", "http"), f"https://10.0.0.1/?sig={CANARY}"),
        *(f"https://u:{CANARY}@cdn.example/", f"https://[{CANARY}/", f"https://xn--{'a' * 70}.e/"),
        *(f"ftp://cdn.example/?sig={CANARY}", f"https://cdn.example:{CANARY}/"),
        f"https://cdn.example/\0?sig={CANARY}",
    ],
)
@pytest.mark.parametrize("status", [200, 302, 404, 500])
def test_a_copy_that_fails_does_not_log_its_link(
    deployed: Application,
    guarded_result_host: ResultHost,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    status: int,
) -> None:
    guarded_result_host.answers = [httpx.Response(status, content=SAID.encode())]
    put_ready(deployed, url)
    assert run(store_video.handler, {"task_id": TASK_ID}, monkeypatch) is None


def test_a_bucket_out_of_reach_is_logged_without_queries(
    deployed: Application, guarded_result_host: ResultHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK quotes the address that it could not reach, upload's name and all."""
    put_ready(deployed, LINK)
    asked: list[str] = []

    def out_of_reach(request: AWSRequest, **_: object) -> None:
        if "uploadId" in str(request.url):
            asked.append(str(request.url))
            raise EndpointConnectionError(endpoint_url=str(request.url), error=SAID)

    s3 = wiring.application()._storage._client
    s3.meta.events.register("before-send.s3", out_of_reach)
    error = run(store_video.handler, {"task_id": TASK_ID}, monkeypatch)
    assert error is not None
    assert error["errorType"] == "EndpointConnectionError"
    assert asked


def test_an_upload_that_is_refused_is_logged_without_secrets(
    deployed: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = sample("on_image_uploaded/object_created")
    for key in (f"uploads/x?sig={CANARY}", f"uploads/demo/a.png?sig={CANARY}"):
        event["detail"]["object"]["key"] = key
        deployed.client("s3").put_object(
            Bucket="images", Key=key, Body=PNG, Metadata={"video-time": SAID}
        )
        run(on_image_uploaded.handler, event, monkeypatch)


def test_a_topic_that_refuses_is_logged_without_secrets(
    deployed: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ClientError({"Error": {"Code": "InvalidParameter", "Message": SAID}}, "Publish")

    monkeypatch.setattr(container.event_topic()._client, "publish", refuse)
    event = sample("publish_events/modify_succeeded")
    assert run(publish_events.handler, event, monkeypatch) is None
