"""What cannot be processed becomes a dead letter and raises an alarm."""

from typing import Any

import pytest
from image_to_video.domain.statuses import TaskStatus

from tests.support.permissions import statements
from tests.support.watched import watched_by

Resources = dict[str, Any]
# What calls each asynchronous function, and where its failures end up.
DEAD_LETTERS = {
    "OnImageUploadedFunction": "ImageUploadedDeadLetters",
    "PublishEventsFunction": "PublishEventsDeadLetters",
    "ReconcileTasksFunction": "ReconcileTasksDeadLetters",
    "ReconcileCoinsFunction": "ReconcileCoinsDeadLetters",
}
RULES = {
    "OnImageUploadedFunctionImageUploaded": "ImageUploadedDeadLetters",
    "ReconcileTasksFunctionSchedule": "ReconcileTasksDeadLetters",
    "ReconcileTasksFunctionMidnight": "ReconcileTasksDeadLetters",
    "ReconcileCoinsFunctionDaily": "ReconcileCoinsDeadLetters",
}


def of_type(translated: Resources, kind: str) -> dict[str, dict[str, Any]]:
    """The properties of every resource of this type."""
    return {
        name: resource.get("Properties", {})
        for name, resource in translated.items()
        if resource["Type"] == f"AWS::{kind}"
    }


def arn(queue: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [queue, "Arn"]}


def function_of(alias: dict[str, str]) -> str:
    """The function whose alias is referred to."""
    return alias["Ref"].removesuffix("Aliaslive")


def test_every_asynchronous_function_has_dead_letters_of_its_own(translated: Resources) -> None:
    kept = {
        config["FunctionName"]["Ref"]: config["DestinationConfig"]["OnFailure"]["Destination"]
        for config in of_type(translated, "Lambda::EventInvokeConfig").values()
    } | {
        function_of(mapping["FunctionName"]): mapping["DestinationConfig"]["OnFailure"][
            "Destination"
        ]
        for mapping in of_type(translated, "Lambda::EventSourceMapping").values()
    }
    assert kept == {function: arn(queue) for function, queue in DEAD_LETTERS.items()}
    # Only rules and streams call functions asynchronously, and they call no other.
    called = {
        function_of(target["Arn"])
        for rule in of_type(translated, "Events::Rule").values()
        for target in rule["Targets"]
    }
    called |= {
        function_of(mapping["FunctionName"])
        for mapping in of_type(translated, "Lambda::EventSourceMapping").values()
    }
    assert called == set(DEAD_LETTERS)


@pytest.mark.parametrize(("function", "queue"), DEAD_LETTERS.items())
def test_a_function_may_write_to_its_dead_letters_and_to_no_other_queue(
    translated: Resources, function: str, queue: str
) -> None:
    given = [
        statement
        for statement in statements(translated[f"{function}Role"])
        if "sqs:SendMessage" in statement["Action"]
    ]
    assert [statement["Resource"] for statement in given] == [arn(queue)]


