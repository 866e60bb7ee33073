"""Secrets of Secrets Manager, each asked again only after a while."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class Secrets:
    """Reads secrets and keeps each for `max_age` seconds, so a changed one is picked up then."""

    def __init__(
        self,
        client: "SecretsManagerClient",
        *,
        max_age: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._max_age = max_age
        self._clock = clock
        self._kept: dict[str, tuple[float, str]] = {}

    def get(self, name: str) -> str:
        """The text of a secret. Raises what the client raises; a failure is not kept."""
        read_at, text = self._kept.get(name, (0.0, ""))
        if name not in self._kept or self._clock() - read_at >= self._max_age:
            reply = self._client.get_secret_value(SecretId=name)
            text = reply["SecretString"]
            self._kept[name] = (self._clock(), text)
        return text
