"""An image's address that leads inward is refused at the door: nothing asked, nothing recorded."""

import pytest

from tests.conftest import Application, ScriptedGenerator
from tests.support.inner_hosts import DISPUTED, INNER, LOOPBACK, Watch
from tests.support.rest import assert_problem, creation, pointers, send

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


@pytest.mark.parametrize("host", [*LOOPBACK, *INNER, *DISPUTED], ids=ascii)
def test_an_image_on_an_inner_host_is_refused_unseen(
    told: None, generator: ScriptedGenerator, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """`told` has no AWS behind it: a record, or any other call, would fail the test."""
    watch = Watch(monkeypatch)
    for scheme in ("http", "HTTPS"):
        for rest in ("/a.png", ":8080/a.png", "?a=b", "#f"):
            reply = send(creation({"image_url": f"{scheme}://{host}{rest}"}))
            assert_problem(reply, 422, "invalid_request")
            assert pointers(reply) == ["/image_url"]
    assert not watch.asked
    assert not watch.connected
    assert not generator.requests


@pytest.mark.parametrize(
    "host",
    [
        *("example.com", "EXAMPLE.com.", "a_b.example.com", "1.1.1.1", "[2606:4700:4700::1111]"),
        *(
            "straße.example",
            "例え.テスト.example",
            "xn--strae-oqa.example",
            "127.0.0.1.example.com",
        ),
        "cdn.example.com:8443",
    ],
)
def test_an_image_on_a_public_host_is_taken(
    deployed: Application, generator: ScriptedGenerator, host: str
) -> None:
    assert send(creation({"image_url": f"https://{host}/a.png"})).status == 202
    [request] = generator.requests
    assert request.image_url == f"https://{host}/a.png"
