"""A task's workflow, played by a test: its steps, and its waits as moves of the clock."""

from collections.abc import Callable
from typing import Any

import pytest
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task
from image_to_video.lifecycle.workflow_steps import Phase
from image_to_video.wiring import Application as Services

from tests.conftest import Application, Clock


def before_its_workflow(client: Any, patch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Let something happen once, after a task is recorded and before its workflow is started."""
    start_execution = client.start_execution

    def starting(**order: object) -> object:
        patch.setattr(client, "start_execution", start_execution)
        act()
        return start_execution(**order)

    patch.setattr(client, "start_execution", starting)


def advance(services: Services, task: Task, clock: Clock) -> Task:
    """Go round once: advance the task, then wait as the step says."""
    step = services.workflow_steps.poll_task(task.task_id)
    if step.phase is not Phase.CLOSED:
        clock.advance(step.wait_seconds)
    return services.video_tasks.get(task.owner, task.task_id)


def until_started(services: Services, task: Task, clock: Clock) -> Task:
    """Go round until the task is not queued any more."""
    return _until(lambda now: now.status is not TaskStatus.QUEUED, services, task, clock)


def until_closed(services: Services, task: Task, clock: Clock) -> Task:
    """Go round until the task has ended."""
    return _until(lambda now: now.status.is_final, services, task, clock)


def _until(
    done: Callable[[Task], bool], services: Services, task: Task, clock: Clock, rounds: int = 1000
) -> Task:
    for _ in range(rounds):
        task = advance(services, task, clock)
        if done(task):
            return task
    raise AssertionError(f"{rounds} rounds were not enough: {task}")


def executions(application: Application) -> list[str]:
    """The names of all executions, the ended ones too."""
    found = application.client("stepfunctions").list_executions(
        stateMachineArn=application.environment["STATE_MACHINE_ARN"]
    )
    return [execution["name"] for execution in found["executions"]]


def stop_execution(application: Application, name: str) -> None:
    """End an execution, as an operator may."""
    machine = application.environment["STATE_MACHINE_ARN"]
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
    application.client("stepfunctions").stop_execution(executionArn=arn)
