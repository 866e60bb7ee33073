"""The workflow's step that starts, confirms or looks."""

from typing import Any

import pytest
from image_to_video.domain.errors import (
    GeneratorRejectedError,
    GeneratorUnavailableError,
    StartUnconfirmedError,
    TaskNotFoundError,
)
from image_to_video.domain.generator import Failed, Ready, Running, Started
from image_to_video.domain.task import FailureCode
from pydantic import ValidationError

import functions.poll_task.app as poll_task
from tests.conftest import Application, Clock, ScriptedGenerator
from tests.handlers.conftest import TASK_ID, invoke, put_task, sample, stored_task

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def poll() -> Any:
    return invoke(poll_task.handler, sample("poll_task/step"))


def test_a_task_nobody_started_is_started(
    deployed: Application, generator: ScriptedGenerator, clock: Clock
) -> None:
    put_task(deployed, "insert")
    clock.advance(20)

    assert poll() == {"phase": "waiting", "wait_seconds": 20}
    assert [request.name for request in generator.requests] == [f"{TASK_ID}-1"]
    assert stored_task(deployed)["status"] == "generating"


def test_a_start_under_way_is_left_to_whoever_holds_its_lease(
    deployed: Application, generator: ScriptedGenerator, clock: Clock
) -> None:
    put_task(deployed, "modify_inner")
    clock.advance(149)

    assert poll() == {"phase": "waiting", "wait_seconds": 1}
    assert not generator.requests
    assert not generator.found


def test_a_start_whose_holder_died_is_looked_up_and_adopted_not_repeated(
    deployed: Application, generator: ScriptedGenerator, clock: Clock
) -> None:
    put_task(deployed, "modify_inner")
    generator.finds = [Started("gen-found1", 60)]
    clock.advance(150)

    assert poll()["phase"] == "waiting"
    assert generator.found == [f"{TASK_ID}-1"]
    assert not generator.requests
    assert stored_task(deployed)["generator_task_id"] == "gen-found1"


@pytest.mark.parametrize("trouble", [GeneratorUnavailableError("busy"), StartUnconfirmedError("?")])
def test_a_start_in_trouble_keeps_waiting(
    deployed: Application, generator: ScriptedGenerator, clock: Clock, trouble: Exception
) -> None:
    put_task(deployed, "insert")
    generator.starts = [trouble]
    clock.advance(20)

    step = poll()

    assert step["phase"] == "waiting"
    assert step["wait_seconds"] > 0
    assert stored_task(deployed)["status"] == "queued"


def test_a_refused_start_closes_the_task(
    deployed: Application, generator: ScriptedGenerator, clock: Clock
) -> None:
    put_task(deployed, "insert")
    generator.starts = [GeneratorRejectedError("no", code=FailureCode.INVALID_IMAGE)]
    clock.advance(20)

    assert poll() == {"phase": "closed", "wait_seconds": 0}
    assert stored_task(deployed)["failure"]["code"] == "invalid_image"


@pytest.mark.parametrize(
    ("look", "step", "status"),
    [
        (Running("processing"), {"phase": "waiting", "wait_seconds": 10}, "generating"),
        (
            GeneratorUnavailableError("no answer"),
            {"phase": "waiting", "wait_seconds": 10},
            "generating",
        ),
        (
            Ready("completed", "https://results.example.com/v.mp4"),
            {"phase": "ready", "wait_seconds": 0},
            "storing",
        ),
        (
            Failed("failed", FailureCode.GENERATION_FAILED, "no reason"),
            {"phase": "closed", "wait_seconds": 0},
            "failed",
        ),
    ],
    ids=["running", "look fails", "ready", "failed"],
)
def test_a_look_becomes_a_phase(
    deployed: Application,
    generator: ScriptedGenerator,
    clock: Clock,
    look: Any,
    step: dict[str, Any],
    status: str,
) -> None:
    put_task(deployed, "modify_generating")
    generator.looks = [look]
    clock.advance(30)

    assert poll() == step
    assert generator.checked == ["6747f3d5e4b0a1c2d3e4f5a6"]
    assert stored_task(deployed)["status"] == status


def test_an_early_visit_asks_nobody(
    deployed: Application, generator: ScriptedGenerator, clock: Clock
) -> None:
    put_task(deployed, "modify_generating")
    clock.advance(12)

    assert poll() == {"phase": "waiting", "wait_seconds": 10}
    assert not generator.checked


def test_a_closed_task_stays_closed(deployed: Application, generator: ScriptedGenerator) -> None:
    put_task(deployed, "modify_succeeded")

    assert poll() == {"phase": "closed", "wait_seconds": 0}
    assert not generator.checked


def test_an_unknown_task_is_an_error_for_the_workflow_to_see(deployed: Application) -> None:
    with pytest.raises(TaskNotFoundError):
        poll()


def test_an_order_without_a_task_is_an_error() -> None:
    with pytest.raises(ValidationError):
        invoke(poll_task.handler, {})
