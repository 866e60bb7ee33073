"""The coins: what the account holds and every charge ever made."""

from dataclasses import dataclass, replace


class NotEnoughCoinsError(Exception):
    """The balance does not cover a charge."""


@dataclass(frozen=True, slots=True)
class Charge:
    """Coins taken for one task at `time` (seconds since 1970)."""

    name: str
    task_id: str
    coins: int
    time: float
    refunded: bool = False


class Ledger:
    """The balance and its charges, oldest first; a refund marks its charge and hides nothing."""

    def __init__(self, balance: int) -> None:
        self._balance = balance
        self._charges: dict[str, Charge] = {}

    @property
    def balance(self) -> int:
        """Coins left."""
        return self._balance

    @property
    def charges(self) -> list[Charge]:
        """Every charge, oldest first, refunded ones too."""
        return list(self._charges.values())

    def require(self, coins: int) -> None:
        """Raise `NotEnoughCoinsError` unless the balance covers so many coins."""
        if coins > self._balance:
            raise NotEnoughCoinsError

    def charge(self, charge: Charge) -> None:
        """Take the coins, or raise `NotEnoughCoinsError`."""
        self.require(charge.coins)
        self._balance -= charge.coins
        self._charges[charge.task_id] = charge

    def refund(self, task_id: str) -> None:
        """Give back what a task was charged."""
        charge = self._charges[task_id]
        if not charge.refunded:
            self._balance += charge.coins
            self._charges[task_id] = replace(charge, refunded=True)
