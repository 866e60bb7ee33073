"""Checks of the alarms: in place, silent, and heard by somebody."""

from typing import Any

from i2v.doctor.examined import Examined
from i2v.doctor.findings import Findings, named, ok, problem, skipped, warning

_RUNBOOK = "See docs/runbook.md"


def alarm_state(stack: Examined) -> Findings:
    """Whether every alarm is there, acts, and none rings now."""
    wanted = {alarm.physical: alarm.name for alarm in stack.of_kind("AWS::CloudWatch::Alarm")}
    wanted |= {
        alarm.physical: alarm.name for alarm in stack.of_kind("AWS::CloudWatch::CompositeAlarm")
    }
    there, silent = _described(stack, list(wanted)), 0
    for physical, name in wanted.items():
        alarm = there.get(physical)
        if alarm is None:
            yield problem(f"{name} does not exist any more", do="Deploy again.")
        elif not alarm.get("ActionsEnabled", True):
            yield problem(
                f"{name} tells nobody: its actions are disabled",
                do=f"aws cloudwatch enable-alarm-actions --alarm-names {physical}",
            )
        elif alarm["StateValue"] == "ALARM":
            yield problem(
                f"{name} rings since {alarm.get('StateUpdatedTimestamp', 'some time')}: "
                f"{alarm.get('AlarmDescription') or alarm.get('StateReason', '')}",
                do=f"{_RUNBOOK}: {name}.",
            )
        else:
            silent += 1
    if silent == len(wanted):
        yield ok(f"{silent} alarms, none rings")


def _described(stack: Examined, names: list[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for begin in range(0, len(names), 100):
        reply = stack.client("cloudwatch").describe_alarms(
            AlarmNames=names[begin : begin + 100], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        for alarm in [*reply["MetricAlarms"], *reply.get("CompositeAlarms", [])]:
            found[alarm["AlarmName"]] = alarm
    return found


def alarm_metrics(stack: Examined) -> Findings:
    """Whether AWS has seen values under the names and dimensions that alarms ask for."""
    if stack.local:
        yield skipped("the emulator keeps no metrics of AWS's own")
        return
    client = stack.client("cloudwatch")
    without = []
    names = [alarm.physical for alarm in stack.of_kind("AWS::CloudWatch::Alarm")]
    for alarm in _described(stack, names).values():
        # Our own metrics exist only once something was counted, AWS's once anything has run.
        if not str(alarm.get("Namespace", "")).startswith("AWS/"):
            continue
        reply = client.list_metrics(
            Namespace=alarm["Namespace"],
            MetricName=alarm["MetricName"],
            Dimensions=[
                {"Name": dimension["Name"], "Value": dimension["Value"]}
                for dimension in alarm["Dimensions"]
            ],
        )
        if not reply["Metrics"]:
            without.append(alarm["AlarmName"])
    if without:
        yield skipped(
            f"no values yet for {named(sorted(without))}",
            do="CloudWatch shows a new metric after some 15 minutes, once the thing has been used: "
            "run the doctor again after --run. What stays without values watches nothing.",
        )
    else:
        yield ok("AWS has values for every alarm on its own metrics")


def alarm_mail(stack: Examined) -> Findings:
    """Whether anybody hears the alarms, and has confirmed the address."""
    yield from _heard(
        stack,
        "AlarmsTopicArn",
        nobody="the alarms reach nobody",
        do="Deploy with AlarmEmail, or subscribe to the topic AlarmsTopicArn.",
    )


def event_subscribers(stack: Examined) -> Findings:
    """Whether anybody hears the events of tasks, and has confirmed."""
    yield from _heard(
        stack,
        "TaskEventsTopicArn",
        nobody="nobody hears the events of tasks",
        do="Subscribe to the topic TaskEventsTopicArn, see docs/events.md, if you need them.",
    )


def _heard(stack: Examined, output: str, *, nobody: str, do: str) -> Findings:
    client, topic = stack.client("sns"), stack.output(output)
    pages = client.get_paginator("list_subscriptions_by_topic")
    there = [
        one for page in pages.paginate(TopicArn=topic) for one in page.get("Subscriptions", [])
    ]
    pending = [one for one in there if not one["SubscriptionArn"].startswith("arn:")]
    for one in pending:
        yield warning(
            f"{one['Protocol']} {one['Endpoint']} is subscribed, but has not confirmed: "
            "it hears nothing",
            do="Follow the link in AWS's mail; after three days subscribe again.",
        )
    if not there:
        yield warning(nobody, do=do)
    elif len(pending) < len(there):
        yield ok(f"{len(there) - len(pending)} subscribed and confirmed")
