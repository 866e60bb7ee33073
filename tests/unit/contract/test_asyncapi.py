"""The catalogue: as committed, as AsyncAPI 3.0 wants it, and true of every event there is.

The whole document was valid by the official schema of AsyncAPI 3.0.0 (npm `@asyncapi/specs`) and
for `@asyncapi/parser`; here stand the rules of it that a change could break.
"""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from image_to_video.contract.asyncapi import event_catalogue
from image_to_video.contract.event_types import EventType
from image_to_video.contract.events import TaskEvent, attributes_of, describe_change
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import FailureCode, Task

from tests.conftest import PROJECT, SCHEMA_URL
from tests.support.catalogue import DRAFTS, assert_promised, catalogue, faults
from tests.support.samples import NOW, a_full_task, a_task

MESSAGES = sorted(catalogue()["components"]["messages"])


def at(pointer: str) -> Any:
    """What stands at a place of the document."""
    found: Any = catalogue()
    for part in pointer.removeprefix("#/").split("/"):
        found = found[part]
    return found


def within(part: Any) -> Iterator[dict[str, Any]]:
    """Every object of the document."""
    if isinstance(part, dict):
        yield part
    for inner in part.values() if isinstance(part, dict) else part:
        if isinstance(inner, dict | list):
            yield from within(inner)


def test_the_committed_catalogue_is_what_the_models_say() -> None:
    committed = json.loads((PROJECT / "functions" / "public" / "asyncapi.json").read_text())
    assert committed == event_catalogue(), "write it anew: make contracts"


def test_every_reference_leads_somewhere() -> None:
    references = [each["$ref"] for each in within(catalogue()) if "$ref" in each]
    assert len(references) > 30
    for reference in references:
        assert at(reference), reference


def test_the_document_has_the_parts_that_asyncapi_wants() -> None:
    document = catalogue()
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(document["info"])
    for server in document["servers"].values():
        assert {"host", "protocol"} <= set(server)
        assert set(re.findall(r"{(\w+)}", server["host"])) == set(server["variables"])
    [(name, channel)] = document["channels"].items()
    assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel["parameters"])
    assert channel["bindings"]["sns"]["name"]
    named = []
    for operation in document["operations"].values():
        assert operation["action"] == "send"
        assert operation["channel"] == {"$ref": f"#/channels/{name}"}
        # An operation refers to messages of its channel, not to the components.
        [message] = operation["messages"]
        assert message["$ref"].startswith(f"#/channels/{name}/messages/")
        named.append(at(at(message["$ref"])["$ref"])["name"])
    assert sorted(named) == sorted(EventType)


def test_every_type_of_event_has_one_message() -> None:
    names = [message["name"] for message in catalogue()["components"]["messages"].values()]
    assert sorted(names) == sorted(EventType)


@pytest.mark.parametrize("draft", DRAFTS)
def test_every_schema_is_one_by_its_own_rules(draft: Any) -> None:
    for schema in catalogue()["components"]["schemas"].values():
        draft.check_schema(schema)
    for message in catalogue()["components"]["messages"].values():
        draft.check_schema(message["headers"])
        draft.check_schema(message["payload"])


@pytest.mark.parametrize("name", MESSAGES)
def test_every_example_is_valid_and_no_other_event(name: str) -> None:
    [example] = catalogue()["components"]["messages"][name]["examples"]
    assert_promised(example["payload"], example["headers"])
    for other in MESSAGES:
        place = f"#/components/messages/{other}"
        assert bool(faults(f"{place}/payload", example["payload"])) is (other != name)
        assert bool(faults(f"{place}/headers", example["headers"])) is (other != name)


