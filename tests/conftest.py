"""Fixtures for every test: no real AWS, no network, time as a value, the template's own numbers."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from image_to_video import wiring
from image_to_video.generator import Look, Running, Started, StartRequest
from image_to_video.schedule import Schedule
from image_to_video.settings import Settings
from moto import mock_aws
from samtranslator.yaml_helper import yaml_parse

PROJECT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
ACCOUNT = "123456789012"


@dataclass
class Clock:
    """Time as a value: it stands still until it is told to go on."""

    moment: datetime = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass
class ScriptedGenerator:
    """A generator that answers what the test wrote down, exceptions included, in that order.

    The last answer of a list stays; what was asked is kept.
    """

    starts: list[Started | Exception] = field(default_factory=lambda: [Started("gen-000001", 30)])
    looks: list[Look | Exception] = field(default_factory=lambda: [Running("processing")])
    finds: list[Started | Exception | None] = field(default_factory=lambda: [None])
    refunds: list[bool | Exception] = field(default_factory=lambda: [False])
    requests: list[StartRequest] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    canceled: list[str] = field(default_factory=list)

    def start(self, request: StartRequest) -> Started:
        self.requests.append(request)
        return _next(self.starts)

    def check(self, generator_task_id: str) -> Look:
        self.checked.append(generator_task_id)
        return _next(self.looks)

    def find(self, name: str, *, since: datetime) -> Started | None:
        self.found.append(name)
        return _next(self.finds)

    def cancel(self, generator_task_id: str) -> bool:
        self.canceled.append(generator_task_id)
        return _next(self.refunds)


def _next[Answer](answers: list[Answer | Exception]) -> Answer:
    answer = answers.pop(0) if len(answers) > 1 else answers[0]
    if isinstance(answer, Exception):
        raise answer
    return answer


@dataclass
class Application:
    """The resources of one deployed stack, in moto, and the environment its functions see."""

    environment: dict[str, str]
    queue_url: str

    def client(self, service: str) -> Any:
        return boto3.client(service, region_name=REGION)

    def table(self, variable: str) -> Any:
        resource = boto3.resource("dynamodb", region_name=REGION)
        return resource.Table(self.environment[variable])


@pytest.fixture(autouse=True)
def _no_real_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fake credentials, a clean environment, and no client left over from another test."""
    import os

    for name in list(os.environ):
        if name.startswith(("AWS_", "A2E_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ImageToVideo")
    caches = (wiring.settings, wiring.video_tasks, wiring.token_table, wiring.event_topic)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """The project's template, with its short forms written out."""
    parsed: dict[str, Any] = yaml_parse((PROJECT / "template.yaml").read_text())
    return parsed


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def generator() -> ScriptedGenerator:
    return ScriptedGenerator()


@pytest.fixture
def environment(template: dict[str, Any]) -> dict[str, str]:
    """The variables of a deployed function, with the defaults of the template's parameters."""
    parameters = template["Parameters"]
    names = {
        "TasksTable": "tasks",
        "TokensTable": "tokens",
        "ImagesBucket": "images",
        "VideosBucket": "videos",
        "TaskEventsTopic": f"arn:aws:sns:{REGION}:{ACCOUNT}:task-events",
        "A2ETokenSecret": "a2e-token",
        "AWS::StackName": "image-to-video",
    }
    values: dict[str, str] = {}
    for variable, value in template["Globals"]["Function"]["Environment"]["Variables"].items():
        reference = value.get("Ref", "")
        if reference in parameters:
            values[variable] = str(parameters[reference]["Default"])
        elif reference:
            values[variable] = names[reference]
    values["STATE_MACHINE_ARN"] = (
        f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:image-to-video-generate-video"
    )
    return values


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return Settings.read(environment)


@pytest.fixture
def schedule(settings: Settings) -> Schedule:
    return settings.schedule


@pytest.fixture
def application(
    template: dict[str, Any], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Application]:
    """Tables, buckets, topic, queue, secret and state machine in moto, as the template has them."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        resources = template["Resources"]
        for logical_id, variable in (
            ("TasksTable", "TASKS_TABLE"),
            ("TokensTable", "TOKENS_TABLE"),
        ):
            properties = resources[logical_id]["Properties"]
            shape = {
                name: properties[name]
                for name in ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
                if name in properties
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
        boto3.client("secretsmanager", region_name=REGION).create_secret(
            Name=environment["A2E_TOKEN_SECRET"], SecretString="sk_test"
        )
        boto3.client("stepfunctions", region_name=REGION).create_state_machine(
            name="image-to-video-generate-video",
            definition='{"StartAt": "Wait", "States": {"Wait": {"Type": "Succeed"}}}',
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/workflow",
        )
        yield Application(environment, queue_url)
