"""A task as A2E shows it."""

from datetime import UTC, datetime

from i2v.simulator.settings import SimulatorSettings
from i2v.simulator.tasks import SimulatedFailure, SimulatedTask, Status, expires_at, status_at

type Record = dict[str, object]


def timestamp(seconds: float) -> str:
    """ISO 8601 with milliseconds and a Z, the form of `createdAt`."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record_of(
    task: SimulatedTask, settings: SimulatorSettings, now: float, base_url: str
) -> Record:
    """The task record of A2E's public documentation; only a completed one has a `result_url`."""
    status = status_at(task, settings, now)
    record: Record = {
        "_id": task.id,
        "name": task.request.name,
        "image_url": task.request.image_url,
        "prompt": task.request.prompt,
        "negative_prompt": task.request.negative_prompt,
        "model_type": task.request.model_type,
        "model_version": task.request.model_version,
        "video_time": task.request.video_time,
        "current_status": status,
        "coins": task.coins,
        "createdAt": timestamp(task.created_at),
        "failed_message": "",
        "failed_code": "",
    }
    if status is Status.FAILED and isinstance(task.outcome, SimulatedFailure):
        record |= {"failed_message": task.outcome.message, "failed_code": task.outcome.code}
    if status is Status.COMPLETED:
        end = int(expires_at(task, settings) or 0)
        path = f"results/{task.id}.mp4?Expires={end}&Signature={task.link_key}"
        record["result_url"] = f"{base_url.rstrip('/')}/{path}"
    return record