def test_what_a_rule_cannot_deliver_becomes_a_dead_letter_too(translated: Resources) -> None:
    kept = {
        name: target["DeadLetterConfig"]["Arn"]
        for name, rule in of_type(translated, "Events::Rule").items()
        for target in rule["Targets"]
    }
    assert kept == {rule: arn(queue) for rule, queue in RULES.items()}
    allowed = [
        statement
        for policy in of_type(translated, "SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    (statement,) = allowed
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    senders = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert senders == [arn(rule) for rule in RULES]


def test_dead_letters_are_kept_for_the_longest_time(translated: Resources) -> None:
    queues = of_type(translated, "SQS::Queue")
    assert set(queues) == set(DEAD_LETTERS.values())
    for queue in queues.values():
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
        assert queue["SqsManagedSseEnabled"] is True


def test_every_queue_and_topic_accepts_only_tls(translated: Resources) -> None:
    covered = {
        place["Ref"]
        for kind, member in (("SQS::QueuePolicy", "Queues"), ("SNS::TopicPolicy", "Topics"))
        for policy in of_type(translated, kind).values()
        for place in policy[member]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement["Action"] in ("sqs:*", "sns:Publish")
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    }
    assert covered == {*of_type(translated, "SQS::Queue"), *of_type(translated, "SNS::Topic")}


def test_every_alarm_reaches_the_topic_and_is_silent_without_data(translated: Resources) -> None:
    alarms = of_type(translated, "CloudWatch::Alarm")
    assert len(alarms) >= 30
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == [{"Ref": "AlarmsTopic"}], name
        # That nothing runs is the very trouble that this one is about.
        silent = "breaching" if name == "ReconcileSilentAlarm" else "notBreaching"
        assert alarm["TreatMissingData"] == silent, name
        assert alarm["AlarmDescription"], name


@pytest.mark.parametrize("queue", DEAD_LETTERS.values())
def test_each_dead_letter_raises_an_alarm(translated: Resources, queue: str) -> None:
    alarm = translated[f"{queue}Alarm"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"]) == (
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
    )
    value = {"Fn::GetAtt": [queue, "QueueName"]}
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": value}]
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert queue in alarm["AlarmDescription"]


def test_the_alarms_cover_what_an_operator_must_know(translated: Resources) -> None:
    watched = {
        (one.namespace, one.name)
        for alarm in of_type(translated, "CloudWatch::Alarm").values()
        for one in watched_by(alarm)
    }
    promised = "StartsDoubled StartsRepeated StartsGivenUp StartsUnconfirmed StartsPostponed"
    promised += " StartsWithoutAccess LooksFailed VideosUnstored VideosLost TasksLate TasksRevived"
    promised += " TasksUnreadable CoinsReserved SlotsTaken WakesFailed RequestsFailed"
    assert {("ImageToVideo", name) for name in promised.split()} <= watched
    assert {
        ("AWS/States", "ExecutionsFailed"),
        ("AWS/States", "ExecutionsTimedOut"),
        ("AWS/States", "ExecutionsAborted"),
        ("AWS/ApiGateway", "5XXError"),
        ("AWS/Lambda", "IteratorAge"),
        ("AWS/Lambda", "AsyncEventAge"),
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Invocations"),
        ("AWS/Lambda", "Throttles"),
        ("AWS/DynamoDB", "SystemErrors"),
        ("AWS/DynamoDB", "ThrottledRequests"),
        ("AWS/SNS", "NumberOfNotificationsFailed"),
    } <= watched


def test_mail_is_sent_only_where_an_address_is_given(template: Resources) -> None:
    for subscription, topic, parameter, condition in (
        ("AlarmEmailSubscription", "AlarmsTopic", "AlarmEmail", "MailsAlarms"),
        ("EventsEmailSubscription", "TaskEventsTopic", "EventsEmail", "MailsEvents"),
    ):
        resource = template["Resources"][subscription]
        assert resource["Condition"] == condition
        properties = resource["Properties"]
        assert properties["Protocol"] == "email"
        assert properties["TopicArn"] == {"Ref": topic}
        assert properties["Endpoint"] == {"Ref": parameter}
        given = {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}
        assert template["Conditions"][condition] == given
        assert template["Parameters"][parameter]["Default"] == ""


def test_mails_are_about_ended_live_tasks_only(template: Resources) -> None:
    policy = template["Resources"]["EventsEmailSubscription"]["Properties"]["FilterPolicy"]
    ended = [status.value for status in TaskStatus if status.is_final]
    assert policy == {"status": ended, "test": [{"exists": False}]}


def test_only_alarms_of_this_account_may_publish_alarms(translated: Resources) -> None:
    statements = translated["AlarmsTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (allowed,) = (s for s in statements if s["Effect"] == "Allow")
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }


def test_an_event_is_retried_for_half_of_the_stream_s_day(translated: Resources) -> None:
    (stream,) = of_type(translated, "Lambda::EventSourceMapping").values()
    assert stream["MaximumRetryAttempts"] == -1
    assert stream["MaximumRecordAgeInSeconds"] == 12 * 3600
    assert stream["ParallelizationFactor"] > 1
