"""I1 to I5 of the README, checked against the ledger, the table, the bucket and the events."""

import hashlib

from image_to_video.events import event_type
from image_to_video.models import FailureCode, TaskStatus

from tests.faults.world import World

FINAL_TYPES = ("succeeded", "failed", "canceled")


def check(world: World, *, tasks: int) -> None:
    """Raise `AssertionError` for whatever does not hold, once nothing is left to happen."""
    records = {task.task_id: task for task in world.records()}
    assert len(records) == tasks, f"I5: {len(records)} tasks instead of {tasks}"
    for task in records.values():
        assert task.status.is_final, f"I2: {task.status}"
    check_charges(world)
    check_videos(world)
    check_events(world)
    check_limits(world)


def check_limits(world: World) -> None:
    """No coin was spent that the day's budget does not know of; no slot outlives its lease."""
    charged = sum(charge["coins"] for charge in world.ledger())
    assert world.spent() >= charged, f"the budget counts {world.spent()} of {charged} coins"
    if not world.interception.struck:
        assert world.spent() == charged
        assert world.holders() == [], "a slot is held by a closed task"


def check_charges(world: World) -> None:
    """I1, and that no charge belongs to nobody."""
    names = [charge["name"] for charge in world.ledger()]
    assert len(names) == len(set(names)), f"I1: one attempt was paid twice: {names}"
    for task in world.records():
        paid = [name for name in names if name.startswith(task.task_id)]
        reconciled = [attempt.name for attempt in task.attempts]
        assert len(paid) <= 1 or set(paid) <= set(reconciled), f"I1: {paid} for {reconciled}"


def check_videos(world: World, *, complete: bool = True) -> None:
    """I3, and in the end also that nothing lies there which no task tells of."""
    videos = world.videos()
    told = {}
    for task in world.records():
        if task.status is TaskStatus.SUCCEEDED:
            assert task.video is not None
            content = videos[task.video.key]
            assert len(content) == task.video.bytes, "I3: size"
            assert hashlib.sha256(content).hexdigest() == task.video.sha256, "I3: SHA-256"
            told[task.video.key] = task
    assert not complete or set(videos) == set(told), f"videos of nobody: {set(videos) - set(told)}"


def check_events(world: World) -> None:
    """I4: each change has its event, with one id; a task has one final event."""
    due = {
        f"{after.task_id}.{after.version}": kind.value
        for before, after in world.history()
        if (kind := event_type(before, after)) is not None
    }
    heard = {message.id: message.type for message in world.messages()}
    assert heard == due, f"I4: {heard} instead of {due}"
    for task in world.records():
        final = {
            message.id
            for message in world.messages()
            if message.subject == task.task_id and message.type.endswith(FINAL_TYPES)
        }
        assert len(final) == (1 if task.status.is_final and not task.reopened_at else len(final))


def nothing_is_lost(world: World) -> None:
    """A paid, finished video ends as a stored one, unless its owner canceled it."""
    for task in world.records():
        if task.failure is not None:
            assert task.failure.code is not FailureCode.VIDEO_UNAVAILABLE
