"""Alarms, dashboard and saved queries read what exists, and the runbook has a section for each."""

import re
from typing import Any

import pytest

from tests.support.pages import DOCS, anchors, quoted
from tests.support.watched import (
    OURS,
    Watched,
    alarms,
    of_type,
    queries,
    shown_by,
    watched_by,
    widgets,
)

RUNBOOK = DOCS / "runbook.md"
# AWS's own metrics, the dimensions under which each is sent, and the type of what these name.
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html and likewise for others
FUNCTION = {"FunctionName": "AWS::Lambda::Function"}
MACHINE = {"StateMachineArn": "AWS::StepFunctions::StateMachine"}
TABLE = {"TableName": "AWS::DynamoDB::Table", "Operation": ""}
API = {"ApiName": "AWS::StackName", "Stage": ""}
OF_AWS: dict[tuple[str, str], dict[str, str]] = {
    ("AWS/Lambda", "Invocations"): FUNCTION,
    ("AWS/Lambda", "Errors"): FUNCTION,
    ("AWS/Lambda", "AsyncEventAge"): FUNCTION,
    ("AWS/Lambda", "IteratorAge"): FUNCTION,
    # Without a dimension: of all functions of the account and region.
    ("AWS/Lambda", "Throttles"): {},
    ("AWS/Lambda", "ConcurrentExecutions"): {},
    ("AWS/States", "ExecutionsFailed"): MACHINE,
    ("AWS/States", "ExecutionsTimedOut"): MACHINE,
    ("AWS/States", "ExecutionsAborted"): MACHINE,
    ("AWS/States", "ExecutionThrottled"): MACHINE,
    ("AWS/DynamoDB", "SystemErrors"): TABLE,
    ("AWS/DynamoDB", "ThrottledRequests"): TABLE,
    ("AWS/ApiGateway", "5XXError"): API,
    ("AWS/ApiGateway", "4XXError"): API,
    ("AWS/SNS", "NumberOfNotificationsFailed"): {"TopicName": "AWS::SNS::Topic"},
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): {"QueueName": "AWS::SQS::Queue"},
}
# What `Ref` gives where it is the dimension's value; of others an attribute is.
BY_ATTRIBUTE = {"AWS::SNS::Topic": ".TopicName", "AWS::SQS::Queue": ".QueueName"}
FIXED = {"Operation": {"PutItem", "GetItem", "UpdateItem"}, "Stage": {"v1"}}


