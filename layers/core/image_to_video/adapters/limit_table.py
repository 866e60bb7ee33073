"""What may run at once and be spent in a day: slots at the generator, and coin budgets.

All are kept by conditional writes alone. A slot is a lease with a holder and an expiry, never a
counter: a holder that dies loses it in time. Reserved coins stay in the day's record under their
own name until they are booked, so booking may be repeated without counting twice. The whole
installation has a record for each day, and so has each owner, in a partition of its own.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from botocore.exceptions import ClientError

from image_to_video.adapters.dynamodb_table import Table, is_refused_condition
from image_to_video.domain.records import iso
from image_to_video.domain.waiting_line import Budget

_SLOTS: Final = "slots"
# A day's record is of no use after this long.
_BUDGET_KEPT: Final = timedelta(days=7)


class Slot(NamedTuple):
    """A slot that a task holds, and until when; without a name where there is no limit."""

    name: str
    until: datetime


class LimitTable:
    """Keeps the limits; 0 turns one off, and then nothing is asked or reserved for it."""

    def __init__(
        self,
        table: Table,
        *,
        max_generating: int,
        slot_seconds: int,
        daily_coin_limit: int,
        owner_daily_coin_limit: int = 0,
    ) -> None:
        self._table = table
        self._max_generating = max_generating
        self._slot_life = timedelta(seconds=slot_seconds)
        self._daily_coin_limit = daily_coin_limit
        self._owner_daily_coin_limit = owner_daily_coin_limit

    @property
    def has_limits(self) -> bool:
        """True where a task may have to wait for one of them."""
        coins = self._daily_coin_limit or self._owner_daily_coin_limit
        return bool(self._max_generating or coins)

    @property
    def has_slots(self) -> bool:
        """True where a task may have to wait for a slot."""
        return bool(self._max_generating)

    @property
    def owner_limit(self) -> int | None:
        """The coins that each owner has in a day; None without a limit."""
        return self._owner_daily_coin_limit or None

    def take_slot(self, task_id: str, version: int, now: datetime) -> Slot | None:
        """Hold a slot for this task, for longer if it has one; None when all are taken.

        `version` is that of the task's record: a slot held for a newer one is left alone.
        """
        if not self._max_generating:
            return Slot("", now + self._slot_life)
        refused: set[str] = set()
        # A slot that is refused was taken meanwhile, perhaps by another start of this very task:
        # only what is held now says whether a second one would be too many.
        while (name := self._candidate(task_id, now)) is not None and name not in refused:
            if self._hold(name, task_id, version, now):
                return Slot(name, now + self._slot_life)
            refused.add(name)
        return None

    def is_fresh(self, slot: Slot, now: datetime) -> bool:
        """True while more than half of a slot's time is left."""
        return slot.until - now > self._slot_life / 2

    def renew_slot(self, name: str, task_id: str, version: int, now: datetime) -> Slot | None:
        """Hold this slot for longer; None where it is not this task's any more."""
        until = now + self._slot_life
        if not self._max_generating:
            return Slot(name, until)
        renewed = self._change(
            {"limit": _SLOTS, "member": name},
            "SET held_until = :until, task_version = :version",
            "holder = :task AND task_version <= :version",
            {":task": task_id, ":version": version, ":until": iso(until)},
        )
        return Slot(name, until) if renewed else None

    def release_slot(self, task_id: str, version: int, name: str | None = None) -> bool:
        """Release the task's slot; False when it has none. Without its name, all are read.

        A slot that was taken for this version of the task's record or a newer one is kept: another
        start of the same task has it.
        """
        if not self._max_generating and name is None:
            return False
        freed = False
        for held in [name] if name else self._names_of(task_id):
            freed |= self._change(
                {"limit": _SLOTS, "member": held},
                "REMOVE holder SET held_until = :past",
                "holder = :task AND task_version < :version",
                {":task": task_id, ":past": "", ":version": version},
            )
        return freed

    def holders(self, now: datetime) -> list[str] | None:
        """The tasks that hold slots now; None without a limit."""
        if not self._max_generating:
            return None
        slots = self._slots().values()
        return [str(slot["holder"]) for slot in slots if str(slot["held_until"]) > iso(now)]

    def free_slots(self, holders: list[str] | None) -> int | None:
        """How many slots are left beside these; None without a limit."""
        return None if holders is None else self._max_generating - len(holders)

    def budget(self, day: date, owner: str | None = None) -> Budget | None:
        """The coins of a day, of one owner or of all together; None without a limit."""
        limit = self._limit(owner)
        if not limit:
            return None
        return Budget(limit, limit - int(self._day(day, owner).get("spent", 0)))

    def reserve_coins(
        self, reservation: str, coins: int, day: date, owner: str | None = None
    ) -> bool:
        """Reserve coins of a day under this name, once; False when the budget is used up.

        Of one owner, or of all together.
        """
        limit = self._limit(owner)
        if not limit:
            return True
        if coins > limit:
            return False
        reserved = self._change(
            _budget(day, owner),
            "SET #name = :coins, expires_at = :expires ADD spent :coins",
            "attribute_not_exists(#name) AND (attribute_not_exists(spent) OR spent <= :most)",
            {
                ":coins": coins,
                ":most": limit - coins,
                ":expires": int((datetime.combine(day, time(), UTC) + _BUDGET_KEPT).timestamp()),
            },
            name=reservation,
        )
        return reserved or reservation in self._day(day, owner)

    def book_coins(
        self, reservation: str, reserved: int, spent: int, day: date, owner: str | None = None
    ) -> bool:
        """Replace reserved coins by those that were spent, once: 0 when nothing was accepted.

        True where that has freed some. Also without a limit: there was one when they were reserved.
        """
        booked = self._change(
            _budget(day, owner),
            "REMOVE #name ADD spent :difference",
            "attribute_exists(#name)",
            {":difference": spent - reserved},
            name=reservation,
        )
        return booked and spent < reserved

    def _limit(self, owner: str | None) -> int:
        return self._daily_coin_limit if owner is None else self._owner_daily_coin_limit

    def _slots(self) -> dict[str, dict[str, Any]]:
        found = self._table.query(
            KeyConditionExpression="#limit = :slots",
            ExpressionAttributeNames={"#limit": "limit"},
            ExpressionAttributeValues={":slots": _SLOTS},
            ConsistentRead=True,
        )
        return {str(item["member"]): item for item in found["Items"] if "holder" in item}

    def _day(self, day: date, owner: str | None) -> dict[str, Any]:
        """A day's record; by a query, which is permitted for the slots anyhow."""
        key = _budget(day, owner)
        found = self._table.query(
            KeyConditionExpression="#limit = :coins AND #member = :day",
            ExpressionAttributeNames={"#limit": "limit", "#member": "member"},
            ExpressionAttributeValues={":coins": key["limit"], ":day": key["member"]},
            ConsistentRead=True,
        )["Items"]
        return found[0] if found else {}

    def _names_of(self, task_id: str) -> list[str]:
        return [name for name, slot in self._slots().items() if slot["holder"] == task_id]

    def _candidate(self, task_id: str, now: datetime) -> str | None:
        """The slot that this task holds, or the first free one."""
        taken = self._slots()
        names = [f"{number:05}" for number in range(self._max_generating)]
        own = (name for name in names if taken.get(name, {}).get("holder") == task_id)
        held = {name for name, slot in taken.items() if str(slot["held_until"]) > iso(now)}
        # Those beyond the limit count as well: it was higher when they were taken.
        is_full = len(held) >= self._max_generating
        return next(own, None) or next((n for n in names if n not in held and not is_full), None)

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
            if not is_refused_condition(error):
                raise
            return False
        return True


def _budget(day: date, owner: str | None) -> dict[str, str]:
    # No owner's name has a slash, so none is another's partition.
    return {"limit": "coins" if owner is None else f"coins/{owner}", "member": day.isoformat()}
