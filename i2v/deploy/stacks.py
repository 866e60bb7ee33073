"""The stack as CloudFormation knows it: what state it is in, and what a change set would do."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from i2v.deploy.account import Account
from i2v.deploy.errors import explained, reason
from i2v.emulator import PATIENCE_SECONDS
from i2v.errors import CommandError

# Every stack of this application describes itself so.
_OURS: Final = "image-to-video:"
_HALF_MADE: Final = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}
# So many are told by name.
_FEW: Final = 8
_OTHERS: Final = "other resources"
_KINDS: Final = {
    "AWS::Lambda::Function": "functions",
    "AWS::DynamoDB::Table": "tables",
    "AWS::S3::Bucket": "buckets",
    "AWS::SQS::Queue": "queues",
    "AWS::SNS::Topic": "topics",
    "AWS::ApiGateway::RestApi": "API",
    "AWS::StepFunctions::StateMachine": "workflow",
    "AWS::IAM::Role": "roles",
    "AWS::CloudWatch::Alarm": "alarms",
    "AWS::Logs::LogGroup": "log groups",
    "AWS::SecretsManager::Secret": "secrets",
    "AWS::Events::Rule": "rules",
    "AWS::CloudWatch::Dashboard": "dashboard",
}


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that exists."""

    name: str
    status: str
    parameters: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    description: str = ""

    @property
    def is_ours(self) -> bool:
        """True for a stack of this application; the emulator describes none."""
        return self.description.startswith(_OURS) or "RedriveTaskFunctionName" in self.outputs

    @property
    def is_new(self) -> bool:
        """True where a change set was made for it and never executed."""
        return self.status == "REVIEW_IN_PROGRESS"

    @property
    def is_half_made(self) -> bool:
        """True where its first deployment failed; such a stack can only be deleted."""
        return self.status in _HALF_MADE


def find(account: Account, name: str) -> Stack | None:
    """The stack of that name. Raises `CommandError` for one of another application."""
    stack = _described(account, name)
    if stack is None or stack.is_new or stack.is_ours:
        return stack
    raise CommandError(
        f"The stack {name} belongs to another application; choose a name with --stack-name."
    )


def _described(account: Account, name: str) -> Stack | None:
    try:
        answer = account.try_call("cloudformation", "describe_stacks", StackName=name)
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise explained(error, "cloudformation:DescribeStacks") from error
    except BotoCoreError as error:
        raise explained(error) from error
    found = answer["Stacks"][0]
    return Stack(
        name,
        found["StackStatus"],
        {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])},
        {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])},
        found.get("Description", ""),
    )


def check_can_change(account: Account, stack: Stack) -> None:
    """Raises `CommandError` where the stack cannot be deployed to in its state."""
    name, status = stack.name, stack.status
    if stack.is_half_made:
        why = first_failure(account, name)
        raise CommandError(
            f"The first deployment of {name} failed ({status}{f': {why}' if why else ''}); such a"
            " stack can only be deleted: run this again with --delete-failed."
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        raise CommandError(
            f"An earlier update of {name} could not be undone; mend what its events name, then: aws"
            f" cloudformation continue-update-rollback --stack-name {name}"
        )
    if status.endswith("_IN_PROGRESS") and not stack.is_new:
        raise CommandError(
            f"The stack {name} is being changed right now ({status}); wait until that has ended,"
            " then run this again."
        )


def first_failure(account: Account, name: str) -> str:
    """Why the last operation failed: the first resource that did, and what AWS said."""
    events = account.call("cloudformation", "describe_stack_events", StackName=name)["StackEvents"]
    failed = [
        event
        for event in events
        if event["ResourceStatus"].endswith("_FAILED")
        and "cancelled" not in event.get("ResourceStatusReason", "").lower()
    ]
    if not failed:
        return ""
    # They come with the newest first.
    first = failed[-1]
    return (
        f"{first['LogicalResourceId']}: {first.get('ResourceStatusReason', 'no reason is given')}"
    )


def delete(account: Account, name: str) -> None:
    """Delete a stack whose first deployment failed, and wait for it."""
    account.call("cloudformation", "delete_stack", StackName=name)
    stack = settle(account, name)
    if stack is not None:
        raise CommandError(
            f"The stack {name} could not be deleted ({first_failure(account, name)}); delete what"
            " that names, then run this again."
        )


def settle(account: Account, name: str, *, pause: float = 5.0) -> Stack | None:
    """The stack once nothing happens to it any more; None when it is gone."""
    while True:
        stack = _described(account, name)
        if stack is None or not stack.status.endswith("_IN_PROGRESS") or stack.is_new:
            return stack
        time.sleep(pause if account.endpoint_url is None else 0.2)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a change set would do, by logical id and type."""

    arn: str
    added: tuple[tuple[str, str], ...] = ()
    changed: tuple[tuple[str, str], ...] = ()
    replaced: tuple[tuple[str, str], ...] = ()
    removed: tuple[tuple[str, str], ...] = ()

    def lines(self) -> list[str]:
        """What a person reads of it: kinds where there are many, names where that is news."""
        words = ("creates", "changes", "replaces", "removes")
        several = (self.added, self.changed, self.replaced, self.removed)
        return [
            f"{word:<9} {_grouped(resources)}"
            for word, resources in zip(words, several, strict=True)
            if resources
        ]


def _grouped(resources: tuple[tuple[str, str], ...]) -> str:
    if len(resources) <= _FEW:
        return ", ".join(name for name, _ in resources)
    kinds = Counter(_KINDS.get(kind, _OTHERS) for _, kind in resources)
    others = kinds.pop(_OTHERS, 0)
    parts = [f"{count} {kind}" for kind, count in kinds.most_common()]
    return ", ".join([*parts, f"{others} {_OTHERS}"] if others else parts)


def changes(account: Account, arn: str, name: str) -> Changes:
    """A change set, once it is made. Raises `CommandError` where it cannot be."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    found: dict[str, list[tuple[str, str]]] = {}
    token: dict[str, str] = {}
    while True:
        answer = account.call(
            "cloudformation", "describe_change_set", ChangeSetName=arn, StackName=name, **token
        )
        if answer["Status"] in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
            if time.monotonic() > deadline:
                raise CommandError("The change set was not made in time; run this again.")
            time.sleep(0.5)
            continue
        if answer["Status"] == "FAILED":
            why = answer.get("StatusReason", "no reason is given")
            if "didn't contain changes" in why or "No updates are to be performed" in why:
                return Changes(arn)
            raise CommandError(reason(why) or f"CloudFormation refused the template: {why}")
        for change in answer.get("Changes", []):
            _note(change["ResourceChange"], found)
        if not answer.get("NextToken"):
            break
        token = {"NextToken": answer["NextToken"]}
    return Changes(arn, **{word: tuple(sorted(several)) for word, several in found.items()})


def _note(change: dict[str, Any], found: dict[str, list[tuple[str, str]]]) -> None:
    word = {"Add": "added", "Remove": "removed"}.get(change["Action"], "changed")
    if word == "changed" and change.get("Replacement") == "True":
        word = "replaced"
    found.setdefault(word, []).append((change["LogicalResourceId"], change["ResourceType"]))
