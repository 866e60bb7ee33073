"""A task's workflow on a virtual clock: the state machine's own file, over the product and moto."""

import json
from collections.abc import Callable
from typing import Any, Final

from image_to_video import wiring
from moto.backends import get_backend

from tests.conftest import ACCOUNT, REGION, Clock
from tests.faults.state_machine import Execution, StateMachine

_POLL: Final = "${PollTaskFunctionArn}"
_STORE: Final = "${StoreVideoFunctionArn}"


class PlayedWorkflow:
    """The executions that the product has started, each with the states that it has entered."""

    def __init__(self, services: wiring.Application, clock: Clock) -> None:
        steps = services.workflow_steps
        self._functions: dict[str, tuple[str, Callable[..., Any]]] = {
            _POLL: ("poll_task", steps.poll_task),
            _STORE: ("store_video", steps.store_video),
        }
        self._clock = clock
        self._machine = StateMachine()
        self._executions: dict[str, Execution] = {}

    @property
    def transitions(self) -> int:
        """The states that all executions have entered, which Step Functions charges for."""
        return sum(execution.transitions for execution in self._executions.values())

    def next(self) -> Execution | None:
        """The execution that wakes first; None where all have ended."""
        for machine in get_backend("stepfunctions")[ACCOUNT][REGION].state_machines:
            for started in machine.executions:
                if started.name not in self._executions:
                    order = json.loads(started.execution_input)
                    begun = self._machine.begin(order, self._clock(), started.name)
                    self._executions[started.name] = begun
        open_ones = [each for each in self._executions.values() if each.state is not None]
        return min(open_ones, key=lambda each: each.wake, default=None)

    def step(self, execution: Execution) -> str:
        """Wake an execution and let it go on; which function it has invoked."""
        self._clock.moment = max(self._clock(), execution.wake)
        function, payload = self._machine.invocation(execution)
        name, step = self._functions[function]
        answer = step(**payload).model_dump(mode="json")
        self._machine.succeeded(execution, answer, self._clock())
        return name

    def forget(self) -> None:
        """Forget all executions, before another task's life."""
        self._executions.clear()
        for machine in get_backend("stepfunctions")[ACCOUNT][REGION].state_machines:
            machine.executions.clear()
