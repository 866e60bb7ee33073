"""What hints bring: how soon the end of a task is noticed, and what that costs in the workflow.

The product's own services run over AWS in moto on a virtual clock, and the state machine's own file
is walked by the fault tests' interpreter, which counts the states that are entered: those are what
Step Functions charges for, the last round of the superseded execution included. Durations are the
quantiles of a log-normal distribution with a median of 240 s.

Measured: everything that waits by a number of ours, such as the first wait of the execution that
polls at once. Assumed, because no emulator tells: how long each step on the way takes on AWS, warm
(`ASSUMED_SECONDS`). A cold start adds its own time; see `cold_start`.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import NormalDist, fmean
from typing import Final

import httpx
import pytest
from image_to_video import wiring
from image_to_video.adapters.safe_download import Downloads
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.generator import PollAnswer, Ready, Running, Started, StartRequest
from image_to_video.settings import Settings

from tests.benchmarks.parameters import template
from tests.benchmarks.played_workflow import PlayedWorkflow
from tests.benchmarks.store_memory import clip
from tests.conftest import REGION, Clock, deployed_variables
from tests.support.stack import deployment

MEDIAN_SECONDS: Final = 240
SIGMA: Final = 0.5
TASKS: Final = 40
ASSUMED_SECONDS: Final = {
    # A2E notices its own end and calls; public programs say nothing of it.
    "a2e calls": 0.2,
    # API Gateway, Lambda, one read, one write and StartExecution.
    "hint is received": 0.25,
    # From StartExecution to the function's invocation, through a Wait of no seconds.
    "execution begins": 0.2,
    # Lambda, one read, and A2E's answer to the poll.
    "poll is answered": 0.35,
}
_RESULT: Final = "https://results.example.com/video.mp4"


@dataclass
class _Generator:
    """Works on each task for as long as it is told, and keeps when it was asked last."""

    clock: Clock
    seconds: float = 0
    ends_at: datetime | None = None
    noticed_at: datetime | None = None
    hint: tuple[str, str] | None = None

    def start(self, request: StartRequest) -> Started:
        self.ends_at = self.clock() + timedelta(seconds=self.seconds)
        self.noticed_at = None
        task_id = request.name.partition("-")[0]
        self.hint = (task_id, request.hint.token) if request.hint else None
        return Started(f"gen-{task_id}", 30)

    def check(self, generator_task_id: str) -> PollAnswer:
        if self.ends_at is None or self.clock() < self.ends_at:
            return Running("processing")
        self.noticed_at = self.noticed_at or self.clock()
        return Ready("completed", _RESULT)

    def find(self, name: str, *, since: datetime) -> Started | None:
        raise NotImplementedError

    def cancel(self, generator_task_id: str) -> bool:
        raise NotImplementedError


@dataclass
class _Run:
    """One task from its creation to the end of its last execution."""

    services: wiring.Application
    generator: _Generator
    clock: Clock

    def live(self, *, hints: bool) -> tuple[float, int]:
        """Seconds from the generator's end to our knowing, and the states entered."""
        workflow = PlayedWorkflow(self.services, self.clock)
        request = TaskRequest(image_url="https://example.com/a.png")
        self.services.video_tasks.create("anna", request, None)
        ends_at = self.generator.ends_at
        assert ends_at is not None
        hint_at = ends_at + timedelta(seconds=ASSUMED_SECONDS["a2e calls"])
        pending = self.generator.hint if hints else None
        while execution := workflow.next():
            if pending and hint_at <= execution.wake:
                self.clock.moment = hint_at
                self.services.hints.receive(*pending)
                pending = None
                continue
            workflow.step(execution)
        noticed_at = self.generator.noticed_at
        assert noticed_at is not None
        on_the_way = sum(ASSUMED_SECONDS.values()) if hints else 0
        on_the_way -= ASSUMED_SECONDS["a2e calls"] if hints else 0
        delay = (noticed_at - ends_at).total_seconds() + on_the_way
        transitions = workflow.transitions
        workflow.forget()
        return delay, transitions


def durations() -> list[float]:
    """Seconds that the generator works, at evenly spread quantiles."""
    normal = NormalDist(math.log(MEDIAN_SECONDS), SIGMA)
    return [math.exp(normal.inv_cdf((number + 0.5) / TASKS)) for number in range(TASKS)]


def figures() -> dict[str, float]:
    """The mean delay with hints, in seconds, and the mean number of transitions.

    Beside them what a hint that never comes costs: the mean and the longest delay of a task whose
    hint was lost.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        described = template()
        variables = deployed_variables(described) | {"HINTS_URL": "https://api.example.com/v1"}
        video = clip()
        answer = httpx.MockTransport(lambda _: httpx.Response(200, content=iter([video])))
        with deployment(described, variables):
            clock = Clock(datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
            generator = _Generator(clock)
            services = wiring.Application(
                Settings.read(variables),
                generator=generator,
                downloads=Downloads(httpx.Client(transport=answer), clock=lambda: 0.0),
                signing_key=lambda: "sk_benchmark",
                now=clock,
            )
            run = _Run(services, generator, clock)
            hinted, lost = [], []
            for seconds in durations():
                generator.seconds = seconds
                hinted.append(run.live(hints=True))
                lost.append(run.live(hints=False))
    return {
        "notice_delay_hint_s": round(fmean(delay for delay, _ in hinted), 2),
        "transitions_hint": round(fmean(transitions for _, transitions in hinted), 2),
        "notice_delay_lost_hint_s": round(fmean(delay for delay, _ in lost), 1),
        "notice_delay_lost_hint_max_s": round(max(delay for delay, _ in lost), 1),
    }


if __name__ == "__main__":
    for name, figure in figures().items():
        print(f"{name:30} {figure:8.2f}")
