"""Checks of what carries events: dead letters, rules, the stream and the bucket's notifications."""

from datetime import timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

from i2v.doctor.examined import Examined
from i2v.doctor.findings import Findings, ok, problem

_DEPLOY: Final = "Deploy again."


def dead_letters(stack: Examined) -> Findings:
    """Whether anything was given up and waits for an operator."""
    client, queues = stack.client("sqs"), stack.of_kind("AWS::SQS::Queue")
    empty = 0
    for queue in queues:
        counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        reply = client.get_queue_attributes(QueueUrl=queue.physical, AttributeNames=list(counts))
        waiting = sum(int(reply["Attributes"][count]) for count in counts)
        if waiting:
            yield problem(
                f"{queue.name} holds {waiting} dead letters",
                do="See docs/operations.md, Dead-letter queues; they are kept for 14 days.",
            )
        else:
            empty += 1
    if empty == len(queues):
        yield ok(f"{empty} queues are empty")


def rules(stack: Examined) -> Findings:
    """Whether the rules that start functions are enabled and lead to them."""
    client, alive = stack.client("events"), 0
    rules = stack.of_kind("AWS::Events::Rule")
    for rule in rules:
        try:
            described = client.describe_rule(Name=_name(rule.physical))
        except client.exceptions.ResourceNotFoundException:
            yield problem(f"the rule {rule.name} does not exist any more", do=_DEPLOY)
            continue
        targets = client.list_targets_by_rule(Rule=_name(rule.physical))["Targets"]
        if described["State"] == "DISABLED":
            yield problem(
                f"the rule {rule.name} is disabled",
                do=f"aws events enable-rule --name {_name(rule.physical)}",
            )
        elif not targets:
            yield problem(f"the rule {rule.name} starts nothing", do=_DEPLOY)
        else:
            alive += 1
    if alive == len(rules):
        yield ok(f"{alive} rules are enabled")


def _name(physical: str) -> str:
    # CloudFormation names a rule of another bus than the default one by bus and rule.
    return physical.rpartition("|")[2]


def stream(stack: Examined) -> Findings:
    """Whether changes of tasks reach the function that publishes them."""
    client, alive = stack.client("lambda"), 0
    mappings = stack.of_kind("AWS::Lambda::EventSourceMapping")
    for mapping in mappings:
        try:
            described = client.get_event_source_mapping(UUID=mapping.physical)
        except client.exceptions.ResourceNotFoundException:
            yield problem(f"{mapping.name} does not exist any more: no events are sent", do=_DEPLOY)
            continue
        last = str(described.get("LastProcessingResult", ""))
        if described["State"] not in ("Enabled", "Enabling", "Updating", "Creating"):
            yield problem(
                f"{mapping.name} is {described['State']}: no events are sent",
                do=f"aws lambda update-event-source-mapping --enabled --uuid {mapping.physical}",
            )
        elif last.startswith("PROBLEM"):
            yield problem(
                f"{mapping.name} has trouble: {last}", do="See the log of publish_events."
            )
        else:
            alive += 1
    if alive == len(mappings):
        yield ok("changes of tasks are read from the stream")


def bucket_events(stack: Examined) -> Findings:
    """Whether the image bucket tells of uploads."""
    bucket = stack.output("ImagesBucketName")
    try:
        told = stack.client("s3").get_bucket_notification_configuration(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"].get("Code") != "NoSuchBucket":
            raise
        yield problem(f"the bucket {bucket} does not exist any more", do=_DEPLOY)
        return
    if "EventBridgeConfiguration" in told:
        yield ok("uploads are told to EventBridge")
    else:
        yield problem(
            "the image bucket tells EventBridge nothing: uploads become no tasks",
            do="Deploy again, or: aws s3api put-bucket-notification-configuration "
            f"--bucket {bucket} "
            """--notification-configuration '{"EventBridgeConfiguration": {}}'""",
        )


def schedule_of(expression: str) -> timedelta | None:
    """How often a rule such as `rate(5 minutes)` fires; None for a cron rule."""
    if not expression.startswith("rate("):
        return None
    number, unit = expression[len("rate(") : -1].split()
    return int(number) * _UNITS[unit.rstrip("s")]


_UNITS: Final = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}


def scheduled(stack: Examined) -> dict[str, timedelta]:
    """The functions that a schedule starts, and how often, by their names at AWS."""
    client = stack.client("events")
    found: dict[str, timedelta] = {}
    for rule in stack.of_kind("AWS::Events::Rule"):
        try:
            described: dict[str, Any] = client.describe_rule(Name=_name(rule.physical))
        except client.exceptions.ResourceNotFoundException:
            continue
        rate = schedule_of(described.get("ScheduleExpression", ""))
        if rate is None:
            continue
        for target in client.list_targets_by_rule(Rule=_name(rule.physical))["Targets"]:
            # With an alias, the name is followed by it.
            found[target["Arn"].split(":function:")[1].split(":")[0]] = rate
    return found
