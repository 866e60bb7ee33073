"""What a start holds under the limits, and the one module that releases it.

A start reserves coins and a slot before its attempt is recorded, so a death in between counts too
much for a while, and never too little. From then on the record alone says what is held: after
each write, `release` compares the task before and after it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from image_to_video.adapters.limit_table import LimitTable
from image_to_video.domain.task import Attempt, Task, WaitingFor


class Reservation:
    """Coins and a slot for one attempt. `missing` names the limit that refused it, if one did."""

    def __init__(self, missing: WaitingFor | None) -> None:
        self.missing = missing
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
        reservation = Reservation(self._missing(task, attempt))
        try:
            yield reservation
        finally:
            if not reservation.kept and reservation.missing is not WaitingFor.COINS:
                self._book(attempt, 0)

    def renew(self, before: Task, after: Task) -> None:
        """Keep the slot of a task that is about to be written and still needs it, for longer.

        Before the write, because an actor that closes the task meanwhile releases it afterwards.
        """
        if before.occupies_slot and after.occupies_slot and not after.status.is_final:
            self._limits.take_slot(before.task_id, before.version, self._now())

    def release(self, before: Task, after: Task) -> None:
        """Release what the written task holds no more, and book the coins of decided attempts."""
        for attempt in before.attempts:
            coins = after.coins_of(attempt)
            if coins is not None and coins != before.coins_of(attempt):
                self._book(attempt, coins)
        may_hold = before.occupies_slot or after.status.is_final
        if may_hold and not after.occupies_slot:
            self._limits.release_slot(after.task_id, after.version)

    def _missing(self, task: Task, attempt: Attempt) -> WaitingFor | None:
        coins, day = attempt.coins_reserved, attempt.sent_at.date()
        if not self._limits.reserve_coins(attempt.lease_owner, coins, day):
            return WaitingFor.COINS
        if not self._limits.take_slot(task.task_id, task.version, self._now()):
            return WaitingFor.GENERATOR
        return None

    def _book(self, attempt: Attempt, coins: int) -> None:
        day = attempt.sent_at.date()
        self._limits.book_coins(attempt.lease_owner, attempt.coins_reserved, coins, day)
