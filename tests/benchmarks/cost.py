"""What a thousand tasks cost on AWS: lives of tasks, played by the product, billed by a price list.

Counted are the calls of the product against moto, the states of the workflow's own file, and
DynamoDB's units by the sizes of the records. Durations that AWS bills are assumed; see `ASSUMED`.
"""

import json
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import NormalDist, fmean
from typing import Any, Final

import httpx
import pytest
from botocore.endpoint import Endpoint
from image_to_video import wiring
from image_to_video.adapters.duration_table import DurationTable
from image_to_video.adapters.safe_download import Downloads
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.generator import PollAnswer, Ready, Running
from image_to_video.settings import Settings
from moto.backends import get_backend

from tests.benchmarks.dynamodb_units import write_units
from tests.benchmarks.parameters import template
from tests.benchmarks.played_workflow import PlayedWorkflow
from tests.benchmarks.schedule import LEARNED_FROM, log_normal
from tests.benchmarks.store_memory import clip
from tests.conftest import ACCOUNT, REGION, Clock, ScriptedGenerator, deployed_variables
from tests.support.stack import Application, deployment
from tests.support.stream_filter import wakes

# us-east-1, in USD, beyond the free tiers, as of 2026-11-27. Step Functions and CloudWatch from
# AWS's own pages, DynamoDB from airbyte.com (2025-07), Lambda from cloudchipr.com (2025), the rest
# from memory of https://aws.amazon.com/pricing/: check before you count on it.
PRICES: Final = {
    "state transition": 0.025 / 1000,
    "request to the API": 3.50 / 1e6,
    "invocation": 0.20 / 1e6,
    "GB-second": 0.0000166667,
    "write unit": 0.625 / 1e6,
    "read unit": 0.125 / 1e6,
    "secret read": 0.05 / 10_000,
    "GB of logs": 0.50,
    "S3 put": 5 / 1e6,
    "publication": 0.50 / 1e6,
    "trace": 5 / 1e6,
}
# What was not counted here but assumed, by the review of 2026-11-25: warm durations in seconds,
# memory in GB, how often a caller asks, how much an invocation logs.
ASSUMED: Final = {
    "poll_task": (0.35, 0.5),
    "store_video": (5.0, 0.5),
    "publish_events": (0.05, 0.5),
    "api": (0.05, 0.5),
}
ASKS_EVERY_S: Final = 10
LOGGED_GB: Final = 0.75e-6
SECRET_READS: Final = 5
S3_PUTS: Final = 3
# Tasks of a log-normal duration: lives at so many even quantiles stand for all.
USUAL: Final = (240, 0.38)
LIVES: Final = 9
HINTS_URL: Final = "https://api.example.com/v1"
KIND: Final = "a2e#5"


@dataclass
class Count:
    """What one task took of everything that is billed."""

    transitions: int = 0
    writes: float = 0
    reads: float = 0
    invocations: Counter[str] = field(default_factory=Counter)
    seconds: float = 0


