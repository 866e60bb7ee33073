"""What a container keeps: a clock in the table's precision, settings read once, and tokens."""

from datetime import UTC, datetime

import pytest
from image_to_video import container
from image_to_video.domain.errors import SettingsError, UnauthorizedError

from tests.conftest import Application


def test_the_time_is_utc_in_the_precision_that_the_table_keeps() -> None:
    before, moment, after = datetime.now(UTC), container.now(), datetime.now(UTC)
    assert moment.utcoffset() == UTC.utcoffset(None)
    assert moment.microsecond % 1000 == 0
    assert before.replace(microsecond=before.microsecond // 1000 * 1000) <= moment <= after


def test_settings_are_read_once(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    first = container.settings()
    monkeypatch.setenv("STACK_NAME", "another")
    assert container.settings() is first


def test_tokens_are_asked_for_in_their_table(application: Application) -> None:
    token = container.token_table().create(owner="anna", name="test", now=container.now())
    assert container.token_table().authenticate(f"Bearer {token}").owner == "anna"
    with pytest.raises(UnauthorizedError):
        container.token_table().authenticate("Bearer i2v_invented")


def test_the_publisher_does_not_start_without_the_schema_s_address(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVENT_SCHEMA_URL")
    with pytest.raises(SettingsError, match="EVENT_SCHEMA_URL"):
        container.event_topic()
