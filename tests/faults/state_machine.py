"""The state machine's own file, walked state by state, with the time of the tests.

What the file may hold is what is played here; anything else is refused, so that nothing which the
file says is passed over in silence. Real interpreters run it in tests/handlers and tests/e2e.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import yaml

from tests.conftest import PROJECT

DEFINITION: Final[dict[str, Any]] = yaml.safe_load(
    (PROJECT / "functions/generate_video.asl.yaml").read_text()
)

# Far more than any task needs. AWS ends an execution after 25,000 events, some ten a round.
MOST_INVOCATIONS: Final = 2000

# The time limit of a whole execution lies beyond every deadline of a task.
_MACHINE_FIELDS: Final = {"QueryLanguage", "StartAt", "States", "TimeoutSeconds"}
_TASK: Final = "Type Next Resource Parameters ResultSelector ResultPath TimeoutSeconds Retry Catch"
_FIELDS: Final = {
    "Task": set(_TASK.split()),
    "Wait": {"Type", "Next", "Seconds", "SecondsPath"},
    "Choice": {"Type", "Choices", "Default"},
    "Succeed": {"Type"},
}
_RETRY_FIELDS: Final = {
    *("ErrorEquals", "IntervalSeconds", "BackoffRate", "MaxAttempts", "MaxDelaySeconds"),
}
_CATCH_FIELDS: Final = {"ErrorEquals", "ResultPath", "Next"}
_RULE_FIELDS: Final = {"Variable", "StringEquals", "Next"}
# Where the context object lies in the data of a template: no path leads there.
_CONTEXT: Final = "$$"
# What an invocation that came to nothing is called, whatever it was.
_ANY_ERROR: Final = {"States.ALL", "States.TaskFailed"}


@dataclass
class Execution:
    """One run of the state machine: the task state that comes next, and when; None at the end."""

    data: dict[str, Any]
    wake: datetime
    state: str | None = None
    retries: dict[int, int] = field(default_factory=dict)
    invocations: int = 0
    # Its name, which the file reads from the context object; and the states that it has entered,
    # which Step Functions bills.
    name: str = ""
    transitions: int = 0


class StateMachine:
    """Says what an execution does next. Raises `ValueError` for what it does not know."""

    def __init__(self, definition: dict[str, Any] = DEFINITION) -> None:
        _known("the machine", definition, _MACHINE_FIELDS)
        self._start = definition["StartAt"]
        self._states = definition["States"]
        for name, state in self._states.items():
            _known(name, state, _FIELDS.get(state["Type"], set()))
            for retrier in state.get("Retry", []):
                _known(name, retrier, _RETRY_FIELDS)
            for catcher in state.get("Catch", []):
                _known(name, catcher, _CATCH_FIELDS)
            for rule in state.get("Choices", []):
                _known(name, rule, _RULE_FIELDS)

    def begin(self, data: dict[str, Any], now: datetime, name: str = "") -> Execution:
        """A new execution with this input."""
        execution = Execution(data, now, name=name)
        self._enter(execution, self._start, now)
        return execution

    def invocation(self, execution: Execution) -> tuple[str, dict[str, Any]]:
        """The function that the task state invokes, as the file names it, and with what."""
        execution.invocations += 1
        assert execution.invocations <= MOST_INVOCATIONS, "the workflow goes round in circles"
        data = execution.data | {_CONTEXT: {"Execution": {"Name": execution.name}}}
        parameters = _filled(self._task(execution)["Parameters"], data)
        return str(parameters["FunctionName"]), parameters["Payload"]

    def succeeded(self, execution: Execution, answer: dict[str, Any], now: datetime) -> None:
        """Go on with what the function answered."""
        state, result = self._task(execution), {"Payload": answer}
        if "ResultSelector" in state:
            result = _filled(state["ResultSelector"], result)
        _keep(execution.data, state.get("ResultPath", "$"), result)
        self._enter(execution, state["Next"], now)

    def failed(self, execution: Execution, now: datetime) -> None:
        """Go on after an invocation that came to nothing: again, by another way, or not at all."""
        state = self._task(execution)
        for number, retrier in enumerate(state.get("Retry", [])):
            if _ANY_ERROR.isdisjoint(retrier["ErrorEquals"]):
                continue
            before = execution.retries.get(number, 0)
            if before >= retrier.get("MaxAttempts", 3):
                break
            execution.retries[number] = before + 1
            wait = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2) ** before
            longest = retrier.get("MaxDelaySeconds", wait)
            execution.wake = now + timedelta(seconds=min(wait, longest))
            return
        for catcher in state.get("Catch", []):
            if not _ANY_ERROR.isdisjoint(catcher["ErrorEquals"]):
                trouble = {"Error": "Exception", "Cause": "a planned fault"}
                _keep(execution.data, catcher.get("ResultPath", "$"), trouble)
                self._enter(execution, catcher["Next"], now)
                return
        execution.state = None

    def _task(self, execution: Execution) -> dict[str, Any]:
        if execution.state is None:
            raise ValueError("this execution has ended")
        task: dict[str, Any] = self._states[execution.state]
        return task

    def _enter(self, execution: Execution, name: str, now: datetime) -> None:
        """Walk on to the next task state, or to the end."""
        execution.retries = {}
        while True:
            state = self._states[name]
            execution.transitions += 1
            match state["Type"]:
                case "Task":
                    execution.state, execution.wake = name, now
                    return
                case "Succeed":
                    execution.state = None
                    return
                case "Wait" if "Seconds" in state:
                    now, name = now + timedelta(seconds=state["Seconds"]), state["Next"]
                case "Wait":
                    seconds = _at(execution.data, state["SecondsPath"])
                    now, name = now + timedelta(seconds=seconds), state["Next"]
                case "Choice":
                    name = _choice(state, execution.data)


def _choice(state: dict[str, Any], data: dict[str, Any]) -> str:
    for rule in state["Choices"]:
        if _at(data, rule["Variable"]) == rule["StringEquals"]:
            return str(rule["Next"])
    return str(state["Default"])


def _known(name: str, part: dict[str, Any], fields: set[str]) -> None:
    if unknown := set(part) - fields - {"Comment"}:
        raise ValueError(f"{name}: tests/faults/state_machine.py does not know {sorted(unknown)}")


def _at(data: dict[str, Any], path: str) -> Any:
    """The value at a path such as `$.step.phase`; `$$.` begins in the context object."""
    value: Any = data[_CONTEXT] if path.startswith("$$.") else data
    for name in path.split(".")[1:]:
        value = value[name]
    return value


def _filled(template: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """A template with the values that its paths lead to."""
    filled: dict[str, Any] = {}
    for name, value in template.items():
        if name.endswith(".$"):
            filled[name[:-2]] = _at(data, value)
        else:
            filled[name] = _filled(value, data) if isinstance(value, dict) else value
    return filled


def _keep(data: dict[str, Any], path: str, result: dict[str, Any]) -> None:
    """Put a result at a path of one name; what was there goes."""
    dollar, _, name = path.partition(".")
    if dollar != "$" or not name or "." in name:
        raise ValueError(f"tests/faults/state_machine.py does not know the ResultPath {path}")
    data[name] = result
