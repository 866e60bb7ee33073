"""A deployed stack as its operator uses it: on AWS, or on this machine while `i2v up` runs."""

import json
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from i2v.deployment import PROJECT, STACK_NAME
from i2v.emulator import local_session
from i2v.errors import CommandError

STACK_FILE: Final = PROJECT / ".local" / "stack.json"


class Deployed:
    """Tables, functions and outputs of one stack. Raises `CommandError` if it cannot be reached."""

    def __init__(self, stack_name: str = STACK_NAME, *, local: bool = False) -> None:
        self._stack_name = stack_name
        self._endpoint: dict[str, str] = {}
        if not local:
            try:
                self._session: Any = boto3.Session()
            except BotoCoreError as error:
                raise CommandError(f"AWS cannot be used: {error}") from error
        else:
            try:
                stack = json.loads(STACK_FILE.read_text())
            except FileNotFoundError as error:
                raise CommandError("No local stack is running; start one with: make up") from error
            self._session = local_session()
            self._endpoint = {"endpoint_url": stack["aws_endpoint_url"]}

    def table(self, output: str) -> Any:
        """The table whose name is an output of the stack."""
        return self.table_named(self.output(output))

    def table_named(self, name: str) -> Any:
        """A table of the account by its own name."""
        return self._session.resource("dynamodb", **self._endpoint).Table(name)

    def invoke(
        self, output: str, event: dict[str, Any], *, patience_seconds: int = 60
    ) -> dict[str, Any]:
        """Call the function whose name is an output of the stack and return its answer.

        A call is not repeated: the first one may still be at work.
        """
        name = self.output(output)
        try:
            patience = Config(read_timeout=patience_seconds, retries={"total_max_attempts": 1})
            client = self._session.client("lambda", config=patience, **self._endpoint)
            reply = client.invoke(FunctionName=name, Payload=json.dumps(event))
        except (BotoCoreError, ClientError) as error:
            raise CommandError(f"AWS refused: {error}") from error
        answer: dict[str, Any] = json.loads(reply["Payload"].read())
        if "FunctionError" in reply:
            raise CommandError(str(answer.get("errorMessage", answer)))
        return answer

    def output(self, name: str) -> str:
        """One output of the stack."""
        for output in self._described().get("Outputs", []):
            if output["OutputKey"] == name:
                return str(output["OutputValue"])
        raise CommandError(f"The stack {self._stack_name} has no {name}; is it this application?")

    def parameter(self, name: str) -> str:
        """The value of one of the stack's parameters."""
        for parameter in self._described().get("Parameters", []):
            if parameter["ParameterKey"] == name:
                return str(parameter["ParameterValue"])
        raise CommandError(f"The stack {self._stack_name} has no {name}; is it this application?")

    def _described(self) -> dict[str, Any]:
        try:
            client = self._session.client("cloudformation", **self._endpoint)
            described: dict[str, Any] = client.describe_stacks(StackName=self._stack_name)
        except (BotoCoreError, ClientError) as error:
            raise CommandError(f"AWS refused: {error}") from error
        return dict(described["Stacks"][0])
