"""Who is next under our own limits: pure rules of the line in which tasks wait for their start.

Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996), every task of the same weight: the
tasks of one owner keep their order, and several owners take turns, however many each has sent. A
tag is the moment in milliseconds at which its task came into an empty line, or one more than the
tag before it, so whoever comes into an empty line later never stands before what was served.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from image_to_video.domain.records import Frozen, Moment
from image_to_video.domain.task import WaitingFor


class Entry(Frozen):
    """One task's place in the line. `key` sorts by tag and names the task."""

    key: str
    task_id: str
    owner: str
    coins: int
    joined_at: Moment

    @property
    def tag(self) -> int:
        """What the line is sorted by."""
        return int(self.key.partition("-")[0])


class Budget(NamedTuple):
    """The coins of a day: all of them, and those that are left."""

    limit: int
    left: int


class Next(NamedTuple):
    """Who may start now, in order, and what the first of the others waits for."""

    entries: list[Entry]
    others_wait_for: WaitingFor


def entry_key(tag: int, task_id: str) -> str:
    """The sort key of a place in the line."""
    return f"{tag:015}-{task_id}"


def moment_tag(moment: datetime) -> int:
    """The tag of what comes into an empty line at this moment."""
    return int(moment.timestamp() * 1000)


def may_start(
    line: Iterable[Entry], *, free: int | None, budget: Budget | None, holders: Collection[str]
) -> Next:
    """Who of the line, from its head on, may start with what is free; None is without limit.

    Nobody is overtaken: behind a task that must wait, for a slot or for coins, all others wait. But
    a task that died with a slot in its hands uses it, and one that costs more than a whole day has
    comes up to be refused.
    """
    chosen: list[Entry] = []
    missing: WaitingFor | None = None
    coins = budget.left if budget else 0
    for entry in line:
        if entry.task_id in holders or (budget and entry.coins > budget.limit):
            chosen.append(entry)
        elif missing is None:
            if free is not None and free <= 0:
                missing = WaitingFor.SLOT
            elif budget and entry.coins > coins:
                missing = WaitingFor.COINS
            else:
                chosen.append(entry)
                free = None if free is None else free - 1
                coins -= entry.coins
    return Next(chosen, missing or WaitingFor.SLOT)
