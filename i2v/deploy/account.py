"""The account that is deployed to: who we are there, and whether it can take the stack."""

import re
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from i2v.deploy.errors import NO_REGION, explained
from i2v.emulator import local_session
from i2v.errors import CommandError

# Step Functions permits names of 80 characters, and "-generate-video" takes 15 of them.
LONGEST_STACK_NAME: Final = 65
# A new account has 10 for everything in it.
FEW_EXECUTIONS: Final = 100
_SERVICES: Final = {
    "cloudformation": "CloudFormation",
    "lambda": "Lambda",
    "dynamodb": "DynamoDB",
    "stepfunctions": "Step Functions",
    "apigateway": "API Gateway",
    "events": "EventBridge",
    "secretsmanager": "Secrets Manager",
    "sns": "SNS",
    "sqs": "SQS",
    "s3": "S3",
    "logs": "CloudWatch Logs",
    "cloudwatch": "CloudWatch",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who deploys, and where to."""

    account: str
    arn: str
    region: str


class Account:
    """AWS as a deployment uses it, or an emulator of it. Raises `CommandError`, in one sentence."""

    def __init__(
        self,
        *,
        region: str | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
    ) -> None:
        self.endpoint_url = endpoint_url
        try:
            self._session: Any = (
                local_session()
                if endpoint_url
                else boto3.Session(region_name=region, profile_name=profile)
            )
        except BotoCoreError as error:
            raise explained(error) from error
        self._clients: dict[str, Any] = {}

    def call(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """One operation of a service, such as `describe_stacks`."""
        try:
            return self.try_call(service, operation, **arguments)
        except (BotoCoreError, ClientError) as error:
            raise explained(error, f"{service}:{operation.title().replace('_', '')}") from error

    def try_call(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """The same, for whoever tells the errors apart. Raises what botocore raises."""
        if service not in self._clients:
            # Requests of minutes are waited for step by step, so the usual patience is enough.
            self._clients[service] = self._session.client(service, endpoint_url=self.endpoint_url)
        answer: dict[str, Any] = getattr(self._clients[service], operation)(**arguments)
        return answer

    def identity(self) -> Identity:
        """Who we are; also shows that the credentials work at all."""
        region = self._session.region_name
        if not region:
            raise CommandError(NO_REGION)
        caller = self.call("sts", "get_caller_identity")
        return Identity(caller["Account"], caller["Arn"], region)

    def check_region(self, region: str) -> None:
        """Raises `CommandError` where the region has not every service that the stack needs.

        By the list that comes with botocore; of a region that it does not know, AWS is asked.
        """
        partition = "aws"
        for candidate in self._session.get_available_partitions():
            if region in self._session.get_available_regions("cloudformation", candidate):
                partition = candidate
                break
        else:
            self._probe(region)
            return
        missing = [
            label
            for service, label in _SERVICES.items()
            if region not in self._session.get_available_regions(service, partition)
        ]
        if missing:
            raise CommandError(
                f"The region {region} has no {', '.join(missing)}; choose another with --region."
            )

    def _probe(self, region: str) -> None:
        try:
            self.try_call("cloudformation", "list_stacks")
        except (BotoCoreError, ClientError) as error:
            raise CommandError(
                f"The region {region} is not known or not enabled for this account; choose another"
                " with --region."
            ) from error

    def concurrency_warning(self) -> str | None:
        """A sentence where the account's Lambda concurrency is too small for daily use."""
        limits = self.call("lambda", "get_account_settings")["AccountLimit"]
        most = int(limits["ConcurrentExecutions"])
        if most >= FEW_EXECUTIONS:
            return None
        return (
            f"This account runs at most {most} functions at once in this region: enough to try it,"
            " too few for daily use. Ask for 1,000 in the console: Service Quotas, AWS Lambda,"
            " Concurrent executions (L-B99A9384)."
        )

    def has_log_role(self) -> bool:
        """Whether API Gateway may write logs in this account and region."""
        return bool(self.call("apigateway", "get_account").get("cloudwatchRoleArn"))


def check_stack_name(name: str) -> None:
    """Raises `CommandError` for a name that would fail in the middle of the deployment."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
        raise CommandError(
            f"A stack cannot be named {name!r}; a name has letters, digits and hyphens, and begins"
            " with a letter."
        )
    if len(name) > LONGEST_STACK_NAME:
        raise CommandError(
            f"The stack's name has {len(name)} characters; it may have {LONGEST_STACK_NAME},"
            " because the workflow is named after it."
        )
