"""Events: one type for each change that is published."""

import json
from typing import Any

import pytest
from image_to_video.contract.event_types import EventType
from image_to_video.contract.events import (
    TaskEvent,
    attributes_of,
    describe_change,
    written,
)
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.task import Failure, FailureCode

from tests.support.samples import a_task


def event_of(**fields: Any) -> TaskEvent:
    task = a_task(**fields)
    return describe_change(EventType.CREATED, task, stack_name="s", schema_url="https://e.com/s")


@pytest.mark.parametrize(
    "text", ["Grüße", "\N{GRINNING FACE}", "\ufffe\uffff\x07", '"\\\n', "\u2028"]
)
def test_an_event_is_written_in_ascii(text: str) -> None:
    """The key of an uploaded object has characters that SQS refuses, and may be part of a name."""
    event = event_of(prompt=text, image_url=f"s3://images/uploads/anna/{text}.png")

    message = written(event)

    assert message.isascii()
    assert message.isprintable()
    assert json.loads(message) == event.model_dump(mode="json")
    assert TaskEvent.model_validate_json(message) == event


def longest(letter: str) -> TaskEvent:
    """The event of a task all of whose texts are as long as a request may make them."""
    pairs = {f"{n:02}".ljust(512, letter): letter * 512 for n in range(16)}
    request = TaskRequest(
        image_url="https://example.com/".ljust(2048, letter),
        end_image_url="https://example.com/".ljust(2048, letter),
        prompt=letter * 1000,
        negative_prompt=letter * 1000,
        name=letter * 120,
        metadata=pairs,
    )
    failure = Failure(code=FailureCode.START_REFUSED, message=letter * 300)
    return event_of(**dict(request), failure=failure, owner="x" * 255)


@pytest.mark.parametrize("letter", ["x", "\u00fc", "\u20ac", "\N{GRINNING FACE}"])
def test_the_longest_event_can_be_sent(letter: str) -> None:
    event = longest(letter)

    message = written(event)

    attributes = attributes_of(event, "x" * 255)
    beside = sum(len(name) + len("String") + len(value) for name, value in attributes.items())
    # SNS and SQS take 256 KiB, attributes included.
    assert len(message.encode()) + beside <= 262_144
    assert json.loads(message) == event.model_dump(mode="json")


def test_an_event_too_long_in_ascii_is_written_in_utf_8() -> None:
    event = longest("\N{GRINNING FACE}")

    message = written(event)

    assert not message.isascii()
    assert len(message.encode()) < 262_144 < len(json.dumps(event.model_dump(mode="json")))
    assert json.loads(message) == event.model_dump(mode="json")


def test_the_key_of_an_upload_is_told_whole_and_the_query_of_a_link_is_not() -> None:
    uploaded = event_of(image_url="s3://images/uploads/anna/what?is#this.png")
    linked = event_of(image_url="https://example.com/a.png?signature=CANARY")
    assert uploaded.data.image_url == "s3://images/uploads/anna/what?is#this.png"
    assert linked.data.image_url == "https://example.com/a.png"
