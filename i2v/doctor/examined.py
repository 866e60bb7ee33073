"""The stack that is examined: its resources and the clients that ask about them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from i2v.deployed import STACK_FILE
from i2v.emulator import local_session
from i2v.errors import CommandError

# No check waits for long; a call that is repeated once is enough to see a service that answers.
_CLIENT: Final = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"total_max_attempts": 2},
    s3={"addressing_style": "path"},
)
# API Gateway itself gives up after 29 s.
_API_SECONDS: Final = 35.0


class NotExaminableError(CommandError):
    """There is nothing that could be examined; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the stack: its name in the template, its type, and its name at AWS."""

    name: str
    kind: str
    physical: str
    status: str


@dataclass
class Examined:
    """One stack. Everything about it is read when it is first asked for, and once.

    `local` is a stack on the emulator, which has not all that AWS has.
    """

    session: Any
    stack_name: str
    local: bool = False
    endpoint_url: str | None = None
    patience: float = 300.0
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    transport: httpx.BaseTransport | None = None
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """The client of a service, made once."""
        if service not in self._clients:
            place = {"endpoint_url": self.endpoint_url} if self.endpoint_url else {}
            self._clients[service] = self.session.client(service, config=_CLIENT, **place)
        return self._clients[service]

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def http(self, *, token: str | None = None) -> httpx.Client:
        """A client of the stack's API, or of another address; no proxy, no redirects."""
        return httpx.Client(
            base_url=self.api_url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=_API_SECONDS,
            transport=self.transport,
        )

    @cached_property
    def stack(self) -> Mapping[str, Any]:
        """The stack as CloudFormation describes it. Raises `NotExaminableError`."""
        try:
            reply = self.client("cloudformation").describe_stacks(StackName=self.stack_name)
        except NoRegionError as error:
            raise NotExaminableError("No region is set; set AWS_REGION.") from error
        except ClientError as error:
            if error.response["Error"].get("Code") == "ValidationError":
                raise NotExaminableError(
                    f"There is no stack {self.stack_name} here; name another with --stack-name, "
                    "set AWS_REGION, or deploy it: make deploy"
                ) from error
            raise NotExaminableError(f"AWS refused: {error}") from error
        except BotoCoreError as error:
            raise NotExaminableError(f"AWS cannot be used: {error}") from error
        stack: Mapping[str, Any] = reply["Stacks"][0]
        return stack

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The outputs of the stack."""
        return {o["OutputKey"]: str(o["OutputValue"]) for o in self.stack.get("Outputs", [])}

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The values of its parameters."""
        return {
            p["ParameterKey"]: str(p.get("ParameterValue", ""))
            for p in self.stack.get("Parameters", [])
        }

    def output(self, name: str) -> str:
        """One output. Raises `LookupError` with a sentence."""
        if name not in self.outputs:
            raise LookupError(f"the stack has no output {name}; is it this application?")
        return self.outputs[name]

    @property
    def api_url(self) -> str:
        """The address of the API."""
        return self.output("ApiUrl")

    @cached_property
    def resources(self) -> list[Resource]:
        """Everything that the stack has made."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        return [
            Resource(
                one["LogicalResourceId"],
                one["ResourceType"],
                one.get("PhysicalResourceId", ""),
                one["ResourceStatus"],
            )
            for page in pages.paginate(StackName=self.stack_name)
            for one in page["StackResourceSummaries"]
        ]

    def of_kind(self, kind: str) -> list[Resource]:
        """The resources of one type, such as `AWS::SQS::Queue`."""
        return [resource for resource in self.resources if resource.kind == kind]

    @cached_property
    def template(self) -> dict[str, Any]:
        """The template that is deployed, as the transform wrote it."""
        reply = self.client("cloudformation").get_template(
            StackName=self.stack_name, TemplateStage="Processed"
        )
        body = reply["TemplateBody"]
        read: dict[str, Any] = body if isinstance(body, dict) else json.loads(body)
        return read

    @cached_property
    def functions(self) -> dict[str, dict[str, Any]]:
        """The configuration of each function that is there, by its name in the template.

        Where an alias leads to a version, that of the version: it is what runs.
        """
        found = {}
        aliases = {}
        for alias in self.of_kind("AWS::Lambda::Alias"):
            name, _, qualifier = alias.physical.partition(":function:")[2].partition(":")
            aliases[name] = {"Qualifier": qualifier}
        client = self.client("lambda")
        for function in self.of_kind("AWS::Lambda::Function"):
            try:
                found[function.name] = client.get_function_configuration(
                    FunctionName=function.physical, **aliases.get(function.physical, {})
                )
            except ClientError as error:
                if error.response["Error"].get("Code") != "ResourceNotFoundException":
                    raise
        return found

    def variable(self, name: str, default: str = "") -> str:
        """What most functions have as an environment variable; empty ones do not count."""
        values = [variables_of(f).get(name, "") for f in self.functions.values()]
        given = sorted(filter(None, values))
        return max(given, key=given.count) if given else default

    def table(self, output: str) -> Any:
        """A table by the output with its name."""
        place = {"endpoint_url": self.endpoint_url} if self.endpoint_url else {}
        resource = self.session.resource("dynamodb", config=_CLIENT, **place)
        self._clients[f"table {output}"] = resource.meta.client
        return resource.Table(self.output(output))


def variables_of(function: Mapping[str, Any]) -> dict[str, str]:
    """The environment variables of a function's configuration."""
    variables: dict[str, str] = function.get("Environment", {}).get("Variables", {})
    return variables


def examined(stack_name: str, *, local: bool, patience: float) -> Examined:
    """The stack of that name, here or at AWS. Raises `NotExaminableError`."""
    if local:
        try:
            endpoint = json.loads(STACK_FILE.read_text())["aws_endpoint_url"]
        except (OSError, ValueError, KeyError) as error:
            raise NotExaminableError(
                "No local stack is running; start one with: make up"
            ) from error
        return Examined(
            local_session(), stack_name, local=True, endpoint_url=endpoint, patience=patience
        )
    try:
        return Examined(boto3.Session(), stack_name, patience=patience)
    except BotoCoreError as error:
        raise NotExaminableError(f"AWS cannot be used: {error}") from error
