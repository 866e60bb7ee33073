"""The clients of AWS and of the generator; what few invocations need is made on first use."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore.client import BaseClient
from botocore.config import Config

from image_to_video.observability import hide_query

if TYPE_CHECKING:
    import httpx
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_stepfunctions import SFNClient


def on_first_use[T](make: Callable[[], T]) -> T:
    """What stands for a client that is made when it is first used.

    Making one takes tens of milliseconds of a cold start, and most invocations need few of them.
    """
    return cast("T", _OnFirstUse(make))


class _OnFirstUse:
    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = cache(make)

    def __getattr__(self, name: str) -> Any:
        """Make the client, if there is none yet, and ask it."""
        return getattr(self._make(), name)


@cache
def session() -> botocore.session.Session:
    """What all clients are made from: credentials, region, and the models of the services."""
    return botocore.session.get_session()


@cache
def dynamodb() -> "DynamoDBClient":
    """The tables; nearly every invocation needs them."""
    return cast("DynamoDBClient", _client("dynamodb"))


def s3() -> "S3Client":
    """Both buckets."""
    return on_first_use(_s3)


def stepfunctions() -> "SFNClient":
    """The state machine."""
    return on_first_use(lambda: cast("SFNClient", _client("stepfunctions")))


def sns() -> "SNSClient":
    """The topic of the events."""
    return cast("SNSClient", _client("sns"))


def secretsmanager() -> "SecretsManagerClient":
    """The secrets."""
    return on_first_use(lambda: cast("SecretsManagerClient", _client("secretsmanager")))


def generator_http(base_url: str) -> "httpx.Client":
    """The generator's API, asked once for each call of ours.

    No connection is kept: one that died while the container slept would make a paid start
    ambiguous. No transport retries, for the same money's sake.
    """
    # Not by whoever asks only AWS.
    import httpx

    transport = httpx.HTTPTransport(retries=0, limits=httpx.Limits(max_keepalive_connections=0))
    return httpx.Client(
        base_url=base_url, transport=transport, follow_redirects=False, trust_env=False
    )


def _s3() -> "S3Client":
    # Or signed links name the global endpoint, which newer regions do not know.
    regional = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
    client = _client("s3", regional)
    # The SDK quotes addresses that it cannot reach, and S3's have queries.
    client.meta.events.register("after-call-error", hide_query)
    return cast("S3Client", client)


def _client(service: str, special: Config | None = None) -> BaseClient:
    return session().create_client(service, config=_aws().merge(special or Config()))


def _aws() -> Config:
    # AWS answers in milliseconds; a call that hangs is better repeated while the function lives.
    return Config(
        connect_timeout=3,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
