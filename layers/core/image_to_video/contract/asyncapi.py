"""The catalogue of events, as AsyncAPI 3.0: made from the models, so that it says what they do.

Its schemas keep to what JSON Schema draft 07 (AsyncAPI's own) and 2020-12 understand alike.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from image_to_video.contract.event_types import EventType
from image_to_video.contract.events import (
    TaskEvent,
    attributes_of,
    describe_change,
)
from image_to_video.contract.responses import TaskEventData
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Cancellation, Failure, FailureCode, ModelVersion, Task, Video

# Of the contract, not of the program.
_VERSION: Final = "1.0.0"
_SCHEMAS: Final = "#/components/schemas/"
_CONTENT_TYPE: Final = "application/json"
_CREATED_AT: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_OPEN: Final = [status for status in TaskStatus if not status.is_final]

# What each event tells, and the statuses that its task can have.
_DESCRIBED: Final[dict[EventType, tuple[str, list[TaskStatus]]]] = {
    EventType.CREATED: ("A task was recorded.", [TaskStatus.QUEUED]),
    EventType.GENERATING: ("The generator works on the task.", [TaskStatus.GENERATING]),
    EventType.LATE: ("The task takes longer than usual; it goes on.", _OPEN),
    EventType.SUCCEEDED: (
        "The video lies in the bucket, where `data.video` says.",
        [TaskStatus.SUCCEEDED],
    ),
    EventType.FAILED: ("There will be no video; `data.failure` says why.", [TaskStatus.FAILED]),
    EventType.CANCELED: ("The task was canceled by its owner.", [TaskStatus.CANCELED]),
}


@cache
def event_catalogue() -> dict[str, Any]:
    """The whole document."""
    schemas = _schemas()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "image-to-video events",
            "version": _VERSION,
            "description": (
                "One message for each change of a task, as a CloudEvents 1.0 envelope in JSON. "
                "Delivery is at least once and in no certain order: dedupe by `id`, which is the "
                "same on every redelivery, and order by its number after the dot. Members may be "
                "added; subscribers overlook those they do not know. Amazon SNS hands on no "
                "content type of ours: an HTTPS subscription is sent text/plain, unless its "
                "delivery policy names another `headerContentType`. So parse every body as JSON, "
                "whatever its type; it is an event in the JSON format of CloudEvents."
            ),
            "license": {"name": "Apache 2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": _CONTENT_TYPE,
        "servers": {
            "sns": {
                "host": "sns.{region}.amazonaws.com",
                "protocol": "sns",
                "description": "Amazon SNS in the account that the stack is deployed to.",
                "variables": {"region": {"description": "The stack's region."}},
            }
        },
        "channels": {
            "taskEvents": {
                "address": "{topicArn}",
                "title": "Task events",
                "description": "The stack's topic; subscribe with RawMessageDelivery.",
                "servers": [{"$ref": "#/servers/sns"}],
                "parameters": {
                    "topicArn": {"description": "The stack's output TaskEventsTopicArn."}
                },
                "messages": {
                    _name(kind): {"$ref": f"#/components/messages/{_name(kind)}"}
                    for kind in EventType
                },
                "bindings": {
                    "sns": {
                        "name": "TaskEventsTopic",
                        "ordering": {"type": "standard"},
                        "bindingVersion": "0.1.0",
                    }
                },
            }
        },
        "operations": {
            _operation(kind): {
                "action": "send",
                "channel": {"$ref": "#/channels/taskEvents"},
                "summary": _DESCRIBED[kind][0],
                "messages": [{"$ref": f"#/channels/taskEvents/messages/{_name(kind)}"}],
            }
            for kind in EventType
        },
        "components": {
            "schemas": schemas,
            "messages": {_name(kind): _message(kind) for kind in EventType},
        },
    }


def _name(kind: EventType) -> str:
    """`image-to-video.task.created` is the message `TaskCreated`."""
    return f"Task{kind.name.title()}"


def _operation(kind: EventType) -> str:
    return f"tell{_name(kind)}"


def _schemas() -> dict[str, Any]:
    """The schema of each event and of its message attributes, and what they refer to.

    One whole, named schema for each, because code generators make nothing of one that refines
    another (`allOf`).
    """
    _, written = models_json_schema(
        [(TaskEvent, "serialization")], ref_template=_SCHEMAS + "{model}"
    )
    schemas: dict[str, Any] = written["$defs"]
    # A year-old subscriber goes on working: it overlooks members that were added since.
    for schema in schemas.values():
        schema.pop("additionalProperties", None)
    envelope, _ = schemas.pop("TaskEvent"), schemas.pop("EventType")
    for kind in EventType:
        schemas[_name(kind)] = _event(kind, envelope)
        schemas[f"{_name(kind)}Attributes"] = _attributes(kind)
    return schemas


def _event(kind: EventType, envelope: dict[str, Any]) -> dict[str, Any]:
    members = envelope["properties"] | {"type": {"type": "string", "const": kind.value}}
    return envelope | {
        "title": _name(kind),
        "description": _DESCRIBED[kind][0],
        "properties": members,
    }


def _attributes(kind: EventType) -> dict[str, Any]:
    statuses = [status.value for status in _DESCRIBED[kind][1]]
    return {
        "title": f"{_name(kind)}Attributes",
        "description": "The message attributes, for filter policies; all are of type String.",
        "type": "object",
        "properties": {
            "type": {"type": "string", "const": kind.value},
            "status": {"type": "string"}
            | ({"enum": statuses} if len(statuses) > 1 else {"const": statuses[0]}),
            "owner": {"type": "string", "description": "Whose task it is."},
            "test": {
                "type": "string",
                "const": "true",
                "description": "Only there for a test task.",
            },
        },
        "required": ["type", "status", "owner"],
    }


def _message(kind: EventType) -> dict[str, Any]:
    summary, _ = _DESCRIBED[kind]
    task = _example(kind)
    event = describe_change(
        kind,
        task,
        stack_name="image-to-video",
        schema_url=f"https://api.example.com/v1/asyncapi.json{_SCHEMAS}{TaskEventData.__name__}",
    )
    return {
        "name": kind.value,
        "title": f"Task {kind.name.lower()}",
        "summary": summary,
        "contentType": _CONTENT_TYPE,
        "headers": {"$ref": f"{_SCHEMAS}{_name(kind)}Attributes"},
        "payload": {"$ref": f"{_SCHEMAS}{_name(kind)}"},
        "examples": [
            {
                "name": kind.name.lower(),
                "summary": summary,
                "headers": attributes_of(event, task.owner),
                "payload": event.model_dump(mode="json"),
            }
        ],
    }


def _example(kind: EventType) -> Task:
    """A task as it is at that event; the one that succeeded, unless it ended otherwise."""
    others = {EventType.FAILED: "f", EventType.CANCELED: "c"}
    task_id = "5e3f0c9d7a1b4c2e8f60a7d1b2c3d4e" + others.get(kind, "5")
    created = Task(
        task_id=task_id,
        owner="anna",
        fingerprint="",
        name="portrait.jpg",
        image_url="https://images.example.com/portrait.jpg",
        prompt="She smiles.",
        negative_prompt="blurry, distorted",
        video_time=5,
        model_version=ModelVersion.A2E,
        metadata={"order": "77"},
        created_at=_CREATED_AT,
        updated_at=_CREATED_AT,
        execution=task_id,
    )

    def later(seconds: int, task: Task, **changes: Any) -> Task:
        moment = _CREATED_AT + timedelta(seconds=seconds)
        return task.changed(moment, **changes)

    generating = later(2, created, status=TaskStatus.GENERATING, coins=30)
    generating = generating.model_copy(update={"started_at": generating.updated_at})
    storing = later(95, generating, status=TaskStatus.STORING)
    match kind:
        case EventType.CREATED:
            return created
        case EventType.GENERATING:
            return generating
        case EventType.LATE:
            return later(600, generating, late=True)
        case EventType.SUCCEEDED:
            video = Video(
                bucket="image-to-video-videosbucket-1a2b3c",
                key=f"anna/{task_id}.mp4",
                bytes=2_300_001,
                sha256="3b5d5c3712955042212316173ccf37be800f6f6c9bd1e6d8f0b8f4e7d5a1c2e9",
                content_type="video/mp4",
                width=1280,
                height=720,
                duration_seconds=5.042,
            )
            return later(99, storing, status=TaskStatus.SUCCEEDED, video=video)
        case EventType.FAILED:
            failure = Failure(
                code=FailureCode.GENERATION_FAILED, message="The generator could not make it."
            )
            return later(95, generating, status=TaskStatus.FAILED, failure=failure)
        case EventType.CANCELED:
            cancellation = Cancellation.TOO_LATE
            return later(30, generating, status=TaskStatus.CANCELED, cancellation=cancellation)
