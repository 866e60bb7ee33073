"""The coins: the balance of the account, every charge, and every booking."""

from dataclasses import dataclass, replace


class NotEnoughCoinsError(Exception):
    """The balance does not cover a charge."""


@dataclass(frozen=True, slots=True)
class Charge:
    """Coins charged for one task at `time` (seconds since 1970)."""

    name: str
    task_id: str
    coins: int
    time: float
    refunded: bool = False


@dataclass(frozen=True, slots=True)
class Booking:
    """Coins that came (positive) or went (negative) at `time` (seconds since 1970)."""

    coins: int
    reason: str
    time: float
    task_id: str = ""
    number: int = 0

    @property
    def id(self) -> str:
        """What tells it from others: 24 hexadecimal digits, as of a task."""
        return f"{int(self.time) & 0xFFFFFFFF:08x}{self.number:016x}"


class Ledger:
    """The balance and the charges, oldest first; a refund marks its charge and keeps it."""

    def __init__(self, balance: int, opened_at: float) -> None:
        self._balance = balance
        self._charges: dict[str, Charge] = {}
        self._bookings = [Booking(balance, "grant", opened_at)]
        self._booked = 0

    @property
    def balance(self) -> int:
        """Coins left."""
        return self._balance

    @property
    def charges(self) -> list[Charge]:
        """Every charge, oldest first, refunded ones too."""
        return list(self._charges.values())

    @property
    def bookings(self) -> list[Booking]:
        """Everything that changed the balance, oldest first."""
        return list(self._bookings)

    def require(self, coins: int) -> None:
        """Raise `NotEnoughCoinsError` unless the balance covers so many coins."""
        if coins > self._balance:
            raise NotEnoughCoinsError

    def charge(self, charge: Charge) -> None:
        """Charge the coins; raises `NotEnoughCoinsError`."""
        self.require(charge.coins)
        self._balance -= charge.coins
        self._charges[charge.task_id] = charge
        self._book(Booking(-charge.coins, "start", charge.time, charge.task_id))

    def refund(self, task_id: str, now: float) -> None:
        """Refund the charge of a task, once."""
        charge = self._charges[task_id]
        if not charge.refunded:
            self._balance += charge.coins
            self._charges[task_id] = replace(charge, refunded=True)
            self._book(Booking(charge.coins, "refund", now, task_id))

    def plant(self, booking: Booking) -> Booking:
        """Add a booking that nothing of this account has caused."""
        self._balance += booking.coins
        return self._book(booking)

    def forget(self, booking_id: str) -> bool:
        """Show a booking no longer; the coins stay where they are. False where there is none."""
        kept = [booking for booking in self._bookings if booking.id != booking_id]
        found, self._bookings = len(kept) < len(self._bookings), kept
        return found

    def _book(self, booking: Booking) -> Booking:
        self._booked += 1
        self._bookings.append(replace(booking, number=self._booked))
        return self._bookings[-1]
