"""What hints bring: how soon the end of a task is noticed, and what that costs in the workflow.

The product's own services run over AWS in moto on a virtual clock, and the state machine's own file
is walked by the fault tests' interpreter, which counts the states that are entered: those are what
Step Functions charges for, the last round of the superseded execution included. Durations are the
quantiles of a log-normal distribution with a median of 240 s.

Measured: everything that waits by a number of ours, such as the first wait of the execution that
polls at once. Assumed, because no emulator tells: how long each step on the way takes on AWS, warm
(`ASSUMED_SECONDS`). A cold start adds its own time; see `cold_start`.
"""

import json
import math
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import NormalDist, fmean
from typing import Any, Final

import httpx
import imageio_ffmpeg
import pytest
from image_to_video import wiring
from image_to_video.adapters.safe_download import Downloads
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.generator import PollAnswer, Ready, Running, Started, StartRequest
from image_to_video.settings import Settings
from moto.backends import get_backend
from samtranslator.yaml_helper import yaml_parse

from tests.conftest import ACCOUNT, PICTURE, PROJECT, REGION, Clock, deployed_variables
from tests.faults.state_machine import Execution, StateMachine
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
    polls: int = 0

    def start(self, request: StartRequest) -> Started:
        self.ends_at = self.clock() + timedelta(seconds=self.seconds)
        self.noticed_at = None
        task_id = request.name.partition("-")[0]
        self.hint = (task_id, request.hint.token) if request.hint else None
        return Started(f"gen-{task_id}", 30)

    def check(self, generator_task_id: str) -> PollAnswer:
        self.polls += 1
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
    machine: StateMachine = field(default_factory=StateMachine)
    executions: dict[str, Execution] = field(default_factory=dict)

    def live(self, *, hints: bool) -> tuple[float, int]:
        """Seconds from the generator's end to our knowing, and the states entered."""
        request = TaskRequest(image_url="https://example.com/a.png")
        self.services.video_tasks.create("anna", request, None)
        self.adopt()
        begun, ends_at = dict(self.executions), self.generator.ends_at
        assert ends_at is not None
        hint_at = ends_at + timedelta(seconds=ASSUMED_SECONDS["a2e calls"])
        pending = self.generator.hint if hints else None
        while pending or any(execution.state for execution in self.executions.values()):
            waking = [e for e in self.executions.values() if e.state]
            first = min(waking, key=lambda e: e.wake)
            if pending and hint_at <= first.wake:
                self.clock.moment = hint_at
                self.services.hints.receive(*pending)
                pending = None
                self.adopt()
                continue
            self.clock.moment = max(self.clock(), first.wake)
            self.step(first)
        begun |= self.executions
        noticed_at = self.generator.noticed_at
        assert noticed_at is not None
        on_the_way = sum(ASSUMED_SECONDS.values()) if hints else 0
        on_the_way -= ASSUMED_SECONDS["a2e calls"] if hints else 0
        delay = (noticed_at - ends_at).total_seconds() + on_the_way
        transitions = sum(execution.transitions for execution in begun.values())
        self.executions.clear()
        for known in self.machines():
            known.executions.clear()
        return delay, transitions

    def machines(self) -> list[Any]:
        return list(get_backend("stepfunctions")[ACCOUNT][REGION].state_machines)

    def adopt(self) -> None:
        for machine in self.machines():
            for started in machine.executions:
                if started.name not in self.executions:
                    order = json.loads(started.execution_input)
                    begun = self.machine.begin(order, self.clock(), started.name)
                    self.executions[started.name] = begun

    def step(self, execution: Execution) -> None:
        steps = self.services.workflow_steps
        functions: dict[str, Callable[..., Any]] = {
            "${PollTaskFunctionArn}": steps.poll_task,
            "${StoreVideoFunctionArn}": steps.store_video,
        }
        function, payload = self.machine.invocation(execution)
        answer = functions[function](**payload).model_dump(mode="json")
        self.machine.succeeded(execution, answer, self.clock())


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
        template = yaml_parse((PROJECT / "template.yaml").read_text())
        variables = deployed_variables(template) | {"HINTS_URL": "https://api.example.com/v1"}
        clip = _clip()
        answer = httpx.MockTransport(lambda _: httpx.Response(200, content=iter([clip])))
        with deployment(template, variables):
            clock = Clock(datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
            generator = _Generator(clock)
            services = wiring.Application(
                Settings.read(variables),
                generator=generator,
                downloads=Downloads(httpx.Client(transport=answer), clock=lambda: 0.0),
                account_token=lambda: "sk_benchmark",
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


def _clip() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), *PICTURE, "-pix_fmt", "yuv420p", str(path)]
        subprocess.run(command, check=True, capture_output=True)
        return path.read_bytes()


if __name__ == "__main__":
    for name, figure in figures().items():
        print(f"{name:30} {figure:8.2f}")
