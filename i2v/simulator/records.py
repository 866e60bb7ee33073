"""A task as A2E shows it."""

from datetime import UTC, datetime

from i2v.simulator.faults import Kind
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
    """The task record of A2E's public documentation; `result_url` is empty until it completes."""
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
        "result_url": "",
    }
    if status is Status.FAILED and isinstance(task.outcome, SimulatedFailure):
        record |= {"failed_message": task.outcome.message, "failed_code": task.outcome.code}
    if status is Status.COMPLETED:
        end = int(expires_at(task, settings) or 0)
        path = f"results/{task.id}.mp4?Expires={end}&Signature={task.link_key}"
        record["result_url"] = f"{base_url.rstrip('/')}/{path}"
    return record


def distorted(record: Record, kind: Kind) -> Record:  # noqa: PLR0911 - one return per kind
    """The record as another kind of A2E would show it; any other kind leaves it as it is.

    The spellings and the further fields are those that public clients of A2E know.
    """
    match kind:
        case Kind.UNKNOWN_STATUS:
            return {**record, "current_status": "rescheduled"}
        case Kind.COMPLETED_WITHOUT_URL:
            return {**record, "current_status": Status.COMPLETED, "result_url": ""}
        case Kind.EARLY_LINK:
            return {**record, "result_url": record["result_url"] or record["image_url"]}
        case Kind.PADDED_RECORD:
            return _padded(record)
        case Kind.OTHER_LINK_FIELD:
            return {**record, "result_url": "", "video_url": record["result_url"]}
        case Kind.OTHER_FAILURE_FIELDS:
            others = {"failed_message": "faild_message", "failed_code": "error_code"}
            return {others.get(name, name): value for name, value in record.items()}
        case Kind.MORE_FIELDS:
            return {**record, **_more(record)}
        case _:
            return record


def _padded(record: Record) -> Record:
    """Blanks around texts, numbers as texts, statuses in another case; echoes stay as they came."""
    echoes = {"image_url", "prompt", "negative_prompt"}
    padded = {
        name: f" {value}\n" if value and isinstance(value, str | int) else value
        for name, value in record.items()
        if name not in echoes
    }
    return {**record, **padded, "current_status": f" {str(record['current_status']).title()}\n"}


def _more(record: Record) -> Record:
    return {
        "updatedAt": record["createdAt"],
        "user_id": "507f1f77bcf86cd799439011",
        "cover_url": record["image_url"],
        "video_url": record["result_url"],
        "duration": record["video_time"],
        "error_code": "",
        "faild_message": "",
        "hasRefundCoin": False,
        "remainingDays": 3,
        "expirationDays": 3,
        "expirationDate": record["createdAt"],
        "isExpired": False,
    }
