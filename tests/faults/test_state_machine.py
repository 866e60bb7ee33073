"""The walker of the state machine's file: how long it waits, and what it refuses."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.faults.state_machine import DEFINITION, Execution, StateMachine

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
INPUT = {"task_id": "a", "first_poll_seconds": 20, "trouble_wait_seconds": 300}


def begun() -> tuple[StateMachine, Execution]:
    machine = StateMachine()
    return machine, machine.begin(dict(INPUT), NOON, "a-1")


def wait(execution: Execution, since: datetime) -> float:
    return (execution.wake - since).total_seconds()


def answered(machine: StateMachine, execution: Execution, phase: str, seconds: int) -> None:
    answer = {"phase": phase, "wait_seconds": seconds}
    machine.succeeded(execution, answer, execution.wake)


def test_it_polls_after_the_wait_of_its_input() -> None:
    machine, execution = begun()
    assert machine.invocation(execution) == (
        "${PollTaskFunctionArn}",
        {
            "task_id": "a",
            "execution": "a-1",
        },
    )
    assert wait(execution, NOON) == 20


def test_it_follows_the_phase() -> None:
    machine, execution = begun()
    answered(machine, execution, "waiting", 45)
    assert (execution.state, wait(execution, NOON)) == ("PollTask", 65)
    answered(machine, execution, "ready", 0)
    assert (execution.state, wait(execution, NOON)) == ("StoreVideo", 65)
    answered(machine, execution, "closed", 0)
    assert execution.state is None


def test_a_phase_that_it_does_not_know_is_trouble() -> None:
    machine, execution = begun()
    answered(machine, execution, "unheard of", 0)
    assert (execution.state, wait(execution, NOON)) == ("PollTask", 320)


@pytest.mark.parametrize(("state", "first"), [("PollTask", 2), ("StoreVideo", 5)])
def test_a_failed_invocation_is_repeated_as_the_file_says(state: str, first: int) -> None:
    machine, execution = begun()
    if state == "StoreVideo":
        answered(machine, execution, "ready", 0)
    waits = []
    for _ in range(4):
        now = execution.wake
        machine.failed(execution, now)
        waits.append((execution.state, wait(execution, now)))
    # Three times again, then it is trouble, and everything begins anew.
    assert waits == [(state, first), (state, first * 2), (state, first * 4), ("PollTask", 300)]
    machine.failed(execution, execution.wake)
    assert execution.retries == {0: 1}


@pytest.mark.parametrize(
    ("state", "field"),
    [("PollTask", "HeartbeatSeconds"), ("ReadPhase", "OutputPath"), ("WaitForNextPoll", "End")],
)
def test_what_it_does_not_know_is_refused(state: str, field: str) -> None:
    definition: dict[str, Any] = deepcopy(DEFINITION)
    definition["States"][state][field] = 1
    with pytest.raises(ValueError, match=field):
        StateMachine(definition)
