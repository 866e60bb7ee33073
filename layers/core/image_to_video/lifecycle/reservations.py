"""What a start holds under the limits, and the one module that releases it.

A start reserves coins and a slot before its attempt is recorded, so a death in between counts too
much for a while, and never too little. From then on the record alone says what is held: after
each write, `release` compares the task before and after it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from image_to_video.adapters.limit_table import LimitTable, Slot
from image_to_video.domain.prices import coins_of
from image_to_video.domain.task import Attempt, Task, WaitingFor

# How much of a slot's time is left at the next poll, at least.
_MARGIN: Final = timedelta(seconds=60)


class Reservation:
    """Coins and a slot for one attempt. `missing` names the limit that refused it, if one did.

    `of_owner` is true where that is the owner's own budget.
    """

    def __init__(self) -> None:
        self.missing: WaitingFor | None = None
        self.of_owner = False
        self.slot: Slot | None = None
        self.kept = False

    def keep(self) -> None:
        """The attempt is recorded: from here on the record says when this is released."""
        self.kept = True


class Reservations:
    """Reserves for starts, and releases whatever a task holds no more."""

    def __init__(self, limits: LimitTable, *, now: Callable[[], datetime]) -> None:
        self._limits = limits
        self._now = now

    @contextmanager
    def reserve(self, task: Task, attempt: Attempt) -> Iterator[Reservation]:
        """Reserve for one attempt; what is not kept by the end is released.

        The slot is the task's, not the attempt's: it may be in use by a start that was quicker, so
        `release` decides about it from the task as it is recorded.
        """
        reservation = Reservation()
        try:
            self._fill(reservation, task, attempt)
            yield reservation
        finally:
            # Also where a limit could not be asked: what was reserved before it is not used.
            if not reservation.kept and not reservation.of_owner:
                self._book(task, attempt, 0)

    def renew(self, before: Task, after: Task) -> Task:
        """The task that is about to be written, with its slot held for longer if it needs that.

        Before the write, because an actor that closes the task meanwhile releases it afterwards.
        """
        if not (before.occupies_slot and after.occupies_slot) or after.status.is_final:
            return after
        now, slot = self._now(), None
        if before.slot and before.slot_until:
            held = Slot(before.slot, before.slot_until)
            if self._is_long_enough(held, after, now):
                return after
            slot = self._limits.renew_slot(held.name, before.task_id, before.version, now)
        if slot is None:
            slot = self._limits.take_slot(before.task_id, before.version, now)
        return with_slot(after, slot)

    def _is_long_enough(self, slot: Slot, task: Task, now: datetime) -> bool:
        """True while it is not worth a write: the next poll comes in time, and half is left."""
        next_poll = max(task.next_poll_at or now, now)
        return slot.until - next_poll > _MARGIN and self._limits.is_fresh(slot, now)

    def release(self, before: Task, after: Task) -> bool:
        """Release what the written task holds no more, and book the coins of decided attempts.

        True where something came free.
        """
        freed = False
        for attempt in before.attempts:
            coins = coins_of(after, attempt)
            if coins is not None and coins != coins_of(before, attempt):
                freed |= self._book(after, attempt, coins)
        may_hold = before.occupies_slot or after.status.is_final
        if may_hold and not after.occupies_slot:
            freed |= self._limits.release_slot(after.task_id, after.version, after.slot)
        return freed

    def _fill(self, reservation: Reservation, task: Task, attempt: Attempt) -> None:
        """Reserve in one order: the owner's coins, those of all, a slot."""
        coins, day, name = attempt.coins_reserved, attempt.sent_at.date(), attempt.lease_owner
        if not self._limits.reserve_coins(name, coins, day, task.owner):
            reservation.missing, reservation.of_owner = WaitingFor.COINS, True
        elif not self._limits.reserve_coins(name, coins, day):
            reservation.missing = WaitingFor.COINS
        else:
            slot = self._limits.take_slot(task.task_id, task.version, self._now())
            reservation.missing = None if slot else WaitingFor.SLOT
            reservation.slot = slot

    def _book(self, task: Task, attempt: Attempt, coins: int) -> bool:
        """Book what an attempt cost in both budgets; true where that has freed some."""
        reserved, day = attempt.coins_reserved, attempt.sent_at.date()
        if not reserved:
            # There was no limit.
            return False
        name = attempt.lease_owner
        freed = self._limits.book_coins(name, reserved, coins, day)
        return self._limits.book_coins(name, reserved, coins, day, task.owner) or freed


def with_slot(task: Task, slot: Slot | None) -> Task:
    """The task, with the slot that it holds in its record."""
    held = slot if slot and slot.name else None
    names = {"slot": held and held.name, "slot_until": held and held.until}
    return task.model_copy(update=names)