class Ends(ScriptedGenerator):
    """A generator that is at work until a moment."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__()
        self._clock = clock
        self.end = clock() + timedelta(seconds=seconds)

    def check(self, generator_task_id: str) -> PollAnswer:
        self.checked.append(generator_task_id)
        if self._clock() < self.end:
            return Running("processing")
        return Ready("completed", "https://results.example.com/video.mp4")


def figures() -> dict[str, float]:
    """Means over some lives, without hints and with one at each end."""
    counts, hinted = (list(_lives(hints=hints)) for hints in (False, True))
    return {
        "transitions": fmean(count.transitions for count in counts),
        "write_units": fmean(count.writes for count in counts),
        "stream_invocations": fmean(count.invocations["publish_events"] for count in counts),
        "usd_per_1000": sum(bill(counts).values()),
        "write_units_hint": fmean(count.writes for count in hinted),
        "usd_per_1000_hint": sum(bill(hinted).values()),
    }


def bill(counts: list[Count]) -> dict[str, float]:
    """USD of a thousand tasks, by line."""

    def mean(read: Callable[[Count], float]) -> float:
        return 1000 * fmean(read(count) for count in counts)

    invocations = {
        "poll_task": mean(lambda count: count.invocations["poll_task"]),
        "store_video": mean(lambda count: count.invocations["store_video"]),
        "publish_events": mean(lambda count: count.invocations["publish_events"]),
        # One asks for the video until it is there; the authorizer's answers are kept.
        "api": mean(lambda count: 1 + count.seconds // ASKS_EVERY_S),
    }
    compute = {
        name: number * (PRICES["invocation"] + seconds * memory * PRICES["GB-second"])
        for name, number in invocations.items()
        for seconds, memory in [ASSUMED[name]]
    }
    traced = template()["Parameters"]["Tracing"]["Default"] == "Active"
    return {
        "Step Functions": mean(lambda count: count.transitions) * PRICES["state transition"],
        "API Gateway": invocations["api"] * PRICES["request to the API"],
        **compute,
        "DynamoDB writes": mean(lambda count: count.writes) * PRICES["write unit"],
        "DynamoDB reads": (mean(lambda count: count.reads) + invocations["api"])
        * PRICES["read unit"],
        "Secrets Manager": SECRET_READS * 1000 * PRICES["secret read"],
        "CloudWatch Logs": sum(invocations.values()) * LOGGED_GB * PRICES["GB of logs"],
        "S3": S3_PUTS * 1000 * PRICES["S3 put"],
        "SNS": invocations["publish_events"] * PRICES["publication"],
        "X-Ray": sum(invocations.values()) * PRICES["trace"] if traced else 0.0,
    }


def _lives(*, hints: bool) -> Iterator[Count]:
    """Tasks at even quantiles of what is usual, after the product has learned that."""
    median, spread = USUAL
    video = clip()
    with pytest.MonkeyPatch.context() as patch:
        _fake_credentials(patch)
        described = template()
        variables = deployed_variables(described) | {"HINTS_URL": HINTS_URL if hints else ""}
        with deployment(described, variables) as stack:
            known = _learned(stack)
            for number in range(LIVES):
                stack.reset()
                stack.table("LIMITS_TABLE").put_item(Item=known)
                quantile = NormalDist(0, spread).inv_cdf((number + 0.5) / LIVES)
                with pytest.MonkeyPatch.context() as counting:
                    yield _Life(stack, median * math.exp(quantile), video, counting).play()


class _Life:
    """One task, from its order to its end."""

    def __init__(
        self, stack: Application, seconds: float, video: bytes, patch: pytest.MonkeyPatch
    ) -> None:
        self._clock = Clock()
        self._count = Count()
        self._generator = Ends(self._clock, seconds)
        host = httpx.MockTransport(lambda _: httpx.Response(200, content=iter([video])))
        self._services = wiring.Application(
            Settings.read(stack.environment),
            generator=self._generator,
            downloads=Downloads(httpx.Client(transport=host), clock=lambda: 0.0),
            signing_key=lambda: "sk_test",
            now=self._clock,
        )
        real = getattr(Endpoint, "make_request")  # noqa: B009 - unknown to the stubs
        patch.setattr(Endpoint, "make_request", self._counted(real))

    def play(self) -> Count:
        """Live it, with a hint to the product at the generator's end, where one is asked for."""
        workflow, tasks = PlayedWorkflow(self._services, self._clock), self._services.video_tasks
        request = TaskRequest(image_url="https://pictures.example.com/portrait.png")
        task = tasks.create("anna", request, "key")
        hint = self._generator.requests[0].hint
        while execution := workflow.next():
            if hint and execution.wake > self._generator.end:
                self._clock.moment = self._generator.end
                self._services.hints.receive(task.task_id, hint.token)
                hint = None
                continue
            self._count.invocations[workflow.step(execution)] += 1
        self._count.transitions = workflow.transitions
        ended_at = tasks.get("anna", task.task_id).ended_at
        assert ended_at is not None
        self._count.seconds = (ended_at - task.created_at).total_seconds()
        self._count_stream()
        return self._count

    def _count_stream(self) -> None:
        """Writes of the tasks table with its indexes, and whom its stream wakes."""
        properties = template()["Resources"]["TasksTable"]["Properties"]
        name = self._services.config.tasks_table
        shard = get_backend("dynamodb")[ACCOUNT][REGION].tables[name].stream_shard
        assert shard is not None
        for item in shard.items:
            change = item.record["dynamodb"]
            before, after = change.get("OldImage") or None, change.get("NewImage") or None
            self._count.writes += write_units(properties, before, after)
            self._count.invocations["publish_events"] += wakes(item.record)

    def _counted(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def make_request(endpoint: Endpoint, model: Any, request: dict[str, Any]) -> Any:
            service = model.service_model.service_name
            if service == "dynamodb":
                body = json.loads(request["body"])
                if model.name in ("GetItem", "Query"):
                    self._count.reads += 1 if body.get("ConsistentRead") else 0.5
                elif body["TableName"] != self._services.config.tasks_table:
                    # Small items without indexes; the tasks table is counted by its stream.
                    self._count.writes += 1
            return real(endpoint, model, request)

        return make_request


def _fake_credentials(patch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        patch.setenv(name, "testing")
    patch.setenv("AWS_DEFAULT_REGION", REGION)


def _learned(stack: Application) -> dict[str, Any]:
    """What the product keeps once it has seen how long tasks take."""
    case, source = log_normal(*USUAL), random.Random(1)
    limits = stack.table("LIMITS_TABLE")
    for _ in range(LEARNED_FROM):
        DurationTable(limits).add(KIND, case.draw(source))
    item: dict[str, Any] = limits.get_item(Key={"limit": "durations", "member": KIND})["Item"]
    return item


if __name__ == "__main__":
    for figure, value in figures().items():
        print(f"{figure:<20}{value:8.3f}")
