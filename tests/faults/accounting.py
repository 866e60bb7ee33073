"""The coins and slots of a world, counted anew from A2E's ledger and from the tasks' history."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

from image_to_video.adapters.a2e_credits import A2ECredits
from image_to_video.domain.coin_ledger import Reconciliation, reconcile
from image_to_video.domain.coin_statements import Booking, statement_of
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Cancellation, FailureCode, Task

from tests.faults.interception import Kind
from tests.faults.world import BEGINNING, TOKEN, World


def deaths(world: World) -> int:
    """How often a process died on the way."""
    return sum(kind is not Kind.ANSWER_LOST for kind in world.interception.injected)


def check_coins(world: World) -> None:
    """Each budget counts exactly what A2E charged, and what is reserved for starts under way.

    A2E charges other than what is reserved for it, so neither passes for the other. A death may
    leave a reservation behind: then too much is counted, and never too little.
    """
    owners = sorted({task.owner for task in world.records()})
    for owner in (None, *owners):
        if world.limit_of(owner):
            _check_budget(world, owner)
            _check_days(world, owner)
    charged = _charged(world)
    for task in world.records():
        if task.test:
            assert not charged[task.task_id], "A2E was paid for a test task"
            assert not task.coins, "a test task has coins"
        elif task.generator_task_id is not None:
            assert task.coins in charged[task.task_id], "other coins than A2E charged"


def _check_budget(world: World, owner: str | None) -> None:
    """What the records of one owner's days say, or those of all together."""
    reserved = world.reservations(owner)
    possible, under_way = {0}, set()
    for lease_owner, bookings in _bookings(world, owner).items():
        if not bookings:
            under_way.add(lease_owner)
        elif lease_owner not in reserved:
            possible = {before + coins for before in possible for coins in bookings}
    booked = world.spent(owner) - sum(reserved.values())
    assert booked in possible, f"{booked} coins of {owner} are booked in place of {possible}"
    assert under_way <= set(reserved), f"a start of {owner} is under way without a reservation"
    left = len(set(reserved) - under_way)
    assert left <= deaths(world), f"a reservation of {owner} is left behind"


def _check_days(world: World, owner: str | None) -> None:
    """A2E charges no more in a day than may be spent, but for what it charges beyond the price."""
    tasks = {task.task_id: task for task in world.records() if owner in (None, task.owner)}
    days: dict[str, int] = defaultdict(int)
    days[BEGINNING.date().isoformat()] = world.spent_before.get(owner, 0)
    for charge in world.ledger():
        task = tasks.get(charge["name"].partition("-")[0])
        if task is not None:
            days[charge["time"][:10]] += min(charge["coins"], price(world, task))
    most = max(days.values())
    assert most <= world.limit_of(owner), f"{most} coins in a day for {owner or 'all'}"


def price(world: World, task: Task) -> int:
    """What is reserved for a start of a task."""
    return world.settings.coins_per_second[task.model_version] * task.video_time


def check_slots(world: World) -> None:
    """A slot is held for every open task that A2E may be at work on.

    And for no other, except that a death leaves one, until its lease ends. A closed task keeps its
    own while A2E may be at work. One that is opened again may find all of them taken.
    """
    holders = world.holders()
    assert len(holders) == len(set(holders)), "a task holds two slots"
    records = {task.task_id: task for task in world.records()}
    needed = {
        task.task_id
        for task in records.values()
        if task.reopened_at is None
        and not task.test
        and (task.status is TaskStatus.GENERATING or task.unresolved_attempt is not None)
        and not task.status.is_final
    }
    permitted = {t.task_id for t in records.values() if t.may_be_at_work and not t.test}
    assert not any(records[one].test for one in holders if one in records), "a test has a slot"
    assert needed <= set(holders), "a slot was released too early"
    left = set(holders) - needed - permitted
    assert len(left) <= deaths(world), "a slot is held by a closed task"


