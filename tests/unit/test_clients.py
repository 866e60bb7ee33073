"""A container makes the clients that its work needs, when it needs them, and each once."""

from typing import Any

import boto3
import pytest
from image_to_video import clients, wiring

from tests.conftest import Application


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The services of the clients and resources that were made."""
    services: list[str] = []

    def watched(make: Any) -> Any:
        def making(service: str, **arguments: Any) -> Any:
            services.append(service)
            return make(service, **arguments)

        return making

    for name in ("client", "resource"):
        monkeypatch.setattr(boto3, name, watched(getattr(boto3, name)))
    return services


def test_a_list_makes_the_client_of_the_tables_alone(
    application: Application, made: list[str]
) -> None:
    assert wiring.video_tasks().list("anna", limit=5).data == []
    assert made == ["dynamodb"]


def test_a_client_is_made_once(application: Application, made: list[str]) -> None:
    storage = wiring.application()._storage
    for _ in range(2):
        storage.sign_image(storage.image_url("uploads/anna/a.png"), None)
    assert made == ["s3"]


def test_secrets_make_one_client_and_no_session(
    application: Application, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = clients.secrets()
    assert made == []
    monkeypatch.setattr(boto3.session, "Session", None)
    for _ in range(2):
        assert provider.get(application.environment["CURSOR_KEY_SECRET"], max_age=60)
    assert made == ["secretsmanager"]
