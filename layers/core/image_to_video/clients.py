"""The clients of AWS and of the generator; what few invocations need is made on first use."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import boto3
import httpx
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from botocore.config import Config

from image_to_video.observability import hide_query

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource
    from mypy_boto3_s3 import S3Client
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


def dynamodb() -> "DynamoDBServiceResource":
    """The tables; nearly every invocation needs them."""
    return boto3.resource("dynamodb", config=_aws())


def s3() -> "S3Client":
    """Both buckets."""
    return on_first_use(_s3)


def stepfunctions() -> "SFNClient":
    """The state machine."""
    return on_first_use(lambda: boto3.client("stepfunctions", config=_aws()))


def sns() -> "SNSClient":
    """The topic of the events."""
    return boto3.client("sns", config=_aws())


def secrets() -> SecretsProvider:
    """Secrets, each kept for as long as its reader permits.

    With a client of ours: it would make a session of its own, which takes as long as its client.
    """
    return on_first_use(
        lambda: SecretsProvider(boto3_client=boto3.client("secretsmanager", config=_aws()))
    )


def generator_http(base_url: str) -> httpx.Client:
    """The generator's API, asked once for each call of ours.

    No connection is kept: one that died while the container slept would make a paid start
    ambiguous. No transport retries, for the same money's sake.
    """
    transport = httpx.HTTPTransport(retries=0, limits=httpx.Limits(max_keepalive_connections=0))
    return httpx.Client(
        base_url=base_url, transport=transport, follow_redirects=False, trust_env=False
    )


def _s3() -> "S3Client":
    # Or signed links name the global endpoint, which newer regions do not know.
    regional = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
    client = boto3.client("s3", config=_aws().merge(regional))
    # The SDK quotes addresses that it cannot reach, and S3's have queries.
    client.meta.events.register("after-call-error", hide_query)
    return client


def _aws() -> Config:
    # AWS answers in milliseconds; a call that hangs is better repeated while the function lives.
    return Config(
        connect_timeout=3,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