def check_line(world: World) -> None:
    """Every task that waits for our limits stands in line, once; a death may leave an entry."""
    entries = world.line()
    waiting = {task.task_id for task in world.records() if task.in_line}
    for task in world.records():
        assert not (task.in_line and task.test), "a test task in line"
        assert not task.in_line or task.status is TaskStatus.QUEUED, "a task in line that started"
    assert waiting <= set(entries), "a task waits and does not stand in line"
    left = len(entries) - len(waiting)
    assert left <= len(world.interception.injected), "an entry in line that nobody waits at"


def check_ledger(world: World) -> None:
    """The coin ledger finds what A2E really charged otherwise than the tasks say, and no more.

    Above all nothing is charged by nobody here, whoever died when; nor is it where A2E's records
    name no task.
    """
    bookings = A2ECredits(world.outside, lambda: TOKEN).bookings(BEGINNING - timedelta(hours=1))
    different = really_different(world)
    found = [one for one in ledger_of(world, bookings).differences if not one.permitted]
    assert {one.task_id for one in found} == different, f"{found} in place of {different}"
    if not different:
        bookings = [replace(one, mentions=frozenset(), names_task=False) for one in bookings]
        found = [one for one in ledger_of(world, bookings).differences if not one.permitted]
        assert not found, f"without names: {found}"


def ledger_of(world: World, bookings: list[Booking]) -> Reconciliation:
    """What the coin ledger says of everything up to now."""
    since = BEGINNING - timedelta(hours=1)
    return reconcile(
        map(statement_of, world.records()),
        bookings,
        since=since,
        until=world.clock() + timedelta(seconds=1),
        read_since=since,
    )


def really_different(world: World) -> set[str]:
    """The ended tasks for which A2E kept other coins than their records say, beyond doubt.

    By the names of starts, which only the simulator's own ledger knows.
    """
    kept: dict[str, list[int]] = defaultdict(list)
    for charge in world.ledger():
        if not charge.get("refunded"):
            kept[charge["name"].partition("-")[0]].append(charge["coins"])
    return {
        task.task_id
        for task in world.records()
        if task.status.is_final and _differs(task, kept[task.task_id])
    }


def _differs(task: Task, kept: list[int]) -> bool:
    if task.cancellation is Cancellation.REFUNDED or not task.attempts:
        return bool(kept)
    if task.generator_task_id is None:
        is_refused = task.failure is not None and task.failure == task.attempts[-1].refusal
        return len(kept) > (0 if is_refused else 1)
    is_permitted = task.status is not TaskStatus.SUCCEEDED and sum(kept) < (task.coins or 0)
    return sum(kept) != task.coins and not is_permitted


def _charged(world: World) -> dict[str, set[int]]:
    """What A2E charged for the starts of each task, whose name begins with the task's id."""
    charged: dict[str, set[int]] = defaultdict(set)
    for charge in world.ledger():
        charged[charge["name"].partition("-")[0]].add(charge["coins"])
    return charged


def _bookings(world: World, owner: str | None) -> dict[str, set[int]]:
    """What each recorded attempt may be booked with, by its lease's owner; none while it is open.

    More than one where it was closed as unconfirmed, and found after all: the first is booked.
    """
    known: dict[str, list[str]] = defaultdict(list)
    bookings: dict[str, set[int]] = defaultdict(set)
    charged = _charged(world)
    for _, task in world.history():
        if task.test or owner not in (None, task.owner):
            continue
        known[task.task_id] += [attempt.lease_owner for attempt in task.attempts]
        for lease_owner in set(known[task.task_id]):
            decided = _decided(task, lease_owner, price(world, task), charged[task.task_id])
            bookings[lease_owner] |= decided
    return bookings


def _decided(task: Task, lease_owner: str, reserved: int, charged: set[int]) -> set[int]:
    """What this state of a task says about an attempt; nothing while its outcome is unknown."""
    owners = [attempt.lease_owner for attempt in task.attempts]
    if lease_owner not in owners:
        return {0}
    if lease_owner != owners[-1]:
        return {reserved}
    if task.generator_task_id is not None:
        return charged
    if not task.status.is_final:
        return set()
    unconfirmed = task.failure is None or task.failure.code is FailureCode.START_UNCONFIRMED
    return {reserved} if unconfirmed else {0}
