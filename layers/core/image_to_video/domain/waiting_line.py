"""Who is next under our own limits: pure rules of the line in which tasks wait for their start.

Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996), every task of the same weight: the
tasks of one owner keep their order, and several owners take turns, however many each has sent. A
tag is the moment in milliseconds at which its task came into an empty line, or one more than the
tag before it, so whoever comes into an empty line later never stands before what was served.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Final, NamedTuple

from image_to_video.domain.records import Frozen, Moment
from image_to_video.domain.task import Task, WaitingFor

# Ends the key of a place among those that wait for coins of their owner. A release that does not
# know such places reads the key as one of the line, and lets the task stand there.
_FOR_OWNER: Final = "-owner"


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


class OwnerBudgets(NamedTuple):
    """The coins that each owner has in a day, and how many are `left` of one's own."""

    limit: int
    left: Callable[[str], int]


class Next(NamedTuple):
    """Who may start now, in order, and what the first of the others waits for.

    `short` are those that are passed over, because their owner has no coins left for them;
    `blocked` is the first for which all behind it wait.
    """

    entries: list[Entry]
    others_wait_for: WaitingFor
    short: list[Entry]
    blocked: Entry | None


def entry_key(tag: int, task_id: str) -> str:
    """The sort key of a place in the line."""
    return f"{tag:015}-{task_id}"


def owner_key(task: Task) -> str:
    """The key of a place among those of one owner that wait for its coins: as they came.

    Another one each time, so that whoever takes one away late takes no newer one.
    """
    tag = moment_tag(task.created_at)
    return entry_key(tag, f"{task.task_id}-{task.version}{_FOR_OWNER}")


def waits_for_owner(task: Task) -> bool:
    """True where the place that the record names is one among those that wait for owner's coins."""
    return task.line_entry is not None and task.line_entry.endswith(_FOR_OWNER)


def entry_of(task: Task, coins: int) -> Entry:
    """The entry of a task that stands in line. Raises `ValueError` for one that does not."""
    if task.line_entry is None or task.line_since is None:
        raise ValueError(f"task {task.task_id} does not stand in line")
    return Entry(
        key=task.line_entry,
        task_id=task.task_id,
        owner=task.owner,
        coins=coins,
        joined_at=task.line_since,
    )


def moment_tag(moment: datetime) -> int:
    """The tag of what comes into an empty line at this moment."""
    return int(moment.timestamp() * 1000)


def may_start(
    line: Iterable[Entry],
    *,
    free: int | None,
    budget: Budget | None,
    holders: Collection[str],
    owners: OwnerBudgets | None = None,
) -> Next:
    """Who of the line, from its head on, may start with what is free; None is without limit.

    Nobody is overtaken: behind a task that must wait, for a slot or for coins, all others wait. But
    a task that died with a slot in its hands uses it, one that costs more than a whole day has
    comes up to be refused, and whose owner has spent its own coins keeps only that owner's waiting.
    """
    chosen: list[Entry] = []
    short: list[Entry] = []
    missing, blocked = WaitingFor.SLOT, None
    coins = budget.left if budget else 0
    left: dict[str, int] = {}
    exhausted: set[str] = set()
    most = min((limit.limit for limit in (budget, owners) if limit), default=None)
    for entry in line:
        owner = entry.owner
        if entry.task_id in holders or (most is not None and entry.coins > most):
            chosen.append(entry)
            continue
        if blocked is not None:
            continue
        if free is not None and free <= 0:
            blocked = entry
            continue
        if owners and owner not in left:
            left[owner] = owners.left(owner)
        if owner in exhausted or (owners and entry.coins > left[owner]):
            exhausted.add(owner)
            short.append(entry)
        elif budget and entry.coins > coins:
            missing, blocked = WaitingFor.COINS, entry
        else:
            chosen.append(entry)
            free = None if free is None else free - 1
            coins -= entry.coins
            left[owner] = left.get(owner, 0) - entry.coins
    return Next(chosen, missing, short, blocked)
