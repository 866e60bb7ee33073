"""What the permissions are for that hints need."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Attempt

from tests.e2e.roles import Stage, has_new_execution


def asks_by_upload(stage: Stage) -> bool:
    with stage.hinting("OnImageUploadedFunction"):
        answer = stage.call("OnImageUploadedFunction", stage.upload())
    return answer is not None and stage.tasks.get(answer["task_id"]).attempts[-1].hinted


def asks_by_poll(stage: Stage) -> bool:
    task = stage.queued()
    with stage.hinting("PollTaskFunction"):
        stage.call("PollTaskFunction", {"task_id": task.task_id})
    return stage.tasks.get(task.task_id).attempts[-1].hinted


def takes_one(stage: Stage, **fields: Any) -> bool:
    task_id, now = uuid4().hex, datetime.now(UTC).replace(microsecond=0)
    attempt = Attempt(
        name=f"{task_id}-1", lease_owner="it", sent_at=now, lease_until=now, in_flight=False
    )
    task = stage.record(
        task_id=task_id,
        status=TaskStatus.GENERATING,
        generator_task_id="f" * 24,
        attempts=(attempt,),
        **fields,
    )
    if task.slot is not None:
        stage.holding(task)
    stage.hint(task)
    return has_new_execution(stage, task)


def takes_one_with_a_slot(stage: Stage) -> bool:
    return takes_one(stage, slot="00498")
