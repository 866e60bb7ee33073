"""Findings about alarms and who hears them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from i2v.doctor import alarms
from i2v.doctor.examined import Examined
from tests.doctor.conftest import Aws, found, resources, says

ALARM = ("ApiAlarm", "AWS::CloudWatch::Alarm", "prod-api")


def alarm(**members: Any) -> dict[str, Any]:
    usual = {
        "AlarmName": "prod-api",
        "StateValue": "OK",
        "ActionsEnabled": True,
        "AlarmDescription": "The API fails.",
        "StateUpdatedTimestamp": datetime(2026, 11, 27, tzinfo=UTC),
        "Namespace": "AWS/ApiGateway",
        "MetricName": "5XXError",
        "Dimensions": [{"Name": "ApiName", "Value": "prod"}],
    }
    return {"MetricAlarms": [usual | members]}


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [
        (alarm(), "ok", "1 alarms, none rings"),
        (alarm(StateValue="INSUFFICIENT_DATA"), "ok", "1 alarms, none rings"),
        (alarm(StateValue="ALARM"), "problem", "ApiAlarm rings since 2026-11-27"),
        (alarm(ActionsEnabled=False), "problem", "ApiAlarm tells nobody"),
        ({"MetricAlarms": []}, "problem", "ApiAlarm does not exist"),
    ],
)
def test_the_state_of_an_alarm(
    aws: Aws, stack: Examined, answer: dict[str, Any], level: str, words: str
) -> None:
    aws.answers["ListStackResources"] = resources(ALARM)
    aws.answers["DescribeAlarms"] = answer
    assert says(alarms.alarm_state(stack), level, words)
    assert len(found(alarms.alarm_state(stack))) == 1


@pytest.mark.parametrize(("metrics", "level"), [([{}], "ok"), ([], "skipped")])
def test_a_metric_that_nobody_has_seen(
    aws: Aws, stack: Examined, metrics: list[dict[str, str]], level: str
) -> None:
    aws.answers["ListStackResources"] = resources(ALARM)
    aws.answers["DescribeAlarms"] = alarm()
    aws.answers["ListMetrics"] = {"Metrics": metrics}
    assert [one for one, _ in found(alarms.alarm_metrics(stack))] == [level]


def subscription(arn: str) -> dict[str, str]:
    return {"SubscriptionArn": arn, "Protocol": "email", "Endpoint": "ops@example.com"}


CONFIRMED, PENDING = subscription("arn:aws:sns:x"), subscription("PendingConfirmation")


@pytest.mark.parametrize("check", [alarms.alarm_mail, alarms.event_subscribers])
@pytest.mark.parametrize(
    ("there", "level", "words"),
    [
        ([CONFIRMED], "ok", "1 subscribed and confirmed"),
        ([PENDING], "warning", "ops@example.com is subscribed, but has not confirmed"),
        ([PENDING, CONFIRMED], "ok", "1 subscribed and confirmed"),
        ([], "warning", ""),
    ],
)
def test_who_hears(
    aws: Aws, stack: Examined, check: Any, there: list[Any], level: str, words: str
) -> None:
    aws.answers["ListSubscriptionsByTopic"] = {"Subscriptions": there}
    assert says(check(stack), level, words)
    assert len(found(check(stack))) == max(1, len(there))
