"""How long finished tasks took, counted in one small item for each model and length of video."""

from typing import Any, Final

from botocore.exceptions import ClientError

from image_to_video.adapters.dynamodb_table import TABLE_ERRORS, Table, is_refused_condition
from image_to_video.domain.errors import DurationsUnavailableError
from image_to_video.domain.learned_schedule import Durations, bucket_of

_DURATIONS: Final = "durations"
_ADDED: Final = "added"
_BUCKET: Final = "b"
# From so many durations on all of them are halved: newer ones count for more, and the item stays
# small.
_MOST: Final = 400


class DurationTable:
    """Keeps the durations. `kind` is a model and a length, such as `a2e#5`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, kind: str) -> Durations:
        """What is known of this kind. Raises `DurationsUnavailableError`."""
        try:
            item = self._table.get_item(Key=_key(kind)).get("Item", {})
        except TABLE_ERRORS as error:
            raise DurationsUnavailableError(f"durations cannot be read: {error}") from error
        return _durations_of(item)

    def add(self, kind: str, seconds: float) -> None:
        """Count one task. Lost or counted twice it does no harm.

        Raises `DurationsUnavailableError`.
        """
        try:
            updated = self._table.update_item(
                Key=_key(kind),
                UpdateExpression="ADD #added :one, #bucket :one",
                ExpressionAttributeNames={
                    "#added": _ADDED,
                    "#bucket": f"{_BUCKET}{bucket_of(seconds)}",
                },
                ExpressionAttributeValues={":one": 1},
                ReturnValues="UPDATED_NEW",
            )["Attributes"]
            if int(str(updated[_ADDED])) >= _MOST:
                self._halve(kind)
        except TABLE_ERRORS as error:
            raise DurationsUnavailableError(f"durations cannot be counted: {error}") from error

    def _halve(self, kind: str) -> None:
        """Halve all counts, unless another task is counted meanwhile: then that one does it."""
        item = self._table.get_item(Key=_key(kind), ConsistentRead=True)["Item"]
        half = _durations_of(item).halved()
        kept = {f"{_BUCKET}{bucket}": count for bucket, count in half.counts.items()}
        gone = [name for name in _buckets(item) if name not in kept]
        values = {f":{name}": count for name, count in kept.items()}
        update = ", ".join([f"{_ADDED} = :half", *(f"{name} = :{name}" for name in kept)])
        removal = f" REMOVE {', '.join(gone)}" if gone else ""
        try:
            self._table.update_item(
                Key=_key(kind),
                UpdateExpression=f"SET {update}{removal}",
                ConditionExpression=f"{_ADDED} = :read",
                ExpressionAttributeValues=values | {":half": half.total, ":read": item[_ADDED]},
            )
        except ClientError as error:
            if not is_refused_condition(error):
                raise


def _key(kind: str) -> dict[str, str]:
    return {"limit": _DURATIONS, "member": kind}


def _buckets(item: dict[str, Any]) -> list[str]:
    return [name for name in item if name.startswith(_BUCKET) and name[1:].isdecimal()]


def _durations_of(item: dict[str, Any]) -> Durations:
    try:
        return Durations({int(name[1:]): int(item[name]) for name in _buckets(item)})
    except (TypeError, ValueError) as error:
        raise DurationsUnavailableError(f"durations cannot be read: {error}") from error
