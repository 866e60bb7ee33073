"""A secret is asked once in a while, and a failure is not remembered."""

import pytest
from botocore.exceptions import ClientError
from image_to_video.adapters.secret_cache import Secrets

from tests.conftest import Application


def test_a_changed_secret_is_read_when_the_kept_one_is_old(application: Application) -> None:
    seconds = 0.0
    client = application.client("secretsmanager")
    secrets = Secrets(client, max_age=60, clock=lambda: seconds)
    name = application.environment["A2E_TOKEN_SECRET"]
    before = secrets.get(name)
    client.put_secret_value(SecretId=name, SecretString="changed")
    seconds = 59.9
    assert secrets.get(name) == before
    seconds = 60.0
    assert secrets.get(name) == "changed"


def test_each_secret_is_kept_by_itself(application: Application) -> None:
    secrets = Secrets(application.client("secretsmanager"), max_age=60)
    names = [application.environment[n] for n in ("A2E_TOKEN_SECRET", "CURSOR_KEY_SECRET")]
    assert len({secrets.get(name) for name in names}) == 2


def test_a_failure_is_not_kept(application: Application) -> None:
    client = application.client("secretsmanager")
    secrets = Secrets(client, max_age=60)
    with pytest.raises(ClientError):
        secrets.get("later")
    client.create_secret(Name="later", SecretString="here")
    assert secrets.get("later") == "here"
