"""What the coin ledger compares: the generator's bookings, and what tasks say of their coins."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Cancellation, Task


@dataclass(frozen=True, slots=True)
class Booking:
    """Coins that the generator took (negative) or gave (positive) at a moment.

    `mentions` are the words of it in which a task's id or name may stand. `names_task`: it names
    what it was for, be that ours or not. `label` is what it says of itself, for people.
    """

    coins: int
    at: datetime
    mentions: frozenset[str] = frozenset()
    names_task: bool = False
    label: str = ""


class CoinLedger(Protocol):
    """What the generator shows of the account's coins. Every method may raise `GeneratorError`."""

    def bookings(self, since: datetime) -> list[Booking]:
        """Every booking since that moment. Raises where the list cannot be read to its end."""

    def reaches_back_to(self, moment: datetime) -> bool:
        """True where the list shows a booking from before that moment."""

    def balance(self) -> int | None:
        """The coins that are left; None where the generator does not say."""


class Claim(StrEnum):
    """What a task's record says of its coins."""

    PAID = "paid"
    REFUNDED = "refunded"
    PERHAPS = "perhaps"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Statement:
    """What one task's record says of its coins.

    `recorded` are the coins that count as spent for it. `exact` is what the generator said that
    it charges, None where it said nothing. `sent` are the moments of its attempts.
    `names` are its id, with which those of its attempts begin, and its id at the generator, both
    in lower case. `ended_well`: it has a video, so nothing excuses that it cost nothing.
    """

    task_id: str
    owner: str
    claim: Claim
    recorded: int
    exact: int | None
    sent: tuple[datetime, ...]
    names: frozenset[str]
    ended_at: datetime | None
    ended_well: bool
    is_accepted: bool


def statement_of(task: Task) -> Statement:
    """What a task's record says of its coins."""
    claim = _claim_of(task)
    reserved = task.attempts[-1].coins_reserved if task.attempts else 0
    counted = reserved if task.coins is None else task.coins
    names = (task.task_id, task.generator_task_id)
    return Statement(
        task_id=task.task_id,
        owner=task.owner,
        claim=claim,
        recorded=counted if claim in (Claim.PAID, Claim.PERHAPS) else 0,
        exact=task.coins,
        sent=tuple(attempt.sent_at for attempt in task.attempts),
        names=frozenset(name.casefold() for name in names if name),
        ended_at=task.ended_at if task.status.is_final else None,
        ended_well=task.status is TaskStatus.SUCCEEDED,
        is_accepted=task.generator_task_id is not None,
    )


def _claim_of(task: Task) -> Claim:
    if task.cancellation is Cancellation.REFUNDED:
        return Claim.REFUNDED
    if task.generator_task_id is not None:
        return Claim.PAID
    if not task.attempts:
        return Claim.NOTHING
    is_refused = task.failure is not None and task.failure == task.attempts[-1].refusal
    return Claim.NOTHING if is_refused else Claim.PERHAPS
