"""Fixtures for every test: no real AWS, no network, time as a value, the template's own numbers."""

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.session
import httpx
import hypothesis
import pytest
from botocore.loaders import create_loader
from image_to_video import a2e_access, clients, container, wiring
from image_to_video.adapters.safe_download import Downloads
from image_to_video.domain.generator import PollAnswer, Running, Started, StartRequest
from image_to_video.domain.schedule import Schedule
from image_to_video.lifecycle.repair import Repair
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import WorkflowSteps
from image_to_video.settings import Settings
from samtranslator.yaml_helper import yaml_parse

from tests.support.clips import made_once
from tests.support.lanes import pytest_collection_modifyitems, pytest_xdist_make_scheduler
from tests.support.log_scan import pytest_configure, pytest_runtest_makereport
from tests.support.stack import ACCOUNT, REGION, Application, deployment

__all__ = [
    "ACCOUNT",
    "REGION",
    "Application",
    # Hooks: every test's log is read through, which process runs it, and that none is lost.
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_runtest_makereport",
    "pytest_xdist_make_scheduler",
]

# How fast this machine is now decides about no test; see tests/support/patience.py.
hypothesis.settings.register_profile(
    "patient",
    hypothesis.settings.default,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("patient")

PROJECT = Path(__file__).resolve().parent.parent
# One second, 320 by 180, as ffmpeg draws it.
PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=24:duration=1")
SCHEMA_URL = "https://api.example.com/v1/asyncapi.json#/components/schemas/TaskEventData"


@dataclass
class Clock:
    """Time as a value: it stands still until a test moves it."""

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
    answers: list[PollAnswer | Exception] = field(default_factory=lambda: [Running("processing")])
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
        answer: PollAnswer = _next(self.answers)
        return answer

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
    caches = (
        *(clients.session, clients.dynamodb, container.settings, container.token_table),
        *(a2e_access.secrets, container.event_topic, wiring.application),
    )
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def _service_models_are_read_once() -> Iterator[None]:
    """Every stack in moto begins with fresh sessions; what they read from disk stays the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(create_loader))
        yield


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
    return deployed_variables(template)


def deployed_variables(template: dict[str, Any]) -> dict[str, str]:
    """The variables of a deployed function, with the defaults of the template's parameters."""
    parameters = template["Parameters"]
    names = {
        "TasksTable": "tasks",
        "TokensTable": "tokens",
        "LimitsTable": "limits",
        "ImagesBucket": "images",
        "VideosBucket": "videos",
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
    # Of publish_events alone.
    values["EVENT_SCHEMA_URL"] = SCHEMA_URL
    values["TOPIC_ARN"] = f"arn:aws:sns:{REGION}:{ACCOUNT}:task-events"
    # Off, but where a test is about hints or limits.
    values |= {"HINTS_URL": "", "DAILY_COIN_LIMIT": "0", "OWNER_DAILY_COIN_LIMIT": "0"}
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


@pytest.fixture(scope="module")
def stack(template: dict[str, Any], variables: dict[str, str]) -> Iterator[Application]:
    """A stack in moto, for all tests of one module."""
    with deployment(template, variables) as application:
        yield application


@pytest.fixture
def application(
    stack: Application, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Application:
    """A stack in the state of its deployment, and the environment that its functions see."""
    stack.reset()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return replace(stack, environment=environment)


@dataclass
class ResultHost:
    """Where result links lead: answers what the test wrote down, in that order; the last stays."""

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
    """A real MP4 of one second, 320 by 180."""
    return made_once(tmp_path_factory, *PICTURE, "-pix_fmt", "yuv420p")


@pytest.fixture
def result_host(clip: bytes) -> ResultHost:
    """The host of the finished videos; it has one."""
    return ResultHost([httpx.Response(200, content=clip, headers={"Content-Type": "video/mp4"})])


@pytest.fixture
def services(
    application: Application,
    settings: Settings,
    generator: ScriptedGenerator,
    result_host: ResultHost,
    clock: Clock,
) -> wiring.Application:
    """The services as `wiring` builds them, over moto; the test has the generator and the time."""
    client = httpx.Client(transport=httpx.MockTransport(result_host))
    downloads = Downloads(client, clock=lambda: 0.0)
    return wiring.Application(
        settings,
        generator=generator,
        downloads=downloads,
        signing_key=lambda: "sk_test",
        now=clock,
    )


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
