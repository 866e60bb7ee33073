"""A stack in moto as the template describes it, and a way back to the state of its deployment."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from image_to_video.adapters.dynamodb_table import Table
from moto import mock_aws
from moto.backends import get_backend

REGION = "us-east-1"
ACCOUNT = "123456789012"


@dataclass
class Application:
    """The resources of one deployed stack, in moto, and the environment its functions see."""

    environment: dict[str, str]
    queue_url: str
    _deployed: list[tuple[Any, str, Any]] = field(default_factory=list)

    def client(self, service: str) -> Any:
        make: Any = boto3.client
        return make(service, region_name=REGION)

    def table(self, variable: str) -> Any:
        return Table(self.client("dynamodb"), self.environment[variable])

    def reset(self) -> None:
        """Make the stack what it was after its deployment; to deploy it anew takes much longer."""
        for owner, name, value in self._deployed:
            setattr(owner, name, _copied(name, value))


@contextmanager
def deployment(template: dict[str, Any], environment: dict[str, str]) -> Iterator[Application]:
    """Tables, buckets, topic, queue, secret and state machine in moto, as the template has them."""
    with mock_aws():
        resources = template["Resources"]
        for logical_id, variable in (
            ("TasksTable", "TASKS_TABLE"),
            ("TokensTable", "TOKENS_TABLE"),
            ("LimitsTable", "LIMITS_TABLE"),
        ):
            properties = resources[logical_id]["Properties"]
            shape = {
                name: properties[name]
                for name in ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
                if name in properties
            }
            if "StreamSpecification" in properties:
                shape["StreamSpecification"] = {
                    "StreamEnabled": True,
                    **properties["StreamSpecification"],
                }
            boto3.client("dynamodb", region_name=REGION).create_table(
                TableName=environment[variable], BillingMode="PAY_PER_REQUEST", **shape
            )
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket=environment["IMAGES_BUCKET"])
        s3.create_bucket(Bucket=environment["VIDEOS_BUCKET"])
        sns = boto3.client("sns", region_name=REGION)
        sns.create_topic(Name="task-events")
        sqs = boto3.client("sqs", region_name=REGION)
        queue_url = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
        sns.subscribe(
            TopicArn=environment["TOPIC_ARN"],
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:subscriber",
            Attributes={"RawMessageDelivery": "true"},
        )
        secrets = boto3.client("secretsmanager", region_name=REGION)
        for variable, secret in (("A2E_TOKEN_SECRET", "sk_test"), ("CURSOR_KEY_SECRET", "k" * 64)):
            secrets.create_secret(Name=environment[variable], SecretString=secret)
        boto3.client("stepfunctions", region_name=REGION).create_state_machine(
            name="image-to-video-generate-video",
            definition='{"StartAt": "Wait", "States": {"Wait": {"Type": "Succeed"}}}',
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/workflow",
        )
        yield Application(
            environment,
            queue_url,
            [(owner, name, getattr(owner, name)) for owner, name in _state()],
        )


def _state() -> Iterator[tuple[Any, str]]:
    """Where moto keeps what a test can change of the stack: objects, and names of attributes."""
    s3 = get_backend("s3")[ACCOUNT]["aws"]
    yield get_backend("s3"), "bucket_accounts"
    yield s3, "buckets"
    for bucket in s3.buckets.values():
        yield from ((bucket, name) for name in ("keys", "multiparts", "versioning_status"))
    for table in get_backend("dynamodb")[ACCOUNT][REGION].tables.values():
        yield table, "items"
        if table.stream_shard is not None:
            yield table.stream_shard, "items"
    for queue in get_backend("sqs")[ACCOUNT][REGION].queues.values():
        yield from ((queue, name) for name in ("_messages", "_pending_messages"))
    for machine in get_backend("stepfunctions")[ACCOUNT][REGION].state_machines:
        yield from ((machine, name) for name in ("executions", "definition"))
    yield get_backend("secretsmanager")[ACCOUNT][REGION], "secrets"
    yield from ((get_backend("sns")[ACCOUNT][REGION], name) for name in ("topics", "subscriptions"))


def _copied(name: str, value: Any) -> Any:
    # Of the rest it is enough to know what was there: it is not changed but replaced.
    return copy.deepcopy(value) if name == "secrets" else copy.copy(value)
