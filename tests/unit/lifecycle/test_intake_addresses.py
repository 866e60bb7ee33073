"""An image's address that does not lead to a public host is refused before anything is done."""

import pytest
from image_to_video.contract.requests import TaskRequest, UploadRequest
from image_to_video.domain.errors import InvalidTaskError
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.uploads import UploadedObject

from tests.conftest import Application, ScriptedGenerator
from tests.support.images import PNG
from tests.support.private_hosts import DISPUTED, INNER, LOOPBACK, Watch

LOCAL_NAMES = (
    "printer.local",
    "metadata.google.internal",
    "db.internal",
    "intranet",
    "a.localhost",
)
PUBLIC = (
    *("example.com", "EXAMPLE.com.", "a_b.example.com", "1.1.1.1", "[2606:4700:4700::1111]"),
    *("straße.example", "例え.テスト.example", "xn--strae-oqa.example", "127.0.0.1.example.com"),
    "cdn.example.com:8443",
)


def assert_refused(tasks: VideoTasks, address: str) -> None:
    """As the first and as the last frame, of a request and of the form of an upload."""
    last = TaskRequest(image_url="https://example.com/a.png", end_image_url=address)
    form = UploadRequest.model_validate(
        {"filename": "a.png", "content_type": "image/png", "end_image_url": address}
    )
    for field, ask in (
        ("image_url", lambda: tasks.create("anna", TaskRequest(image_url=address), None)),
        ("end_image_url", lambda: tasks.create("anna", last, None)),
        ("end_image_url", lambda: tasks.reserve_upload("anna", form)),
    ):
        with pytest.raises(InvalidTaskError) as caught:
            ask()
        assert caught.value.pointer == f"/{field}"


@pytest.mark.parametrize("host", [*LOOPBACK, *INNER, *DISPUTED, *LOCAL_NAMES], ids=ascii)
def test_an_image_on_an_inner_host_is_refused_without_asking_dns(
    tasks: VideoTasks, generator: ScriptedGenerator, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    with monkeypatch.context() as patch:
        watch = Watch(patch)
        for scheme in ("http", "HTTPS"):
            for rest in ("/a.png", ":8080/a.png", "?a=b", "#f"):
                assert_refused(tasks, f"{scheme}://{host}{rest}")
    assert not watch.asked
    assert not watch.connected
    assert not generator.requests
    assert tasks.list("anna", limit=1).data == []


@pytest.mark.parametrize(
    "address",
    [
        *("https://user:password@example.com/a.png", "https:///a.png"),
        *("https://example.com:port/a.png", "http://[::1/a.png"),
    ],
)
def test_what_is_no_plain_address_is_refused(tasks: VideoTasks, address: str) -> None:
    assert_refused(tasks, address)
    assert tasks.list("anna", limit=1).data == []


@pytest.mark.parametrize("host", PUBLIC)
def test_an_image_on_a_public_host_is_taken(
    tasks: VideoTasks, generator: ScriptedGenerator, host: str
) -> None:
    tasks.create("anna", TaskRequest(image_url=f"https://{host}/a.png"), None)
    [request] = generator.requests
    assert request.image_url == f"https://{host}/a.png"


@pytest.mark.parametrize(
    "address",
    [
        "https://user:CANARY@example.com/a.jpg",
        "https://user:CANARY@exa\u2100mple.com/a.jpg",
        "https://example.com:CANARY/a.jpg",
    ],
    ids=["credentials", "no host", "no port"],
)
def test_nothing_of_a_refused_address_is_kept(
    tasks: VideoTasks, application: Application, address: str
) -> None:
    """It may hold a password, and subscribers are told of the task."""
    written = (
        address
        if address.isascii()
        else "=?UTF-8?Q?" + "=".join(["", *(f"{byte:02X}" for byte in address.encode())]) + "?="
    )
    key, s3 = "uploads/anna/a.png", application.client("s3")
    s3.put_object(Bucket="images", Key=key, Body=PNG, Metadata={"end-image-url": written})
    task = tasks.create_from_upload(UploadedObject("images", key, None, "", "0001"))
    assert task is not None
    assert task.failure is not None
    assert "end-image-url: " in task.failure.message
    assert "CANARY" not in task.model_dump_json()
