"""Whatever bytes come, every call ends as documented; and over real sockets the token stays."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_to_video import wiring
from image_to_video.domain.errors import (
    GeneratorAccessError,
    GeneratorError,
    GeneratorRejectedError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
)
from image_to_video.domain.generator import (
    Failed,
    Generator,
    Incomplete,
    Missing,
    Ready,
    Running,
    Started,
)
from image_to_video.settings import Settings
from pydantic import HttpUrl

from tests.conftest import REGION, Application
from tests.support.fake_a2e import ID, REQUEST, TOKEN, FakeA2E
from tests.support.loopback import Exchange, refusing_port, serving
from tests.support.patience import PATIENCE, until

SINCE = datetime(2026, 11, 22, tzinfo=UTC)
TEXTS = st.text(st.characters(codec=None), max_size=20) | st.sampled_from(
    [
        ID,
        REQUEST.name,
        "completed",
        "failed",
        "initialized",
        "https://a.example/b.mp4",
        "0",
        "coins",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
KEYS = TEXTS | st.sampled_from(
    ["code", "data", "msg", "_id", "name", "current_status", "result_url", "rows", "createdAt"]
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6)
)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "_id": st.just(ID) | VALUES,
        "name": st.just(REQUEST.name) | VALUES,
        "current_status": VALUES,
        "result_url": VALUES,
        "failed_message": VALUES,
        "failed_code": VALUES,
        "createdAt": st.datetimes().map(str) | VALUES,
        "coins": VALUES,
    },
)
ENVELOPES = st.fixed_dictionaries(
    {"code": st.sampled_from([0, 0, 0, "0", 401, 403, 404, 429, 1]) | VALUES},
    optional={
        "data": RECORDS | st.lists(RECORDS, max_size=3) | VALUES,
        "msg": VALUES,
        "message": VALUES,
        "trace_id": VALUES,
    },
)
BODIES = st.binary(max_size=200) | (ENVELOPES | VALUES).map(lambda body: json.dumps(body).encode())
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "Content-Type", "Location"]),
    st.from_regex(r"[ -~]{0,30}", fullmatch=True),
)
ANSWERS = st.builds(
    lambda status, headers, content: httpx.Response(status, headers=headers, content=content),
    st.sampled_from([200, 200, 200, 201, 302, 400, 401, 403, 404, 408, 409, 429, 500, 503])
    | st.integers(200, 599),
    HEADERS,
    BODIES,
)


type Connect = Callable[[str], Generator]


def check_storable(text: str) -> None:
    """Fail for what no table takes: halves of surrogate pairs."""
    assert text == text.encode(errors="replace").decode()


@settings(max_examples=150)
@given(answer=ANSWERS)
def test_a_start_ends_as_documented_whatever_comes(answer: httpx.Response) -> None:
    a2e = FakeA2E(start=answer)
    try:
        started = a2e.client.start(REQUEST)
    except (
        GeneratorUnavailableError,
        GeneratorAccessError,
        GeneratorRejectedError,
        StartUnconfirmedError,
    ) as error:
        check_storable(str(error))
    else:
        assert isinstance(started, Started)
        assert answer.status_code < 300
    assert a2e.kinds() == ["start"]


@settings(max_examples=150)
@given(detail=ANSWERS, batch=ANSWERS, listed=ANSWERS)
def test_a_look_ends_as_documented_whatever_comes(
    detail: httpx.Response, batch: httpx.Response, listed: httpx.Response
) -> None:
    a2e = FakeA2E(detail=detail, batch=batch, list=listed)
    try:
        look = a2e.client.check(ID)
    except (GeneratorUnavailableError, GeneratorAccessError) as error:
        check_storable(str(error))
    else:
        assert isinstance(look, Running | Ready | Incomplete | Failed | Missing)
        check_storable(look.word)
        check_storable(look.url if isinstance(look, Ready) else "")
        check_storable(look.message if isinstance(look, Failed) else "")
    assert "start" not in a2e.kinds()


@settings(max_examples=150)
@given(listed=ANSWERS)
def test_a_lookup_ends_as_documented_whatever_comes(listed: httpx.Response) -> None:
    a2e = FakeA2E(list=listed)
    try:
        found = a2e.client.find(REQUEST.name, since=SINCE)
    except (GeneratorUnavailableError, GeneratorAccessError):
        pass
    else:
        assert found is None or isinstance(found, Started)
        assert listed.status_code < 300
        assert found is not None or isinstance(listed.json()["data"], list | dict)


@settings(max_examples=100)
@given(reply=ANSWERS)
def test_a_refund_ends_as_documented_whatever_comes(reply: httpx.Response) -> None:
    a2e = FakeA2E(delete=reply)
    try:
        refunded = a2e.client.cancel(ID)
    except (GeneratorUnavailableError, GeneratorAccessError):
        pass
    else:
        assert not refunded or reply.status_code < 300
    assert a2e.kinds() == ["delete"]


@pytest.mark.parametrize("location", ["0", "http://[", "https://a2e.test:99999999/"])
def test_a_redirect_to_nowhere_is_no_answer(location: str) -> None:
    reply = httpx.Response(302, headers={"Location": location})
    with pytest.raises(StartUnconfirmedError):
        FakeA2E(start=reply).client.start(REQUEST)
    with pytest.raises(GeneratorUnavailableError):
        FakeA2E(delete=reply).client.cancel(ID)


@pytest.fixture
def connected(stack: Application, settings: Settings) -> Connect:
    """The generator as it is wired, with another address."""
    secrets = boto3.client("secretsmanager", region_name=REGION)
    secrets.put_secret_value(SecretId=settings.a2e_token_secret, SecretString=TOKEN)

    def connect(url: str) -> Generator:
        changed = {"a2e_url": HttpUrl(url), "start_timeout_seconds": PATIENCE}
        config = settings.model_copy(update=changed)
        return wiring._generator(config)

    return connect


def answer_json(body: Any, status: int = 200) -> Callable[[Exchange], None]:
    def answer(exchange: Exchange) -> None:
        exchange.reply(status, json.dumps(body).encode(), {"Content-Type": "application/json"})

    return answer


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_token_goes_nowhere(
    connected: Connect, status: int
) -> None:
    with serving(answer_json({"code": 0, "data": {"_id": ID}})) as elsewhere:

        def away(exchange: Exchange) -> None:
            exchange.reply(status, b"", {"Location": f"{elsewhere.url}{exchange.path}"})

        with serving(away) as server:
            generator = connected(server.url)
            with pytest.raises(StartUnconfirmedError):
                generator.start(REQUEST)
            with pytest.raises(GeneratorUnavailableError):
                generator.check(ID)
            assert [seen.headers["Authorization"] for seen in server.seen] == [
                f"Bearer {TOKEN}"
            ] * 2
        assert not elsewhere.seen


def test_every_call_carries_the_token_in_its_header_only(connected: Connect) -> None:
    def answer(exchange: Exchange) -> None:
        shown = {"_id": ID, "current_status": "initialized"}
        listed = exchange.path.startswith("/api/v1/userImage2Video/allRecords")
        answer_json({"code": 0, "data": [] if listed else shown})(exchange)

    with serving(answer) as server:
        generator = connected(server.url)
        generator.start(REQUEST)
        generator.check(ID)
        generator.find("name", since=SINCE)
        generator.cancel(ID)
        assert [seen.method for seen in server.seen] == ["POST", "GET", "GET", "DELETE"]
        for seen in server.seen:
            assert seen.headers["Authorization"] == f"Bearer {TOKEN}"
            assert TOKEN not in seen.path
            assert TOKEN.encode() not in seen.body
            others = {name: value for name, value in seen.headers.items() if TOKEN in value}
            assert list(others) == ["Authorization"]
            assert "Cookie" not in seen.headers


def test_no_connection_is_kept_that_could_die_before_a_paid_start(connected: Connect) -> None:
    with serving(answer_json({"code": 0, "data": {"_id": ID}})) as server:
        generator = connected(server.url)
        generator.start(REQUEST)
        generator.start(REQUEST)
        assert len(server.connections) == 2


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", b"junk\r\n"]
)
def test_a_connection_that_ends_early_is_one_unconfirmed_start(
    connected: Connect, sent: bytes
) -> None:
    def cut(exchange: Exchange) -> None:
        exchange.write(sent)
        exchange.hang_up()

    with serving(cut) as server:
        generator = connected(server.url)
        with pytest.raises(StartUnconfirmedError):
            generator.start(REQUEST)
        assert len(server.seen) == 1


def test_a_silent_generator_is_one_unconfirmed_start(
    connected: Connect, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(exchange: Exchange) -> None:
        exchange.wait_until_closed()

    with serving(silent) as server:
        generator = connected(server.url)
        monkeypatch.setattr(generator, "_start_timeout", httpx.Timeout(PATIENCE, read=0.05))
        with pytest.raises(StartUnconfirmedError):
            generator.start(REQUEST)
        until(lambda: server.seen)
        assert len(server.seen) == 1


def test_a_closed_door_is_surely_not_accepted(connected: Connect) -> None:
    generator = connected(f"http://127.0.0.1:{refusing_port()}")
    with pytest.raises(GeneratorUnavailableError):
        generator.start(REQUEST)
    with pytest.raises(GeneratorError):
        generator.check(ID)


def test_a_host_without_tls_gets_nothing(connected: Connect) -> None:
    with serving(answer_json({})) as server:
        generator = connected(server.url.replace("http:", "https:"))
        with pytest.raises(GeneratorUnavailableError):
            generator.start(REQUEST)
        assert not server.seen
