"""A queue of one's own that hears the events of tasks."""

import json
from collections.abc import Mapping
from typing import Any


def subscribed(
    sqs: Any,
    sns: Any,
    topic_arn: str,
    name: str,
    *,
    attributes: Mapping[str, str] | None = None,
    filter_policy: str | None = None,
) -> tuple[str, str]:
    """Make a queue that receives every event, or those that a filter policy lets through.

    `sqs` and `sns` are clients, `attributes` those of the queue. Returns the queue's address and
    the subscription's ARN.
    """
    url: str = sqs.create_queue(QueueName=name, Attributes=dict(attributes or {}))["QueueUrl"]
    reply = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = reply["Attributes"]["QueueArn"]
    permission = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [permission]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    subscription = sns.subscribe(
        TopicArn=topic_arn,
        Protocol="sqs",
        Endpoint=arn,
        Attributes={"RawMessageDelivery": "true"}
        | ({"FilterPolicy": filter_policy} if filter_policy else {}),
        ReturnSubscriptionArn=True,
    )
    return url, subscription["SubscriptionArn"]
