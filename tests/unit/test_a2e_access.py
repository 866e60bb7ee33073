"""By whose token A2E is reached: read when it is needed, kept for a while, and missed in words."""

import pytest
from image_to_video import a2e_access
from image_to_video.adapters.secret_cache import Secrets
from image_to_video.domain.errors import GeneratorAccessError, SigningKeyUnavailableError
from image_to_video.domain.task import WaitingFor
from image_to_video.settings import Settings

from tests.conftest import Application


def test_the_token_is_the_secret_that_the_settings_name(
    application: Application, settings: Settings
) -> None:
    assert a2e_access.account_token(settings)() == "sk_test"


def test_a_token_is_kept_for_a_while_and_for_all_who_need_it(
    application: Application, settings: Settings
) -> None:
    read = a2e_access.account_token(settings)
    assert read() == "sk_test"
    application.client("secretsmanager").put_secret_value(
        SecretId=settings.a2e_token_secret, SecretString="sk_newer"
    )
    assert a2e_access.account_token(settings)() == "sk_test"


def test_as_long_as_no_token_is_set_tasks_wait_and_it_is_said_what_to_do(
    application: Application, settings: Settings
) -> None:
    """A stack is deployed with a secret that has no value."""
    client = application.client("secretsmanager")
    client.delete_secret(SecretId=settings.a2e_token_secret, ForceDeleteWithoutRecovery=True)
    client.create_secret(Name=settings.a2e_token_secret)
    read = a2e_access.account_token(settings)
    with pytest.raises(GeneratorAccessError, match="i2v a2e-token set") as caught:
        read()
    assert caught.value.waiting_for is WaitingFor.ACCESS
    client.put_secret_value(SecretId=settings.a2e_token_secret, SecretString="sk_test")
    assert read() == "sk_test"


def test_an_empty_token_is_none(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator gives a secret without a value an empty one."""
    monkeypatch.setattr(Secrets, "get", lambda *_: "")
    with pytest.raises(GeneratorAccessError, match="i2v a2e-token set"):
        a2e_access.account_token(settings)()


def test_a_token_that_cannot_be_read_is_what_tasks_wait_for(
    application: Application, settings: Settings
) -> None:
    application.client("secretsmanager").delete_secret(
        SecretId=settings.a2e_token_secret, ForceDeleteWithoutRecovery=True
    )
    with pytest.raises(GeneratorAccessError) as caught:
        a2e_access.account_token(settings)()
    assert caught.value.waiting_for is WaitingFor.ACCESS


def test_a_signing_key_that_cannot_be_read_is_said_to_be_one(
    application: Application, settings: Settings
) -> None:
    assert a2e_access.signing_key(settings)() == "k" * 64
    a2e_access.secrets.cache_clear()
    application.client("secretsmanager").delete_secret(
        SecretId=settings.cursor_key_secret, ForceDeleteWithoutRecovery=True
    )
    with pytest.raises(SigningKeyUnavailableError):
        a2e_access.signing_key(settings)()
