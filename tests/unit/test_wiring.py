"""What only the real wiring decides: where links point, and what libraries may write into logs."""

import logging

import httpx
import pytest
from image_to_video import wiring
from image_to_video.adapters.safe_download import Downloads
from image_to_video.domain.errors import SigningKeyUnavailableError

from tests.conftest import Application


def test_signed_links_name_the_region(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    storage = wiring.application()._storage
    link = httpx.URL(storage.sign_image(storage.image_url("uploads/anna/a.png"), None))
    assert link.host == "images.s3.eu-central-1.amazonaws.com"


def test_no_library_writes_links_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client = httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, content=iter([b"x"])))
    )
    with client, Downloads(client).open("https://example.com/v.mp4?signature=secret") as download:
        list(download)
    assert "secret" not in caplog.text


def test_only_a_cursor_and_a_hint_need_the_signing_key(application: Application) -> None:
    """Every other function builds the service too, and may not read that secret."""
    name = application.environment["CURSOR_KEY_SECRET"]
    application.client("secretsmanager").delete_secret(
        SecretId=name, ForceDeleteWithoutRecovery=True
    )
    tasks = wiring.video_tasks()
    assert tasks.list("anna", limit=5).data == []
    with pytest.raises(SigningKeyUnavailableError):
        tasks._cursors.write({"created_at": "", "task_id": "", "owner": ""}, b"")
