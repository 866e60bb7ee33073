"""What may run at once and be spent in a day: slots at the generator, and a coin budget.

Both are kept by conditional writes alone. A slot is a lease with a holder and an expiry, never a
counter: a holder that dies loses it in time. Reserved coins stay in the day's record under their
own name until they are booked, so booking may be repeated without counting twice.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from image_to_video.domain.task import iso

if TYPE_CHECKING:
    from image_to_video.adapters.dynamodb_table import Table

_SLOTS: Final = "slots"
# A day's record is of no use after this long.
_BUDGET_KEPT: Final = timedelta(days=7)


class LimitTable:
    """Keeps both limits; 0 turns one off, and then nothing is asked or written for it."""

    def __init__(
        self, table: "Table", *, max_generating: int, slot_seconds: int, daily_coin_limit: int
    ) -> None:
        self._table = table
        self._max_generating = max_generating
        self._slot_life = timedelta(seconds=slot_seconds)
        self._daily_coin_limit = daily_coin_limit

    def take_slot(self, task_id: str, version: int, now: datetime) -> bool:
        """Hold a slot for this task, for longer if it has one; False when all are taken.

        `version` is that of the task's record: a slot held for a newer one is left alone.
        """
        if not self._max_generating:
            return True
        refused: set[str] = set()
        # A slot that is refused was taken meanwhile, perhaps by another start of this very task:
        # only what is held now says whether a second one would be too many.
        while (name := self._candidate(task_id, now)) is not None and name not in refused:
            if self._hold(name, task_id, version, now):
                return True
            refused.add(name)
        return False

    def release_slot(self, task_id: str, version: int) -> None:
        """Release the task's slot; harmless when it has none.

        A slot that was taken for this version of the task's record or a newer one is kept: another
        start of the same task has it.
        """
        if not self._max_generating:
            return
        for name, slot in self._slots().items():
            if slot["holder"] == task_id:
                self._change(
                    {"limit": _SLOTS, "member": name},
                    "REMOVE holder SET held_until = :past",
                    "holder = :task AND task_version < :version",
                    {":task": task_id, ":past": "", ":version": version},
                )

    def reserve_coins(self, reservation: str, coins: int, day: date) -> bool:
        """Reserve coins of a day under this name, once; False when the budget is used up."""
        if not self._daily_coin_limit:
            return True
        if coins > self._daily_coin_limit:
            return False
        reserved = self._change(
            _budget(day),
            "SET #name = :coins, expires_at = :expires ADD spent :coins",
            "attribute_not_exists(#name) AND (attribute_not_exists(spent) OR spent <= :most)",
            {
                ":coins": coins,
                ":most": self._daily_coin_limit - coins,
                ":expires": int((datetime.combine(day, time(), UTC) + _BUDGET_KEPT).timestamp()),
            },
            name=reservation,
        )
        if reserved:
            return True
        item = self._table.get_item(Key=_budget(day), ConsistentRead=True).get("Item", {})
        return reservation in item

    def book_coins(self, reservation: str, reserved: int, spent: int, day: date) -> None:
        """Replace reserved coins by those that were spent, once: 0 when nothing was accepted."""
        if self._daily_coin_limit:
            self._change(
                _budget(day),
                "REMOVE #name ADD spent :difference",
                "attribute_exists(#name)",
                {":difference": spent - reserved},
                name=reservation,
            )

    def _slots(self) -> dict[str, dict[str, Any]]:
        found = self._table.query(
            KeyConditionExpression="#limit = :slots",
            ExpressionAttributeNames={"#limit": "limit"},
            ExpressionAttributeValues={":slots": _SLOTS},
            ConsistentRead=True,
        )
        return {str(item["member"]): item for item in found["Items"] if "holder" in item}

    def _candidate(self, task_id: str, now: datetime) -> str | None:
        """The slot that this task holds, or the first free one."""
        taken = self._slots()
        names = [f"{number:05}" for number in range(self._max_generating)]
        own = (name for name in names if taken.get(name, {}).get("holder") == task_id)
        free = (
            name
            for name in names
            if name not in taken or str(taken[name]["held_until"]) <= iso(now)
        )
        return next(own, None) or next(free, None)

    def _hold(self, name: str, task_id: str, version: int, now: datetime) -> bool:
        return self._change(
            {"limit": _SLOTS, "member": name},
            "SET holder = :task, task_version = :version, held_until = :until",
            "attribute_not_exists(holder) OR held_until <= :now"
            " OR (holder = :task AND task_version <= :version)",
            {
                ":task": task_id,
                ":version": version,
                ":until": iso(now + self._slot_life),
                ":now": iso(now),
            },
        )

    def _change(
        self,
        key: dict[str, str],
        update: str,
        condition: str,
        values: dict[str, Any],
        *,
        name: str | None = None,
    ) -> bool:
        """Make one conditional write; False where its condition does not hold."""
        names: dict[str, Any] = {"ExpressionAttributeNames": {"#name": name}} if name else {}
        try:
            self._table.update_item(
                Key=key,
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                **names,
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ConditionalCheckFailedException":
                raise
            return False
        return True


def _budget(day: date) -> dict[str, str]:
    return {"limit": "coins", "member": day.isoformat()}
