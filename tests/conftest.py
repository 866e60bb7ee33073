"""Fixtures for every test: no real AWS, no network, time as a value, the template's own numbers."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import hypothesis
import imageio_ffmpeg
import pytest
from image_to_video import wiring
from image_to_video.adapters.safe_download import Downloads
from image_to_video.domain.generator import PollAnswer, Running, Started, StartRequest
from image_to_video.domain.schedule import Schedule
from image_to_video.lifecycle.repair import Repair
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import WorkflowSteps
from image_to_video.settings import Settings
from moto import mock_aws
from samtranslator.yaml_helper import yaml_parse

from tests.support.log_scan import pytest_configure, pytest_runtest_makereport

# Hooks: every test's log is read through.
__all__ = ["pytest_configure", "pytest_runtest_makereport"]

# How fast this machine is now decides about no test; see tests/support/patience.py.
hypothesis.settings.register_profile(
    "patient",
    hypothesis.settings.default,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("patient")

PROJECT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
ACCOUNT = "123456789012"
SCHEMA_URL = "https://api.example.com/v1/asyncapi.json#/components/schemas/TaskEventData"


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
    looks: list[PollAnswer | Exception] = field(default_factory=lambda: [Running("processing")])
    finds: list[Started | Exception | None] = field(default_factory=lambda: [None])
    refunds: list[bool | Exception] = field(default_factory=lambda: [False])
    requests: list[StartRequest] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    canceled: list[str] = field(default_factory=list)

    def start(self, request: StartRequest) -> Started:
        self.requests.append(request)
        started: Started = _next(self.starts)
        return started

    def check(self, generator_task_id: str) -> PollAnswer:
        self.checked.append(generator_task_id)
        look: PollAnswer = _next(self.looks)
        return look

    def find(self, name: str, *, since: datetime) -> Started | None:
        self.found.append(name)
        found: Started | None = _next(self.finds)
        return found

    def cancel(self, generator_task_id: str) -> bool:
        self.canceled.append(generator_task_id)
        refunded: bool = _next(self.refunds)
        return refunded


def _next(answers: list[Any]) -> Any:
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
        make: Any = boto3.client
        return make(service, region_name=REGION)

    def table(self, variable: str) -> Any:
        resource = boto3.resource("dynamodb", region_name=REGION)
        return resource.Table(self.environment[variable])


@pytest.fixture(autouse=True)
def _no_real_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fake credentials, a clean environment, and no client left over from another test."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "A2E_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ImageToVideo")
    caches = (wiring.settings, wiring.application, wiring.token_table, wiring.event_topic)
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


@pytest.fixture(scope="session")
def variables(template: dict[str, Any]) -> dict[str, str]:
    """The variables of a deployed function, with the defaults of the template's parameters."""
    parameters = template["Parameters"]
    names = {
        "TasksTable": "tasks",
        "TokensTable": "tokens",
        "LimitsTable": "limits",
        "ImagesBucket": "images",
        "VideosBucket": "videos",
        "TaskEventsTopic": f"arn:aws:sns:{REGION}:{ACCOUNT}:task-events",
        "A2ETokenSecret": "a2e-token",
        "CursorKey": "cursor-key",
        "AWS::StackName": "image-to-video",
    }
    values: dict[str, str] = {}
    for variable, value in template["Globals"]["Function"]["Environment"]["Variables"].items():
        reference = value.get("Ref", "")
        if reference in parameters:
            values[variable] = str(parameters[reference]["Default"])
        elif reference:
            values[variable] = names[reference]
    values["EVENT_SCHEMA_URL"] = SCHEMA_URL
    values["STATE_MACHINE_ARN"] = (
        f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:image-to-video-generate-video"
    )
    return values


@pytest.fixture
def environment(variables: dict[str, str]) -> dict[str, str]:
    """A function's variables, for one test to change."""
    return dict(variables)


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
    """A stack in moto, for one test."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with deployed(template, environment) as application:
        yield application


@contextmanager
def deployed(template: dict[str, Any], environment: dict[str, str]) -> Iterator[Application]:
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
        yield Application(environment, queue_url)


@dataclass
class Results:
    """The host of the result links: what the next transfers bring, the last one again and again."""

    answers: list[httpx.Response | Exception]
    fetched: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.fetched.append(str(request.url))
        answer: httpx.Response = _next(self.answers)
        if not answer.is_closed:
            return answer
        # As over a network: a body can be read as a stream, once for each answer.
        return httpx.Response(
            answer.status_code, headers=answer.headers, content=iter([answer.content])
        )


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A real video of one second."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    source = "testsrc2=size=320x180:rate=24:duration=1"
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", path],
        check=True,
        capture_output=True,
    )
    return path.read_bytes()


@pytest.fixture
def results(clip: bytes) -> Results:
    return Results([httpx.Response(200, content=clip, headers={"Content-Type": "video/mp4"})])


@pytest.fixture
def services(
    application: Application,
    settings: Settings,
    generator: ScriptedGenerator,
    results: Results,
    clock: Clock,
) -> wiring.Application:
    """The services as `wiring` builds them, over moto; the test has the generator and the time."""
    client = httpx.Client(transport=httpx.MockTransport(results))
    downloads = Downloads(client, clock=lambda: 0.0)
    return wiring.Application(settings, generator=generator, downloads=downloads, now=clock)


@pytest.fixture
def tasks(services: wiring.Application) -> VideoTasks:
    return services.video_tasks


@pytest.fixture
def steps(services: wiring.Application) -> WorkflowSteps:
    return services.workflow_steps


@pytest.fixture
def repair(services: wiring.Application) -> Repair:
    return services.repair


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was injected: a number that shrinks unseen would prove ever less."""
    counts: dict[str, dict[str, int]] = {}
    # What a fixture counts at its end stands in the report of the teardown, whose category is "".
    for report in (r for c in ("passed", "failed", "") for r in terminalreporter.getreports(c)):
        for kind, value in report.user_properties:
            name, number = value
            counts.setdefault(kind, {})[name] = number
    for kind, numbers in counts.items():
        terminalreporter.section(f"{kind}: {sum(numbers.values())}")
        for name, number in sorted(numbers.items()):
            terminalreporter.write_line(f"{number:6} {name}")
