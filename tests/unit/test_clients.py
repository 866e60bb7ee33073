"""A container makes the clients that its work needs, when it needs them, and each once."""

from typing import Any

import pytest
from botocore.session import Session
from image_to_video import clients, wiring

from tests.conftest import Application


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The services of the clients that were made."""
    services: list[str] = []
    make = Session.create_client

    def watched(session: Session, service: str, **arguments: Any) -> Any:
        services.append(service)
        return make(session, service, **arguments)

    monkeypatch.setattr(Session, "create_client", watched)
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


def test_all_clients_are_made_from_one_session(
    application: Application, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wiring.video_tasks().list("anna", limit=5).data == []
    monkeypatch.setattr("botocore.session.get_session", None)
    secrets = clients.secretsmanager()
    assert made == ["dynamodb"]
    for _ in range(2):
        assert secrets.get_secret_value(SecretId=application.environment["CURSOR_KEY_SECRET"])
    assert made == ["dynamodb", "secretsmanager"]
