"""Checks of what is deployed: the stack, its changes since, its protection and its versions."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from botocore.exceptions import ClientError
from image_to_video import __version__

from i2v.doctor.examined import Examined
from i2v.doctor.findings import Findings, named, ok, problem, skipped, warning

_DRIFT_SECONDS: Final = 120.0
_TELL: Final = 5


def stack_status(stack: Examined) -> Findings:
    """Whether the last deployment ended well."""
    status = str(stack.stack["StackStatus"])
    broken = [r.name for r in stack.resources if r.status.endswith("FAILED")]
    if broken:
        yield problem(
            f"resources are in a failed state: {named(broken)}",
            do=f"See why: aws cloudformation describe-stack-events --stack-name {stack.stack_name}",
        )
    if status.endswith("_IN_PROGRESS"):
        yield warning(f"a deployment is under way: {status}", do="Wait until it ends, and repeat.")
    elif status == "UPDATE_ROLLBACK_COMPLETE":
        yield warning(
            "the last deployment failed and was rolled back: the release before it runs",
            do=f"See why: aws cloudformation describe-stack-events --stack-name {stack.stack_name}",
        )
    elif status.endswith("FAILED") or "ROLLBACK" in status:
        yield problem(
            f"the stack is {status}: {stack.stack.get('StackStatusReason', 'no reason is given')}",
            do="Mend the reason; a stack that is ROLLBACK_COMPLETE must be deleted first.",
        )
    elif not broken:
        yield ok(f"{status}, {len(stack.resources)} resources")


def drift(stack: Examined) -> Findings:
    """What was changed by hand since the deployment, as CloudFormation sees it."""
    client = stack.client("cloudformation")
    detection = client.detect_stack_drift(StackName=stack.stack_name)["StackDriftDetectionId"]
    deadline = time.monotonic() + min(_DRIFT_SECONDS, stack.patience)
    while True:
        seen = client.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
        if seen["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            break
        if time.monotonic() >= deadline:
            yield skipped("CloudFormation is still comparing", do="Repeat in some minutes.")
            return
        time.sleep(2)
    if seen["DetectionStatus"] == "DETECTION_FAILED":
        reason = seen.get("DetectionStatusReason", "no reason is given")
        yield skipped(f"CloudFormation could not compare: {reason}")
        return
    if seen.get("StackDriftStatus") != "DRIFTED":
        yield ok("nothing differs from the template")
        return
    reply = client.describe_stack_resource_drifts(
        StackName=stack.stack_name, StackResourceDriftStatusFilters=["MODIFIED", "DELETED"]
    )
    changed = [
        f"{one['LogicalResourceId']} ({_difference(one)})" for one in reply["StackResourceDrifts"]
    ]
    yield warning(
        f"changed since the deployment: {named(changed, most=_TELL)}",
        do="Deploy again to undo it, or put the change into template.yaml.",
    )


def _difference(one: dict[str, Any]) -> str:
    if one["StackResourceDriftStatus"] == "DELETED":
        return "deleted"
    paths = [difference["PropertyPath"] for difference in one.get("PropertyDifferences", [])]
    return ", ".join(paths[:_TELL]) or "changed"


def protection(stack: Examined) -> Findings:
    """Termination protection, and backups that tables can be restored from."""
    if stack.local:
        yield skipped("the emulator protects and restores nothing")
        return
    if stack.stack.get("EnableTerminationProtection"):
        yield ok("the stack is protected against deletion")
    else:
        yield warning(
            "the stack can be deleted by one command",
            do="aws cloudformation update-termination-protection --enable-termination-protection "
            f"--stack-name {stack.stack_name}",
        )
    client = stack.client("dynamodb")
    for table in stack.of_kind("AWS::DynamoDB::Table"):
        backups = client.describe_continuous_backups(TableName=table.physical)
        recovery = backups["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        if recovery.get("PointInTimeRecoveryStatus") == "ENABLED":
            yield ok(f"{table.name} can be restored to any moment of its last days")
        else:
            yield problem(
                f"{table.name} cannot be restored: point-in-time recovery is off",
                do="Deploy again, or: aws dynamodb update-continuous-backups --table-name "
                f"{table.physical} --point-in-time-recovery-specification "
                "PointInTimeRecoveryEnabled=true",
            )


def permissions(stack: Examined) -> Findings:
    """Whether each role still may do what the template gives it."""
    client, complete = stack.client("iam"), 0
    for name, role in stack.template["Resources"].items():
        physical = next((r.physical for r in stack.resources if r.name == name), None)
        if role["Type"] != "AWS::IAM::Role" or physical is None:
            continue
        missing: list[str] = []
        for policy in role["Properties"].get("Policies", []):
            # Conditional ones, which this stack may not have.
            if "PolicyName" not in policy or not isinstance(policy["PolicyName"], str):
                continue
            try:
                given = client.get_role_policy(RoleName=physical, PolicyName=policy["PolicyName"])
                document = given["PolicyDocument"]
            except client.exceptions.NoSuchEntityException:
                document = {}
            missing += _lost(policy["PolicyDocument"], document)
        if missing:
            yield problem(
                f"{name} lacks {named(sorted(missing), most=_TELL)}",
                do="Deploy again; the template gives the role these permissions.",
            )
        else:
            complete += 1
    yield ok(f"{complete} roles have all that the template gives them")


def _lost(wanted: dict[str, Any], given: dict[str, Any]) -> Iterator[str]:
    """Actions that fewer statements allow than should; what they are allowed on may be a name."""
    return (Counter(_allowed(wanted)) - Counter(_allowed(given))).elements()


def _allowed(document: dict[str, Any]) -> Iterator[str]:
    statements = document.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        if isinstance(statement, dict) and statement.get("Effect") == "Allow":
            actions = statement.get("Action", [])
            yield from [actions] if isinstance(actions, str) else map(str, actions)


def versions(stack: Examined) -> Findings:
    """Whether template, layer and running code are of one release, and of which."""
    deployed = stack.outputs.get("Version")
    if deployed is None:
        yield warning(
            "the stack does not say its version: it is of an older release",
            do="Deploy this release.",
        )
    with stack.http() as api:
        running = str(api.get("/health").json().get("version"))
    layers = {
        layer["Arn"]: sorted(name for name, f in stack.functions.items() if layer in _layers(f))
        for function in stack.functions.values()
        for layer in _layers(function)
    }
    if len(layers) > 1:
        told = "; ".join(
            f"{arn.rpartition(':')[2]}: {named(names)}" for arn, names in layers.items()
        )
        yield problem(
            f"functions run on different versions of the layer: {told}", do="Deploy again."
        )
    for arn in layers:
        described = _description(stack, arn)
        if described and deployed and not described.endswith(f" {deployed}"):
            yield problem(f"the template is {deployed}, the layer {described}", do="Deploy again.")
    if deployed and running != deployed:
        yield problem(
            f"the template is {deployed}, the code that answers is {running}",
            do="Wait until the deployment has ended; then deploy again.",
        )
    elif len(layers) <= 1:
        yield ok(f"template and code are {running}")
    if running != __version__:
        yield warning(
            f"this command is of {__version__}, the stack of {running}",
            do="Use the command of the release that is deployed, or deploy this one.",
        )


def _layers(function: dict[str, Any]) -> list[dict[str, Any]]:
    layers: list[dict[str, Any]] = function.get("Layers", [])
    return [layer for layer in layers if re.search(r"core", layer["Arn"], re.I)]


def _description(stack: Examined, arn: str) -> str:
    """What the layer says of itself; nothing where it may not be asked or is gone."""
    try:
        reply = stack.client("lambda").get_layer_version_by_arn(Arn=arn)
    except ClientError:
        return ""
    return str(reply.get("Description", ""))