@pytest.mark.parametrize("kind", EventType)
def test_the_catalogue_refuses_what_no_event_is(kind: EventType) -> None:
    [message] = [m for m in catalogue()["components"]["messages"].values() if m["name"] == kind]
    good = message["examples"][0]["payload"]
    place = f"#/components/messages/{next(n for n in MESSAGES if at_name(n) == kind)}/payload"

    def refuses(change: dict[str, Any], data: dict[str, Any]) -> bool:
        event = copy.deepcopy(good) | change
        event["data"] |= data
        return bool(faults(place, event))

    assert not refuses({"added_later": 1}, {"added_later": 1})
    assert refuses({"specversion": "0.3"}, {})
    assert refuses({"type": "image-to-video.task.storing"}, {})
    assert refuses({}, {"status": 1})
    assert refuses({}, {"failure": {"code": "content_refused"}})
    # A word of another release is one that subscribers overlook.
    assert not refuses({}, {"waiting_for": "unheard-of"})
    assert not refuses({}, {"failure": {"code": "unheard-of", "message": "x"}})
    assert refuses({}, {"video": {"key": "a.mp4"}})
    for member in good:
        missing = {name: value for name, value in good.items() if name != member}
        assert faults(place, missing), member


def test_every_event_has_a_whole_schema_with_its_own_name() -> None:
    """Code generators make nothing of a schema that refines another one."""
    schemas = catalogue()["components"]["schemas"]
    for name, message in catalogue()["components"]["messages"].items():
        assert message["payload"] == {"$ref": f"#/components/schemas/{name}"}
        members = schemas[name]["properties"]
        assert schemas[name]["title"] == name
        assert members["type"] == {"type": "string", "const": message["name"]}
        assert members["data"] == {"$ref": "#/components/schemas/TaskEventData"}
        assert set(members) == set(schemas[name]["required"]) == set(TaskEvent.model_fields)
        assert message["headers"] == {"$ref": f"#/components/schemas/{name}Attributes"}
    text = json.dumps(catalogue())
    for name, schema in schemas.items():
        assert "allOf" not in schema
        assert f'"#/components/schemas/{name}"' in text, f"{name} is left over"


@pytest.mark.parametrize("name", MESSAGES)
def test_the_attributes_say_in_which_status_the_task_is(name: str) -> None:
    [example] = catalogue()["components"]["messages"][name]["examples"]
    place = f"#/components/messages/{name}/headers"
    assert not faults(place, example["headers"])
    for status in TaskStatus:
        refused = bool(faults(place, example["headers"] | {"status": status}))
        possible = example["headers"]["status"] == status
        assert refused is not (possible or (name == "TaskLate" and not status.is_final))


def test_no_content_type_is_promised_that_sns_cannot_send() -> None:
    # https://docs.aws.amazon.com/sns/latest/dg/set-sub-attributes-delivery-policy-json.html
    possible = {"text/plain", "application/json", "application/xml"}
    messages = catalogue()["components"]["messages"].values()
    promised = {catalogue()["defaultContentType"], *(each["contentType"] for each in messages)}
    assert promised <= possible
    assert "text/plain" in catalogue()["info"]["description"]


def at_name(message: str) -> str:
    name: str = at(f"#/components/messages/{message}")["name"]
    return name


def published() -> Iterator[tuple[EventType, Task]]:
    """A task at each event, bare and with a value in every field."""
    video = a_full_task().video
    for make in (a_task, a_full_task):
        yield EventType.CREATED, make(status=TaskStatus.QUEUED)
        yield EventType.GENERATING, make(status=TaskStatus.GENERATING)
        for status in TaskStatus:
            if not status.is_final:
                yield EventType.LATE, make(status=status, late=True)
        yield EventType.SUCCEEDED, make(status=TaskStatus.SUCCEEDED, video=video)
        yield EventType.CANCELED, make(status=TaskStatus.CANCELED)
    for code in FailureCode:
        yield EventType.FAILED, a_task().failed(NOW, code, "because")


@pytest.mark.parametrize(("kind", "task"), list(published()))
def test_every_event_matches_the_catalogue(kind: EventType, task: Task) -> None:
    event = describe_change(kind, task, stack_name="my-stack", schema_url=SCHEMA_URL)
    assert_promised(json.loads(event.model_dump_json()), attributes_of(event, task.owner))
