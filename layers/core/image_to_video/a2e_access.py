"""How the generator and its results are reached: by whose token, at which address."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from image_to_video import clients
from image_to_video.adapters.secret_cache import Secrets
from image_to_video.domain.errors import GeneratorAccessError, SigningKeyUnavailableError
from image_to_video.domain.generator import Generator
from image_to_video.domain.task import WaitingFor
from image_to_video.settings import Settings

if TYPE_CHECKING:
    from image_to_video.adapters.safe_download import Downloads
    from image_to_video.domain.coin_statements import CoinLedger

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
            text = secrets().get(config.a2e_token_secret)
        except (BotoCoreError, ClientError) as error:
            if _is_without_value(error):
                raise _not_set() from error
            raise GeneratorAccessError(
                "the A2E token cannot be read", waiting_for=WaitingFor.ACCESS
            ) from error
        if not text:
            raise _not_set()
        return text

    return token


def _is_without_value(error: Exception) -> bool:
    """True where a secret exists that nobody has given a value yet, or no longer exists."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    return code == "ResourceNotFoundException"


def _not_set() -> GeneratorAccessError:
    # The stack is deployed without it, so that no later deployment can overwrite it.
    return GeneratorAccessError(
        "no A2E token is set; set it with: i2v a2e-token set", waiting_for=WaitingFor.ACCESS
    )


def signing_key(config: Settings) -> Callable[[], str]:
    """What reads the key of cursors and hints; it raises `SigningKeyUnavailableError`."""

    def key() -> str:
        try:
            return secrets().get(config.cursor_key_secret)
        except (BotoCoreError, ClientError) as error:
            raise SigningKeyUnavailableError("the signing key cannot be read") from error

    return key


def generator(config: Settings) -> Generator:
    """A2E's API, over a client of its own."""
    # Few invocations ask A2E, and its client takes long to import.
    from image_to_video.adapters.a2e_client import A2E

    return A2E(
        clients.generator_http(config.a2e_url),
        account_token(config),
        start_timeout_seconds=config.start_timeout_seconds,
        permit_http=config.permit_loopback,
    )


def coin_ledger(config: Settings) -> "CoinLedger":
    """What A2E shows of the account's coins."""
    from image_to_video.adapters.a2e_credits import A2ECredits

    return A2ECredits(clients.generator_http(config.a2e_url), account_token(config))


def downloads(config: Settings) -> "Downloads":
    """What opens the links to finished videos."""
    from image_to_video.adapters.safe_download import Downloads, guarded_client

    return Downloads(guarded_client(permit_loopback=config.permit_loopback))
