"""I1 to I5 of docs/guarantees.md, checked against ledger, table, bucket and events."""

import hashlib
from datetime import timedelta
from itertools import pairwise

from image_to_video.adapters.sample_clips import CUT, WHOLE, sample
from image_to_video.contract.event_types import event_type
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Cancellation, FailureCode, Task

from i2v.simulator.damage import without_lengths
from tests.faults.accounting import check_coins, check_ledger, check_line, check_slots
from tests.faults.world import World

FINAL_TYPES = ("succeeded", "failed", "canceled")


def check(world: World, *, tasks: int) -> None:
    """Raise `AssertionError` for whatever does not hold, once nothing is left to happen."""
    records = {task.task_id: task for task in world.records()}
    assert len(records) == tasks, f"I5: {len(records)} tasks instead of {tasks}"
    for task in records.values():
        assert task.status.is_final, f"I2: {task.status}"
    check_charges(world)
    check_refunds(world)
    check_times(world)
    check_videos(world)
    check_events(world)
    check_coins(world)
    check_ledger(world)
    check_slots(world)
    check_line(world)


def check_work(world: World) -> None:
    """A2E never works on more tasks than may be there at once."""
    at_work = world.at_work()
    assert len(at_work) <= world.settings.max_generating, f"{len(at_work)} at once"


def check_charges(world: World) -> None:
    """I1: no start is paid twice, each charge is for a task, and no second attempt is blind.

    Before it, the list was read all through a quiet period.
    """
    names = [charge["name"] for charge in world.ledger()]
    assert len(names) == len(set(names)), f"I1: one attempt was paid twice: {names}"
    known = {task.task_id for task in world.records()}
    assert {name.partition("-")[0] for name in names} <= known, "a charge for no task"
    for task in world.records():
        paid = [name for name in names if name.startswith(task.task_id)]
        reconciled = [attempt.name for attempt in task.attempts]
        assert len(paid) <= 1 or set(paid) <= set(reconciled), f"I1: {paid} for {reconciled}"
    quiet = timedelta(seconds=world.settings.schedule.quiet_seconds)
    for position, (moment, name) in enumerate(world.asked):
        task_id, _, number = name.partition("-")
        if not number or number == "1":
            continue
        before = f"{task_id}-{int(number) - 1}"
        # The attempt before may have died before it was sent.
        sent = [when for when, asked in world.asked[:position] if asked == before]
        read = [
            when
            for when, asked in world.asked[:position]
            if asked == "list" and (not sent or when >= sent[0])
        ]
        assert read, "I1: no lookup"
        assert max(read) - min(read) >= quiet, "I1: not absent through the quiet period"
        assert moment - max(read) <= timedelta(seconds=10), "I1: the lookup was long ago"


def check_refunds(world: World) -> None:
    """No refund is reported that A2E did not give."""
    for task in world.records():
        if task.cancellation is Cancellation.REFUNDED:
            charges = [c for c in world.ledger() if c["name"].startswith(task.task_id)]
            assert all(charge.get("refunded") for charge in charges), "REFUNDED, but charged"


def check_times(world: World) -> None:
    """I2: late once the window has passed, ended once the deadline has, each within one poll.

    A death delays that by the repair: overdue, found by the schedule, and given a new workflow.
    """
    schedule = world.settings.schedule
    longest = max(wait for _, wait in schedule.poll_pace.steps)
    repair = schedule.overdue_seconds + 300 + schedule.first_poll_seconds + 120
    slack = timedelta(seconds=longest + 10 + repair * len(world.interception.injected))
    window = timedelta(seconds=schedule.window_seconds)
    deadline = timedelta(
        seconds=schedule.start_deadline_seconds + schedule.generation_deadline_seconds
    )
    for task in world.records():
        assert task.ended_at is not None
        flagged = [
            after.updated_at
            for before, after in world.history()
            if after.task_id == task.task_id and after.late and not (before and before.late)
        ]
        due = task.created_at + window + slack
        first = min(flagged, default=task.ended_at)
        assert first <= due, f"I2: late only {first - due} after that was due"
        if task.reopened_at is None:
            waited = timedelta(seconds=task.waited_seconds)
            due = task.created_at + deadline + waited + slack
            assert task.ended_at <= due, "I2: past its deadline"


def check_videos(world: World, *, complete: bool = True) -> None:
    """I3, and in the end also that the bucket holds no video that no task names."""
    videos = world.videos()
    named = set()
    for task in world.records():
        if task.status is TaskStatus.SUCCEEDED:
            assert task.video is not None
            content = videos[task.video.key]
            made = [sample()] if task.test else [world.clip, without_lengths(world.clip)]
            assert content in made, "I3: not whole"
            assert len(content) == task.video.bytes, "I3: size"
            assert hashlib.sha256(content).hexdigest() == task.video.sha256, "I3: SHA-256"
            named.add(task.video.key)
    left = set(videos) - named - {WHOLE, CUT}
    assert not complete or not left, f"videos of no task: {left}"


def check_events(world: World) -> None:
    """I4: each change has its event, with one id; each time it closes, a task has one final one."""
    due = {
        f"{after.task_id}.{after.version}": kind.value
        for before, after in world.history()
        if (kind := event_type(before, after)) is not None
    }
    messages = world.messages()
    received = {message.id: message.type for message in messages}
    assert received == due, f"I4: {received} instead of {due}"
    for task in world.records():
        final = {
            message.id
            for message in messages
            if message.subject == task.task_id and message.type.endswith(FINAL_TYPES)
        }
        assert len(final) == 1 + reopenings(world, task), f"I4: {len(final)} final events"


def reopenings(world: World, task: Task) -> int:
    """How often this task was opened again."""
    states = [after for _, after in world.history() if after.task_id == task.task_id]
    return sum(
        before.status.is_final and not after.status.is_final for before, after in pairwise(states)
    )


def nothing_is_lost(world: World, *, hidden: bool = False) -> None:
    """What A2E finished for a task is stored, unless its owner canceled it.

    Where A2E's list hid a start (`hidden`), a task may have ended as unconfirmed.
    """
    world.clock.advance(world.generation_seconds)
    finished = [task["name"] for task in world.generated() if task["current_status"] == "completed"]
    for task in world.records():
        if any(name.startswith(task.task_id) for name in finished):
            kept = task.status in (TaskStatus.SUCCEEDED, TaskStatus.CANCELED)
            code = task.failure and task.failure.code
            excused = hidden and code is FailureCode.START_UNCONFIRMED
            assert kept or excused, f"lost: {task.status}, {code}"
