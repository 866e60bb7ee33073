"""Each metric that the template watches is sent by the code, under this name and dimensions.

A scenario drives the real handlers until it happens; what they print for CloudWatch is read.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from image_to_video import clients, wiring
from image_to_video.domain.errors import (
    GeneratorAccessError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
)
from image_to_video.domain.generator import Ready, Started
from image_to_video.domain.task import WaitingFor
from image_to_video.observability import metrics

import functions.on_image_uploaded.app as on_image_uploaded
import functions.poll_task.app as poll_task
import functions.publish_events.app as publish_events
import functions.reconcile_coins.app as reconcile_coins
import functions.reconcile_tasks.app as reconcile_tasks
import functions.redrive_task.app as redrive_task
import functions.store_video.app as store_video
from tests.conftest import PROJECT, Application, Clock, ResultHost, ScriptedGenerator
from tests.handlers.conftest import invoke, sample
from tests.handlers.test_receive_hint import OWN, hint
from tests.handlers.test_reconcile_coins import a2e_with_a_strange_charge
from tests.support.fake_a2e import FakeA2E, accepted, record
from tests.support.rest import at, creation, send
from tests.support.watched import OURS, Watched, alarms, shown_by, watched_by, widgets
from tests.support.workflow import stop_execution

STACK = "dev"
URL = "https://results.example.com/video.mp4"
IMAGE = {"image_url": "https://images.example.com/a.png"}
HOUR = 3600


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    limits = {"MAX_GENERATING": "1", "DAILY_COIN_LIMIT": "1000"}
    return environment | limits | {"STACK_NAME": STACK, "HINTS_URL": OWN}


@dataclass
class Stage:
    """One stack, and who calls its functions."""

    stack: Application
    generator: ScriptedGenerator
    host: ResultHost
    clock: Clock
    patch: pytest.MonkeyPatch

    def create(self, key: str = "1") -> str:
        reply = send(creation(IMAGE, key=key))
        assert reply.status == 202, reply.text
        return str(reply.body["task_id"])

    def poll(self, task_id: str, seconds: float = 0, execution: str | None = None) -> None:
        self.clock.advance(seconds)
        invoke(poll_task.handler, {"task_id": task_id, "execution": execution})

    def store(self, task_id: str, seconds: float = 0) -> None:
        self.clock.advance(seconds)
        invoke(store_video.handler, {"task_id": task_id})

    def finish(self, task_id: str) -> None:
        self.generator.answers = [Ready("completed", URL)]
        self.poll(task_id, 240)
        self.store(task_id)

    def reconcile(self, seconds: float = 0) -> None:
        self.clock.advance(seconds)
        invoke(reconcile_tasks.handler, sample("reconcile_tasks/schedule"))

    def read(self, task_id: str) -> dict[str, Any]:
        table = self.stack.table("TASKS_TABLE")
        found: dict[str, Any] = table.get_item(Key={"task_id": task_id})["Item"]
        return found

    def upload(self, case: str, body: bytes) -> None:
        event = sample(f"on_image_uploaded/{case}")
        described = event["detail"]["object"]
        put = self.stack.client("s3").put_object(Bucket="images", Key=described["key"], Body=body)
        described |= {"etag": put["ETag"].strip('"'), "version-id": put["VersionId"]}
        invoke(on_image_uploaded.handler, event)

    def break_calls(self, fails: Callable[[str, dict[str, Any]], bool]) -> None:
        """From now on these calls of AWS are throttled."""
        real: Any = BaseClient.__dict__["_make_api_call"]

        def call(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
            if fails(operation, parameters):
                error = {"Code": "ThrottlingException", "Message": "slow"}
                raise ClientError({"Error": error}, operation)  # type: ignore[typeddict-item]
            return real(client, operation, parameters)

        self.patch.setattr(BaseClient, "_make_api_call", call)


@pytest.fixture
def stage(
    deployed: Application,
    generator: ScriptedGenerator,
    guarded_result_host: ResultHost,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Stage]:
    deployed.client("s3").put_bucket_versioning(
        Bucket="images", VersioningConfiguration={"Status": "Enabled"}
    )
    metrics.clear_metrics()
    yield Stage(deployed, generator, guarded_result_host, clock, monkeypatch)
    metrics.clear_metrics()


def a_task_that_ends_well(on: Stage) -> None:
    on.finish(on.create())


def starts_that_are_not_taken(on: Stage) -> None:
    on.generator.starts = [
        GeneratorUnavailableError("busy"),
        GeneratorAccessError("no coins", waiting_for=WaitingFor.COINS),
    ]
    on.poll(on.create(), 20)


def an_answer_that_is_lost_and_found(on: Stage) -> None:
    on.generator.starts = [StartUnconfirmedError("timeout")]
    on.generator.finds = [Started("gen-1", 30)]
    on.poll(on.create(), 20)


def a_start_that_nobody_can_confirm(on: Stage) -> None:
    on.generator.starts = [StartUnconfirmedError("timeout")]
    task_id = on.create()
    while on.read(task_id)["status"] == "queued":
        on.poll(task_id, 60)


def two_starts_that_both_show_up(on: Stage) -> None:
    on.generator.starts = [StartUnconfirmedError("timeout")]
    task_id = on.create()
    while len(on.read(task_id)["attempts"]) < 2:
        on.poll(task_id, 60)
    on.generator.finds = [Started("gen-1", 30), Started("gen-2", 30)]
    on.poll(task_id, 60)


def polls_without_an_answer(on: Stage) -> None:
    on.generator.answers = [GeneratorUnavailableError("down")]
    on.poll(on.create(), 700)


def a_word_that_is_not_known(on: Stage) -> None:
    task_id = on.create()
    answer = record(_id="gen-000001", current_status="dreaming")
    fake = FakeA2E(detail=accepted(answer), batch=accepted([answer]), list=accepted([answer]))
    on.patch.setattr(on.generator, "check", fake.client.check)
    on.poll(task_id, 300)


def a_video_that_cannot_be_copied(on: Stage) -> None:
    on.host.answers = [httpx.Response(404)]
    task_id = on.create()
    on.finish(task_id)
    on.store(task_id, HOUR)
    on.store(task_id, 80 * HOUR)
    on.host.answers = [httpx.Response(200)]
    invoke(redrive_task.handler, {"task_id": task_id})


def a_task_that_is_canceled_in_line(on: Stage) -> None:
    on.create("1")
    waiting = on.create("2")
    assert send(at("/cancel", waiting, method="POST")).status == 200


def one_that_is_woken_by_another(on: Stage) -> None:
    first = on.create("1")
    on.create("2")
    on.finish(first)


def a_line_that_cannot_be_read(on: Stage) -> None:
    first = on.create("1")
    on.create("2")
    on.break_calls(lambda called, asked: called == "Query" and asked["TableName"] == "limits")
    on.finish(first)


def a_workflow_that_was_lost(on: Stage) -> None:
    task_id = on.create("1")
    on.create("2")
    stop_execution(on.stack, on.read(task_id)["execution"])
    on.reconcile(HOUR)


def more_overdue_tasks_than_a_run_can_ask_for(on: Stage) -> None:
    on.create()
    on.break_calls(lambda called, _: called == "DescribeExecution")
    on.reconcile(HOUR)


def a_record_that_cannot_be_read(on: Stage) -> None:
    task_id = on.create()
    item = on.read(task_id) | {"status": 7}
    on.stack.table("TASKS_TABLE").put_item(Item=item)
    # Overdue, and its slot is still held.
    on.reconcile(1000)


def a_video_that_is_being_stored_during_the_run(on: Stage) -> None:
    task_id = on.create()
    on.generator.answers = [Ready("completed", URL)]
    on.poll(task_id, 240)
    on.reconcile()


def a_workflow_that_cannot_be_started(on: Stage) -> None:
    on.break_calls(lambda called, _: called == "StartExecution")
    on.create()


def a_table_that_fails_before_the_start(on: Stage) -> None:
    on.break_calls(lambda called, asked: called == "Query" and asked["TableName"] == "limits")
    on.create()


def hints_good_and_bad(on: Stage) -> None:
    task_id = on.create()
    (request,) = on.generator.requests
    assert request.hint is not None
    on.clock.advance(60)
    for token in (request.hint.token, request.hint.token, "1." + "A" * 43):
        hint(task_id, token)
    # The execution that the first one gave it never began.
    on.poll(task_id, 40, execution=task_id)


def odd_uploads(on: Stage) -> None:
    picture = (PROJECT / "i2v" / "sample" / "portrait.png").read_bytes()
    on.upload("object_created_empty", b"")
    on.upload("object_created_without_owner", picture)
    on.upload("object_created", picture)
    on.upload("object_created", picture)


def a_request_that_fails(on: Stage) -> None:
    on.break_calls(lambda called, _: called == "PutItem")
    assert send(creation(IMAGE)).status == 503


def an_event_that_cannot_be_published(on: Stage) -> None:
    on.break_calls(lambda called, _: called == "Publish")
    invoke(publish_events.handler, sample("publish_events/insert"))


def a_task_of_another_release(on: Stage) -> None:
    task_id = on.create()
    on.stack.table("TASKS_TABLE").put_item(Item=on.read(task_id) | {"status": "approving"})
    on.poll(task_id)
    change = sample("publish_events/modify_generating")
    change["Records"][0]["dynamodb"]["NewImage"]["status"] = {"S": "approving"}
    invoke(publish_events.handler, change)


def a_charge_that_no_task_explains(on: Stage) -> None:
    on.patch.setattr(clients, "generator_http", a2e_with_a_strange_charge)
    invoke(reconcile_coins.handler, sample("reconcile_coins/schedule"))


type Scenario = Callable[[Stage], None]

SENT: dict[Scenario, set[str]] = {
    a_task_that_ends_well: {
        *("TasksRecorded", "StartsAccepted", "CoinsCharged", "NoticeDelay"),
        *("TasksSucceeded", "TimeToVideo"),
    },
    starts_that_are_not_taken: {"StartsPostponed", "StartsWithoutAccess"},
    an_answer_that_is_lost_and_found: {"StartsUnconfirmed", "StartsAdopted", "CoinsCharged"},
    a_start_that_nobody_can_confirm: {"StartsRepeated", "StartsGivenUp", "TasksFailed"},
    two_starts_that_both_show_up: {"StartsDoubled"},
    polls_without_an_answer: {"LooksFailed", "TasksLate"},
    a_word_that_is_not_known: {"UnknownGeneratorStatus"},
    a_video_that_cannot_be_copied: {
        *("CopiesFailed", "VideosUnstored", "VideosLost", "TasksReopened"),
    },
    a_task_that_is_canceled_in_line: {"TasksCanceled"},
    one_that_is_woken_by_another: {"TasksWoken"},
    a_line_that_cannot_be_read: {"WakesFailed"},
    a_workflow_that_was_lost: {
        *("TasksRevived", "TasksQueued", "TasksGenerating", "TasksStoring"),
        *("OldestTaskAge", "CoinsReserved"),
    },
    a_video_that_is_being_stored_during_the_run: {"TasksStoring", "CoinsReserved"},
    more_overdue_tasks_than_a_run_can_ask_for: {"TasksLeftOverdue"},
    a_record_that_cannot_be_read: {"TasksUnreadable", "SlotsTaken"},
    a_workflow_that_cannot_be_started: {"WorkflowsPostponed"},
    a_table_that_fails_before_the_start: {"StartsInterrupted"},
    hints_good_and_bad: {"HintsTaken", "HintsIgnored", "HintsRefused", "ExecutionsTakenBack"},
    odd_uploads: {"UploadsEmpty", "UploadsWithoutOwner", "UploadsRepeated"},
    a_request_that_fails: {"RequestsFailed"},
    an_event_that_cannot_be_published: {"EventsFailed"},
    a_task_of_another_release: {"TasksLeftAlone", "EventsUnknown"},
    a_charge_that_no_task_explains: {"CoinsBooked", "CoinsUnexplained", "CoinsDifferent"},
}
# Counters that neither an alarm nor the dashboard shows, and why.
UNSEEN = {"TokensUnreadable": "only the command line lists tokens, and it sends no metrics"}


def sent(printed: str) -> set[Watched]:
    """What CloudWatch makes of the lines of an invocation."""
    found = set()
    for line in printed.splitlines():
        told = json.loads(line)
        for directive in told.get("_aws", {}).get("CloudWatchMetrics", []):
            (names,) = directive["Dimensions"]
            dimensions = tuple(sorted((name, told[name]) for name in names))
            for metric in directive["Metrics"]:
                assert metric["Name"] in told
                found.add(Watched(directive["Namespace"], metric["Name"], dimensions))
    return found


def resolved(watched: Watched, environment: dict[str, str]) -> Watched:
    values = {"${AWS::StackName}": environment["STACK_NAME"]}
    dimensions = tuple((name, values.get(value, value)) for name, value in watched.dimensions)
    return watched._replace(dimensions=dimensions)


def seen(template: dict[str, Any]) -> set[Watched]:
    """Our own metrics that alarms and the dashboard read."""
    resources = template["Resources"]
    by_alarms = {one for alarm in alarms(resources).values() for one in watched_by(alarm)}
    shown = {one for widget in widgets(resources) for one in shown_by(widget)}
    return {one for one in by_alarms | shown if one.namespace == OURS}


@pytest.mark.parametrize("scenario", SENT, ids=lambda scenario: scenario.__name__)
def test_what_happens_is_sent_as_it_is_watched(
    stage: Stage,
    scenario: Scenario,
    template: dict[str, Any],
    environment: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    scenario(stage)
    came = sent(capsys.readouterr().out)
    assert {one.name for one in came} >= SENT[scenario]
    watched = {resolved(one, environment) for one in seen(template)}
    assert {one for one in came if one.name in SENT[scenario]} <= watched


def test_every_metric_that_is_watched_is_driven(template: dict[str, Any]) -> None:
    """An alarm on what nobody sends would be silent for ever."""
    driven = {name for names in SENT.values() for name in names}
    assert {one.name for one in seen(template)} <= driven


def test_every_metric_of_the_code_is_seen_or_there_is_a_reason(template: dict[str, Any]) -> None:
    code = "".join(
        path.read_text()
        for folder in ("functions", "layers/core/image_to_video")
        for path in (PROJECT / folder).rglob("*.py")
    )
    named = set(re.findall(r'\b(?:count|measure)\(\s*"(\w+)"', code))
    # Those that stand in tables of names.
    named |= {"TasksSucceeded", "TasksFailed", "TasksCanceled"}
    named |= {"TasksQueued", "TasksGenerating", "TasksStoring"}
    assert named - {one.name for one in seen(template)} == set(UNSEEN)


def test_two_stacks_do_not_mix(
    deployed: Application, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for name in ("dev", "prod"):
        monkeypatch.setenv("STACK_NAME", name)
        metrics.clear_metrics()
        wiring.application.cache_clear()
        hint("0" * 32, None)
        found.append(sent(capsys.readouterr().out))
    assert all(found)
    assert not found[0] & found[1]
