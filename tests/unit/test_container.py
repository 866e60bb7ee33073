"""What every container keeps, whatever its function does."""

import pytest
from image_to_video import container
from image_to_video.domain.errors import SettingsError

from tests.conftest import Application


def test_the_clock_is_as_precise_as_the_table() -> None:
    assert container.now().microsecond % 1000 == 0
    assert container.now().tzinfo is not None


def test_the_settings_are_read_once(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = container.settings()
    monkeypatch.delenv("TASKS_TABLE")
    assert container.settings() is before
    container.settings.cache_clear()
    with pytest.raises(SettingsError, match="TASKS_TABLE"):
        container.settings()


def test_the_token_table_is_the_configured_one(application: Application) -> None:
    token = container.token_table().create(owner="ada", name="laptop", now=container.now())
    (item,) = application.table("TOKENS_TABLE").scan()["Items"]
    assert item["owner"] == "ada"
    assert container.token_table().authenticate(f"Bearer {token}").owner == "ada"


def test_the_publisher_does_not_start_without_the_schema_s_address(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVENT_SCHEMA_URL")
    with pytest.raises(SettingsError, match="EVENT_SCHEMA_URL"):
        container.event_topic()