def section(alarm: str) -> str:
    """`StartsDoubledAlarm` is explained at `#starts-doubled`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", alarm.removesuffix("Alarm")).lower()


def everything(resources: dict[str, Any]) -> set[Watched]:
    by_alarms = {one for alarm in alarms(resources).values() for one in watched_by(alarm)}
    return by_alarms | {one for widget in widgets(resources) for one in shown_by(widget)}


def test_metrics_of_aws_exist_with_these_dimensions_of_our_resources(
    translated: dict[str, Any],
) -> None:
    for one in everything(translated) - {w for w in everything(translated) if w.namespace == OURS}:
        kinds = OF_AWS[one.namespace, one.name]
        assert {name for name, _ in one.dimensions} == set(kinds), one
        for name, value in one.dimensions:
            kind = kinds[name]
            if not kind:
                assert value in FIXED[name], one
            elif kind == "AWS::StackName":
                assert value == "${AWS::StackName}", one
            else:
                resource = value.removeprefix("${").removesuffix("}")
                resource = resource.removesuffix(BY_ATTRIBUTE.get(kind, ""))
                assert value == f"${{{resource}{BY_ATTRIBUTE.get(kind, '')}}}", one
                assert translated[resource]["Type"] == kind, one


def test_the_api_is_named_after_the_stack(translated: dict[str, Any]) -> None:
    """As the dimension `ApiName` has it."""
    (api,) = of_type(translated, "AWS::ApiGateway::RestApi").values()
    named = api.get("Name") or api["Body"]["info"]["title"]
    assert named == {"Ref": "AWS::StackName"}


def test_every_function_knows_its_stack(translated: dict[str, Any]) -> None:
    for name, function in of_type(translated, "AWS::Lambda::Function").items():
        known = function["Environment"]["Variables"]["STACK_NAME"]
        assert known == {"Ref": "AWS::StackName"}, name


def test_every_alarm_has_a_section_and_every_section_an_alarm(translated: dict[str, Any]) -> None:
    sections = {text for text in anchors(RUNBOOK) if text != "runbook"}
    assert sections == {section(name) for name in alarms(translated)}
    for name, alarm in alarms(translated).items():
        assert alarm["AlarmDescription"].endswith(f" docs/runbook.md#{section(name)}"), name
        assert len(alarm["AlarmDescription"]) <= 1024


@pytest.mark.parametrize("said", ["Means", "Urgent", "Look at", "Do", "Over when"])
def test_every_section_says_what_it_means_and_what_to_do(said: str) -> None:
    _, *sections = re.split(r"^## ", RUNBOOK.read_text(), flags=re.M)
    assert [text.partition("\n")[0] for text in sections if f"- **{said}:** " not in text] == []


def test_saved_queries_are_named_in_the_runbook(translated: dict[str, Any]) -> None:
    names = {query["Name"]["Fn::Sub"].partition("/")[2] for query in queries(translated).values()}
    assert names
    assert names <= quoted(RUNBOOK)


def test_saved_queries_read_the_logs_of_all_functions(translated: dict[str, Any]) -> None:
    logs = {
        function["LoggingConfig"]["LogGroup"]["Ref"]
        for function in of_type(translated, "AWS::Lambda::Function").values()
    } | {"GenerateVideoLogGroup"}
    for query in queries(translated).values():
        assert {name["Ref"] for name in query["LogGroupNames"]} == logs


def test_what_alarms_cost_is_said(translated: dict[str, Any]) -> None:
    """$0.10 a month for each metric that an alarm reads, $0.30 for each of our own."""
    read = sum(len(watched_by(alarm)) for alarm in alarms(translated).values())
    text = (DOCS / "operations.md").read_text()
    said = f"{read} in {len(alarms(translated))} alarms, ${read * 0.1:.2f} a month"
    assert said in re.sub(r"\s+", " ", text)
    ours = {one.name for one in everything(translated) if one.namespace == OURS}
    assert f"All {len(ours)} of a stack are at most ${len(ours) * 0.3:.2f}" in text


def test_no_window_ends_between_two_tries(translated: dict[str, Any], schedule: Any) -> None:
    """Or an alarm about a start or a copy that is tried again and again would come and go."""
    slowest = max(wait for _, wait in schedule.start_retry_pace.steps) * 1.25
    assert alarms(translated)["AccountTroubleAlarm"]["Period"] > slowest
    stats = alarms(translated)["StartsPostponedAlarm"]["Metrics"][1:]
    assert all(stat["MetricStat"]["Period"] > slowest for stat in stats)
    slowest = max(wait for _, wait in schedule.copy_retry_pace.steps)
    assert alarms(translated)["VideosUnstoredAlarm"]["Period"] > slowest


def test_computed_alarms_name_what_they_compute_with(translated: dict[str, Any]) -> None:
    for name, alarm in alarms(translated).items():
        if "Metrics" not in alarm:
            continue
        (computed,) = (one for one in alarm["Metrics"] if "Expression" in one)
        ids = {one["Id"] for one in alarm["Metrics"]} - {computed["Id"]}
        words = set(re.findall(r"\b[a-z]\w*", computed["Expression"]))
        assert words == ids or computed["Expression"] == "SUM(METRICS())", name
        others = [one for one in alarm["Metrics"] if one is not computed]
        assert all(one["ReturnData"] is False for one in others), name
        assert len({one["MetricStat"]["Period"] for one in others}) == 1, name
