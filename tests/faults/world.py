"""The world around the product: AWS in moto, A2E simulated, time as a value, and what recovers.

Recovery is only what the real system has: the client's retry with the same key, Lambda's and Step
Functions' retries, the stream's redelivery, the schedule. The workflow is the state machine's own
file, walked by `state_machine`.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import BotoCoreError, ClientError
from image_to_video import wiring
from image_to_video.adapters.a2e_client import A2E
from image_to_video.adapters.event_topic import EventTopic
from image_to_video.adapters.safe_download import Downloads, GuardedTransport
from image_to_video.adapters.task_table import task_of
from image_to_video.domain.errors import ImageToVideoError
from image_to_video.domain.records import iso
from image_to_video.domain.task import Task
from image_to_video.domain.waiting_line import waits_for_owner
from image_to_video.settings import Settings
from moto.backends import get_backend

from i2v.simulator.account import Account
from i2v.simulator.app import create_app
from i2v.simulator.settings import SimulatorSettings
from tests.conftest import ACCOUNT, REGION, Application, Clock
from tests.faults.in_process import InProcess
from tests.faults.interception import Died, InterceptedTransport, Interception
from tests.faults.messages import Message
from tests.faults.planned_hints import PlannedHints
from tests.faults.result_hosts import ResultHosts
from tests.faults.seen_limits import SeenLimits
from tests.faults.state_machine import Execution, StateMachine
from tests.support.catalogue import assert_promised
from tests.support.stream_filter import wakes

A2E_URL = "https://a2e.test"
# How an invocation may fail when something outside goes wrong; any other error is a fault of ours.
FAILURES = (Died, BotoCoreError, ClientError, ImageToVideoError)
TOKEN = "sk_simulator"
BEGINNING = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
# Events that were found to be what the catalogue says.
PROMISED: set[str] = set()


@dataclass
class World(SeenLimits):
    """One deployed stack, one A2E account, one clock."""

    application: Application
    settings: Settings
    interception: Interception
    clip: bytes
    clock: Clock = field(default_factory=Clock)
    executions: dict[str, Execution] = field(default_factory=dict)
    published: int = 0
    # What A2E was asked: when, and the name of a start, or `list` where it answered with one.
    asked: list[tuple[datetime, str]] = field(default_factory=list)
    # What every world begins with of the durations of tasks, by bucket.
    durations: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rendered: list[Path] = []
        self._buckets = get_backend("s3")[ACCOUNT]["aws"].buckets
        self._a2e = InProcess()
        client = httpx.Client(
            transport=InterceptedTransport(self._a2e, self.interception, "a2e", self._note),
            base_url=A2E_URL,
        )
        guarded = GuardedTransport(
            InterceptedTransport(
                ResultHosts(self._a2e, self._buckets), self.interception, "result"
            ),
            permit_loopback=False,
            resolve=lambda _host, _port: [ip_address("93.184.215.14")],
        )
        services = wiring.Application(
            self.settings,
            generator=A2E(client, lambda: TOKEN, start_timeout_seconds=20),
            downloads=Downloads(
                httpx.Client(transport=guarded, follow_redirects=True), clock=lambda: 0.0
            ),
            signing_key=lambda: TOKEN,
            now=self.clock,
        )
        self._learned = services._learned
        self.tasks, self.steps = services.video_tasks, services.workflow_steps
        self.test_tasks = services.of(test=True).video_tasks
        self.repair, self.hints = services.repair, services.hints
        self._machine = StateMachine()
        self._functions = {
            "${PollTaskFunctionArn}": self.steps.poll_task,
            "${StoreVideoFunctionArn}": self.steps.store_video,
        }
        self.topic = EventTopic(
            self.application.client("sns"),
            topic_arn=self.settings.topic_arn or "",
            stack_name=self.settings.stack_name,
            schema_url=self.settings.event_schema_url or "",
        )
        self._deserialize = TypeDeserializer().deserialize
        backend = get_backend("dynamodb")[ACCOUNT][REGION]
        self._tables = dict(backend.tables)
        self._machines = get_backend("stepfunctions")[ACCOUNT][REGION].state_machines
        self.next_schedule = self._in(300)
        self._queues = get_backend("sqs")[ACCOUNT][REGION].queues

    def reset(self, simulator: SimulatorSettings) -> None:
        """A new account, an empty stack."""
        self._learned._known.clear()
        for table in self._tables.values():
            table.items.clear()
            if table.stream_shard is not None:
                table.stream_shard.items.clear()
        for machine in self._machines:
            machine.executions.clear()
        for bucket in self._buckets.values():
            bucket.keys.clear()
            bucket.multiparts.clear()
        for queue in self._queues.values():
            queue._messages.clear()
        self.remember(self.durations)
        self.clock.moment = BEGINNING
        self.next_schedule = self._in(300)
        self.executions.clear()
        self.published = 0
        self.spent_before = {}
        self.idle_since: datetime | None = None
        self.asked.clear()
        self._rendered.clear()
        self.interception.forget()
        self.generation_seconds = simulator.generation_seconds
        self._a2e.serve(
            create_app(
                simulator,
                now=lambda: self.clock().timestamp(),
                render=self._render,
                notifier=self._planned_hints,
            )
        )
        self.outside = httpx.Client(transport=self._a2e, base_url=A2E_URL)

    def _planned_hints(self, account: Account) -> PlannedHints:
        self._notifier = PlannedHints(account)
        return self._notifier

    def remember(self, durations: dict[int, int]) -> None:
        """Tasks have taken so long, by bucket."""
        if durations:
            counts = {f"b{bucket}": count for bucket, count in durations.items()}
            key = {"limit": "durations", "member": "a2e#5", "added": sum(durations.values())}
            self.application.table("LIMITS_TABLE").put_item(Item=key | counts)

    async def _render(self, _picture: bytes, _seconds: int, path: Path) -> None:
        path.write_bytes(self.clip)
        self._rendered.append(path)

    def restore_videos(self) -> None:
        """Bring back what a copy of this process deleted: A2E's videos are on the disk."""
        for path in self._rendered:
            if not path.exists():
                path.write_bytes(self.clip)

    def _note(self, call: str, request: httpx.Request, answer: httpx.Response) -> None:
        if call == "start":
            self.asked.append((self.clock(), json.loads(request.content)["name"]))
        elif call == "allRecords" and answer.status_code == 200:
            self.asked.append((self.clock(), "list"))

    def fault(self, **fault: object) -> None:
        """Ask the simulated A2E for trouble."""
        answer = self.outside.post("/_simulator/faults", json=[fault])
        assert answer.status_code < 300, answer.text

    # What the world does ------------------------------------------------------------------

    def call[Answer](self, action: Callable[[], Answer], *, tries: int = 4) -> Answer | None:
        """A client that asks again after every failure, a little later; None when it gave up."""
        for _ in range(tries):
            answer = self._lambda(action)
            if answer is not None:
                return answer
            self.deliver()
            self.clock.advance(3)
        return None

    def attempt[Answer](self, action: Callable[[], Answer]) -> Answer | None:
        """Somebody tries this once; the product may say why it cannot be done now."""
        try:
            return self._lambda(action)
        except ImageToVideoError:
            return None

    def deliver(self) -> None:
        """Publish what the table's stream lets pass, each record again until it went through."""
        while self.published < len(self._stream()):
            change = self._stream()[self.published].record
            if not wakes(change):
                self.published += 1
                continue
            record = change["dynamodb"]
            before, after = record.get("OldImage"), record.get("NewImage")
            try:
                with self.interception.product():
                    self.topic.publish_change(self._task(before), self._required(after))
            except FAILURES:
                if not self.interception.reached:
                    raise
                continue
            self.published += 1

    def run(self, *, patience: float = 9 * 24 * 3600) -> None:
        """Let time pass until nothing is left to happen."""
        end = self._in(patience)
        while self._adopt_executions() or self._open() or self._notifier.next_at:
            self._next_moment(end)
            assert self.clock() < end, f"still open: {self._open()}"
        self.deliver()

    def run_for(self, seconds: float) -> None:
        """Let some time pass."""
        end = self._in(seconds)
        while self.clock() < end:
            self._adopt_executions()
            self._next_moment(end)
        self.deliver()

    def _next_moment(self, end: datetime) -> None:
        """Go to the next moment in which something happens, at most to `end`, and let it."""
        self.deliver()
        wakes = [execution.wake for execution in self.executions.values()]
        if (hint_at := self._notifier.next_at) is not None:
            wakes.append(datetime.fromtimestamp(hint_at, UTC))
        moment = min([*wakes, self.next_schedule, end])
        self.clock.moment = max(self.clock(), moment)
        self._check_idle()
        if self.clock() >= self.next_schedule:
            self.next_schedule = self._in(300)
            self._lambda(self.repair.reconcile_tasks)
        for hint in self._notifier.due():
            # A2E calls once, whatever becomes of it.
            self._lambda(partial(self.hints.receive, *hint))
            self._adopt_executions()
        for name, execution in list(self.executions.items()):
            if execution.wake <= self.clock():
                self._step(name, execution)

    def _check_idle(self) -> None:
        """Nobody waits for what is free longer than until the schedule comes, and for each fault.

        What is free now has been so since the moment before, or since a lease has ended.
        """
        since, now = self.idle_since, self.clock()
        longest = 310 + 400 * len(self.interception.injected)
        assert since is None or (now - since).total_seconds() <= longest, "a slot lies idle"
        self.idle_since = (since or now) if self._somebody_could_start() else None

    def _somebody_could_start(self) -> bool:
        """True where the first in line, or of those of one owner, waits for nothing not free."""
        if not self.line():
            return False
        waiting = [task for task in self._open() if task.in_line]
        now = iso(self.clock())
        taken = [i for i in self._limits() if "holder" in i and i["held_until"]["S"] > now]
        if len(taken) >= self.settings.max_generating:
            return False
        # Those of the line come first, and whose owner has no coins is passed over.
        for task in sorted(waiting, key=lambda task: (waits_for_owner(task), task.line_entry)):
            before = [other for other in waiting if other.owner == task.owner]
            is_first = all(task.created_at <= other.created_at for other in before)
            coins = self.settings.coins_per_second[task.model_version] * task.video_time
            if is_first and coins <= self.coins_left(task.owner):
                return coins <= self.coins_left(None)
        return False

    def _adopt_executions(self) -> bool:
        for machine in self._machines:
            for started in machine.executions:
                if started.name not in self.executions and started.status == "RUNNING":
                    order = json.loads(started.execution_input)
                    self.executions[started.name] = self._machine.begin(
                        order, self.clock(), started.name
                    )
        return bool(self.executions)

    def _step(self, name: str, execution: Execution) -> None:
        function, payload = self._machine.invocation(execution)
        step = self._lambda(lambda: self._functions[function](**payload))
        if step is None:
            self._machine.failed(execution, self.clock())
        else:
            self._machine.succeeded(execution, step.model_dump(mode="json"), self.clock())
        if execution.state is None:
            self.end(name)

    def _lambda[Answer](self, action: Callable[[], Answer]) -> Answer | None:
        """One invocation; None when it failed, which only a planned fault may bring about."""
        try:
            with self.interception.product():
                return action()
        except FAILURES:
            if not self.interception.reached:
                raise
            return None

    def end(self, name: str) -> None:
        """This execution is over."""
        del self.executions[name]
        for machine in self._machines:
            for execution in machine.executions:
                if execution.name == name:
                    execution.status = "SUCCEEDED"

    def end_all(self) -> None:
        """Every execution is aborted."""
        self._adopt_executions()
        for name in list(self.executions):
            self.end(name)

    def _in(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(self.clock().timestamp() + seconds, UTC)

    def age(self) -> float:
        """Seconds since this world began."""
        return (self.clock() - BEGINNING).total_seconds()

    # What can be seen of it ---------------------------------------------------------------

    def _task(self, image: dict[str, Any] | None) -> Task | None:
        return None if not image else self._required(image)

    def _required(self, image: dict[str, Any]) -> Task:
        return task_of({name: self._deserialize(value) for name, value in image.items()})

    def _stream(self) -> list[Any]:
        shard = self._tables[self.settings.tasks_table].stream_shard
        assert shard is not None
        return list(shard.items)

    def records(self) -> list[Task]:
        """Every task as it is now."""
        table = self._tables[self.settings.tasks_table]
        return [self._required(item.to_json()["Attributes"]) for item in table.all_items()]

    def _open(self) -> list[Task]:
        return [task for task in self.records() if not task.status.is_final]

    def history(self) -> Iterator[tuple[Task | None, Task]]:
        """Every change of every record."""
        for item in self._stream():
            record = item.record["dynamodb"]
            yield self._task(record.get("OldImage")), self._required(record["NewImage"])

    def messages(self) -> list[Message]:
        """Everything that a subscriber received."""
        found = []
        for queue in self._queues.values():
            for message in queue._messages:
                event = json.loads(message.body)
                # The same scenario has the same event in every run: once looked at is enough.
                if message.body not in PROMISED:
                    self.check_promised(event)
                    PROMISED.add(message.body)
                found.append(Message(event["id"], event["type"], event["subject"], event["data"]))
        return found

    def check_promised(self, event: dict[str, Any]) -> None:
        assert_promised(event)

    def ledger(self) -> list[dict[str, Any]]:
        """Every charge of the simulated A2E."""
        charges: list[dict[str, Any]] = self.outside.get("/_simulator/ledger").json()
        return charges

    def at_work(self) -> list[str]:
        """The names of the starts that A2E works on."""
        ended = ("completed", "failed")
        return [task["name"] for task in self.generated() if task["current_status"] not in ended]

    def generated(self) -> list[dict[str, Any]]:
        """What A2E knows of every task that was not deleted there."""
        known: list[dict[str, Any]] = self.outside.get("/_simulator/tasks").json()
        return known

    def videos(self) -> dict[str, bytes]:
        """What lies in the video bucket."""
        lying = self._buckets[self.settings.videos_bucket].keys
        return {key: video.value for key, video in lying.items()}

    def close(self) -> None:
        self._a2e.close()
