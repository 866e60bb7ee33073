"""What subscribers are promised: checks an event against the catalogue of events, as they would."""

import functools
import json
from typing import Any

from image_to_video.contract.asyncapi import event_catalogue
from jsonschema import Draft7Validator, Draft202012Validator

# AsyncAPI's schemas are draft 07; a subscriber may read them as the newest draft as well.
DRAFTS = (Draft7Validator, Draft202012Validator)


@functools.cache
def catalogue() -> dict[str, Any]:
    """The catalogue as it is served."""
    served: dict[str, Any] = json.loads(json.dumps(event_catalogue()))
    return served


@functools.cache
def _validators(pointer: str) -> list[Any]:
    checked = {"$ref": pointer, **catalogue()}
    return [draft(checked, format_checker=draft.FORMAT_CHECKER) for draft in DRAFTS]


def faults(pointer: str, value: Any) -> list[str]:
    """Everything that is wrong with a value, by the schema at that place of the catalogue."""
    return [
        f"{error.json_path}: {error.message}"
        for validator in _validators(pointer)
        for error in validator.iter_errors(value)
    ]


def message_of(event: dict[str, Any]) -> str:
    """The place of the message that describes events of this type."""
    messages = catalogue()["components"]["messages"]
    [name] = [name for name, message in messages.items() if message["name"] == event["type"]]
    return f"#/components/messages/{name}"


def assert_promised(event: dict[str, Any], attributes: dict[str, str] | None = None) -> None:
    """The event, and its message attributes, are what the catalogue says of its type."""
    place = message_of(event)
    assert faults(f"{place}/payload", event) == []
    assert faults("#" + event["dataschema"].partition("#")[2], event["data"]) == []
    if attributes is not None:
        assert faults(f"{place}/headers", attributes) == []
        assert attributes["status"] == event["data"]["status"]
        assert attributes["type"] == event["type"]
