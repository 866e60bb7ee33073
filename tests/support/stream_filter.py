"""The filter of the table's stream, as the template has it and as AWS reads it."""

import functools
import json
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from tests.conftest import PROJECT


@functools.cache
def _patterns() -> tuple[dict[str, Any], ...]:
    template = yaml_parse((PROJECT / "template.yaml").read_text())
    events = template["Resources"]["PublishEventsFunction"]["Properties"]["Events"]
    filters = events["TaskChanged"]["Properties"]["FilterCriteria"]["Filters"]
    return tuple(json.loads(each["Pattern"]) for each in filters)


def wakes(record: dict[str, Any]) -> bool:
    """True where a record of the stream is delivered to `publish_events`."""
    return any(_matches(record, pattern) for pattern in _patterns())


def _matches(found: Any, pattern: dict[str, Any]) -> bool:
    """An absent field is no value but may be asked for; a pattern names no other things.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
    """
    for name, wanted in pattern.items():
        value = found.get(name) if isinstance(found, dict) else None
        if isinstance(wanted, dict):
            if not _matches(value, wanted):
                return False
        elif not any(_is(value, rule) for rule in wanted):
            return False
    return True


def _is(value: Any, rule: Any) -> bool:
    match rule:
        case {"exists": bool(exists)}:
            return (value is not None) is exists
        case {"anything-but": list(others)}:
            return value is not None and value not in others
        case str():
            return bool(value == rule)
    raise ValueError(f"tests/support/stream_filter.py does not know the rule {rule}")
