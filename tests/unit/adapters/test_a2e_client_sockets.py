"""The client over real sockets: the token goes to A2E alone, and a start is sent once."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import httpx
import pytest
from image_to_video import a2e_access
from image_to_video.domain.errors import (
    GeneratorError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
)
from image_to_video.domain.generator import (
    Generator,
)
from image_to_video.settings import Settings

from tests.conftest import REGION, Application
from tests.support.fake_a2e import ID, REQUEST, TOKEN, FakeA2E
from tests.support.loopback import Exchange, refusing_port, serving
from tests.support.patience import PATIENCE, until

SINCE = datetime(2026, 11, 22, tzinfo=UTC)
type Connect = Callable[[str], Generator]


@pytest.mark.parametrize("location", ["0", "http://[", "https://a2e.test:99999999/"])
def test_a_redirect_to_nowhere_is_no_answer(location: str) -> None:
    reply = httpx.Response(302, headers={"Location": location})
    with pytest.raises(StartUnconfirmedError):
        FakeA2E(start=reply).client.start(REQUEST)
    with pytest.raises(GeneratorUnavailableError):
        FakeA2E(delete=reply).client.cancel(ID)


@pytest.fixture
def connected(application: Application, settings: Settings) -> Connect:
    """The generator as it is wired, with another address."""
    secrets = boto3.client("secretsmanager", region_name=REGION)
    secrets.put_secret_value(SecretId=settings.a2e_token_secret, SecretString=TOKEN)

    def connect(url: str) -> Generator:
        changed = {"a2e_url": url, "start_timeout_seconds": PATIENCE}
        config = settings.model_copy(update=changed)
        return a2e_access.generator(config)

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


def test_a_refused_connection_is_surely_not_accepted(connected: Connect) -> None:
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
