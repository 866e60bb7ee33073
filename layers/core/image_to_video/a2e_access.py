"""How the generator and its results are reached: by whose token, at which address."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from image_to_video import clients
from image_to_video.adapters.secret_cache import Secrets
from image_to_video.domain.errors import GeneratorAccessError
from image_to_video.domain.generator import Generator
from image_to_video.domain.task import WaitingFor
from image_to_video.settings import Settings

if TYPE_CHECKING:
    from image_to_video.adapters.safe_download import Downloads

# A changed secret is picked up after this long.
_SECRET_SECONDS: Final = 60


@cache
def secrets() -> Secrets:
    """The secrets, each read once for all who need it."""
    return Secrets(clients.secretsmanager(), max_age=_SECRET_SECONDS)


def account_token(config: Settings) -> Callable[[], str]:
    """What reads the account's token; it raises `GeneratorAccessError` where that is impossible."""

    def token() -> str:
        try:
            return secrets().get(config.a2e_token_secret)
        except (BotoCoreError, ClientError) as error:
            raise GeneratorAccessError(
                "the A2E token cannot be read", waiting_for=WaitingFor.ACCESS
            ) from error

    return token


def generator(config: Settings) -> Generator:
    """A2E's API, over a client of its own."""
    # Few invocations ask A2E, and its client takes long to import.
    from image_to_video.adapters.a2e_client import A2E

    return A2E(
        clients.generator_http(str(config.a2e_url).rstrip("/")),
        account_token(config),
        start_timeout_seconds=config.start_timeout_seconds,
        permit_http=config.permit_loopback,
    )


def downloads(config: Settings) -> "Downloads":
    """What opens the links to finished videos."""
    from image_to_video.adapters.safe_download import Downloads, guarded_client

    return Downloads(guarded_client(permit_loopback=config.permit_loopback))
