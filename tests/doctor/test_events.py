"""Findings about queues, rules, the stream and the bucket."""

from datetime import timedelta
from typing import Any

import pytest

from i2v.doctor import events
from i2v.doctor.examined import Examined
from tests.doctor.conftest import Aws, Refused, found, resources, says

QUEUE = ("DeadLetters", "AWS::SQS::Queue", "https://sqs.example/1/prod-dead")
RULE = ("Schedule", "AWS::Events::Rule", "prod-schedule")
MAPPING = ("TaskChanged", "AWS::Lambda::EventSourceMapping", "a" * 36)
TARGET = "arn:aws:lambda:eu-central-1:123456789012:function:prod-reconcile"


@pytest.mark.parametrize(
    ("seen", "hidden", "level"), [("0", "0", "ok"), ("2", "0", "problem"), ("0", "1", "problem")]
)
def test_dead_letters(aws: Aws, stack: Examined, seen: str, hidden: str, level: str) -> None:
    aws.answers["ListStackResources"] = resources(QUEUE)
    counts = {
        "ApproximateNumberOfMessages": seen,
        "ApproximateNumberOfMessagesNotVisible": hidden,
    }
    aws.answers["GetQueueAttributes"] = {"Attributes": counts}
    assert [one for one, _ in found(events.dead_letters(stack))] == [level]


@pytest.mark.parametrize(
    ("rule", "targets", "level", "words"),
    [
        ({"State": "ENABLED"}, [{"Id": "1", "Arn": TARGET}], "ok", "1 rules are enabled"),
        ({"State": "DISABLED"}, [{"Id": "1", "Arn": TARGET}], "problem", "Schedule is disabled"),
        ({"State": "ENABLED"}, [], "problem", "Schedule starts nothing"),
        (Refused("ResourceNotFoundException"), [], "problem", "does not exist"),
    ],
)
def test_rules(
    aws: Aws, stack: Examined, rule: Any, targets: list[Any], level: str, words: str
) -> None:
    aws.answers["ListStackResources"] = resources(RULE)
    aws.answers |= {"DescribeRule": rule, "ListTargetsByRule": {"Targets": targets}}
    assert says(events.rules(stack), level, words)


@pytest.mark.parametrize(
    ("mapping", "level", "words"),
    [
        ({"State": "Enabled", "LastProcessingResult": "OK"}, "ok", "are read from the stream"),
        ({"State": "Disabled"}, "problem", "TaskChanged is Disabled"),
        (
            {"State": "Enabled", "LastProcessingResult": "PROBLEM: Function call failed"},
            "problem",
            "TaskChanged has trouble: PROBLEM",
        ),
        (Refused("ResourceNotFoundException"), "problem", "does not exist"),
    ],
)
def test_the_stream(aws: Aws, stack: Examined, mapping: Any, level: str, words: str) -> None:
    aws.answers["ListStackResources"] = resources(MAPPING)
    aws.answers["GetEventSourceMapping"] = mapping
    assert says(events.stream(stack), level, words)


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [
        ({"EventBridgeConfiguration": {}}, "ok", "told to EventBridge"),
        ({}, "problem", "uploads become no tasks"),
        (Refused("NoSuchBucket"), "problem", "images does not exist"),
    ],
)
def test_the_bucket(aws: Aws, stack: Examined, answer: Any, level: str, words: str) -> None:
    aws.answers["GetBucketNotificationConfiguration"] = answer
    assert says(events.bucket_events(stack), level, words)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(1 minute)", timedelta(minutes=1)),
        ("rate(5 minutes)", timedelta(minutes=5)),
        ("rate(1 day)", timedelta(days=1)),
        ("cron(0 0 * * ? *)", None),
        ("", None),
    ],
)
def test_how_often_a_rule_fires(expression: str, expected: timedelta | None) -> None:
    assert events.schedule_of(expression) == expected


@pytest.mark.parametrize("arn", [TARGET, f"{TARGET}:live"])
def test_which_functions_a_schedule_starts(aws: Aws, stack: Examined, arn: str) -> None:
    aws.answers["ListStackResources"] = resources(RULE)
    aws.answers["DescribeRule"] = {"ScheduleExpression": "rate(5 minutes)"}
    aws.answers["ListTargetsByRule"] = {"Targets": [{"Id": "1", "Arn": arn}]}
    assert events.scheduled(stack) == {"prod-reconcile": timedelta(minutes=5)}
