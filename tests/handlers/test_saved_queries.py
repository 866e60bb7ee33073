"""Saved queries read fields that the lines of the functions really have."""

import io
import json
import logging
import re
from typing import Any

from image_to_video.observability import logger

import functions.publish_events.app as publish_events
from tests.handlers.conftest import invoke, sample
from tests.handlers.test_metrics import (
    Stage,
    a_record_that_cannot_be_read,
    a_task_that_ends_well,
    a_video_that_cannot_be_copied,
    an_event_that_cannot_be_published,
    environment,
    stage,
)
from tests.support.watched import fields_of, queries

# Fixtures of the scenarios.
__all__ = ["environment", "stage"]


def test_saved_queries_read_fields_that_lines_have(stage: Stage, template: dict[str, Any]) -> None:
    ours = logging.getLogger("image-to-video")
    printed = io.StringIO()
    handler = logging.StreamHandler(printed)
    handler.setFormatter(logger.handlers[0].formatter)
    ours.addHandler(handler)
    for scenario in (
        a_task_that_ends_well,
        a_video_that_cannot_be_copied,
        a_record_that_cannot_be_read,
    ):
        stage.stack.reset()
        scenario(stage)
    invoke(publish_events.handler, sample("publish_events/insert"))
    an_event_that_cannot_be_published(stage)
    ours.removeHandler(handler)
    lines = [json.loads(line) for line in printed.getvalue().splitlines()]
    written = {name for line in lines for name in line}
    # Lambda's own word, of an error that nobody caught.
    written.add("errorType")
    for name, query in queries(template["Resources"]).items():
        assert fields_of(query["QueryString"]) <= written, name
    messages = {line.get("message") for line in lines}
    asked = {
        text
        for query in queries(template["Resources"]).values()
        for text in re.findall(r'message = "([^"]+)"', query["QueryString"])
    }
    assert asked == {"start accepted"} <= messages
    starts = [line for line in lines if line.get("message") == "start accepted"]
    assert {(start["owner"], start["coins"]) for start in starts} == {("demo", 30)}
