"""The subscriber of a stack in moto: what its queue has received."""

import json
from typing import Any

from tests.conftest import Application
from tests.support.catalogue import assert_promised


def received(application: Application) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """Events and their message attributes since the last call, each as the catalogue promises."""
    queue, events = application.client("sqs"), []
    while found := queue.receive_message(
        QueueUrl=application.queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    ).get("Messages"):
        for message in found:
            attributes = {
                name: attribute["StringValue"]
                for name, attribute in message["MessageAttributes"].items()
            }
            event = json.loads(message["Body"])
            assert_promised(event, attributes)
            events.append((event, attributes))
            queue.delete_message(
                QueueUrl=application.queue_url, ReceiptHandle=message["ReceiptHandle"]
            )
    return events
