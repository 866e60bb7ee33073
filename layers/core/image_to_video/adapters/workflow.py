"""The workflow executions: one for each task at a time, named after it."""

import json
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from image_to_video.domain.errors import WorkflowBusyError, WorkflowUnavailableError
from image_to_video.domain.schedule import Schedule

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


_THROTTLES: Final = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException"})


class Workflow:
    """Starts executions of the state machine `generate_video`."""

    def __init__(
        self,
        client: "SFNClient",
        *,
        state_machine_arn: str,
        schedule: Schedule,
    ) -> None:
        self._client = client
        self._state_machine_arn = state_machine_arn
        self._schedule = schedule

    def start(self, task_id: str, execution: str, *, at_once: bool = False) -> None:
        """Make sure that the execution of this name exists; `at_once` skips its first wait.

        AWS answers the same again while it runs and `ExecutionAlreadyExists` once it has ended;
        emulators say the latter in both cases. By its name it is this very one, started before.
        Raises `WorkflowUnavailableError`, or `WorkflowBusyError` as one of them.
        """
        order = {
            "task_id": task_id,
            "first_poll_seconds": 0 if at_once else self._schedule.first_poll_seconds,
            "trouble_wait_seconds": self._schedule.trouble_wait_seconds,
        }
        try:
            self._client.start_execution(
                stateMachineArn=self._state_machine_arn, name=execution, input=json.dumps(order)
            )
        except self._client.exceptions.ExecutionAlreadyExists:
            return
        except (BotoCoreError, ClientError) as error:
            kind = WorkflowBusyError if _is_throttle(error) else WorkflowUnavailableError
            raise kind(f"no execution could be started: {error}") from error

    def is_running(self, execution: str) -> bool:
        """True while the execution of this name lives. Raises `WorkflowBusyError`."""
        arn = self._state_machine_arn.replace(":stateMachine:", ":execution:")
        try:
            reply = self._client.describe_execution(executionArn=f"{arn}:{execution}")
        except self._client.exceptions.ExecutionDoesNotExist:
            return False
        except ClientError as error:
            if not _is_throttle(error):
                raise
            raise WorkflowBusyError(f"an execution could not be looked up: {error}") from error
        return reply["status"] == "RUNNING"


def _is_throttle(error: Exception) -> bool:
    """True for what the SDK has repeated in vain, because too much is asked."""
    response = error.response if isinstance(error, ClientError) else {}
    return response.get("Error", {}).get("Code") in _THROTTLES
