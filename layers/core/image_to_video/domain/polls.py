"""When a task at the generator is polled next, and which of its polls its record must tell of."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from image_to_video.domain.schedule import Schedule
from image_to_video.domain.task import Task


@dataclass(frozen=True, slots=True)
class Polls:
    """The schedule of polls. `slot_seconds` is the lease of a slot; None without MaxGenerating."""

    schedule: Schedule
    slot_seconds: int | None = None

    def next_wait(self, since_start: timedelta) -> int:
        """Seconds until the next poll of a task that the generator accepted so long ago."""
        return self.schedule.poll_pace.wait(since_start)

    def must_be_recorded(self, task: Task, due: datetime) -> bool:
        """True where the record must say that this task is polled next at `due`.

        A poll that learned nothing is not recorded as long as two readers of the record need not
        know: `reconcile_tasks`, which takes a task for dead once the poll that its record names is
        overdue, and whoever would take its slot. A fifth is left for polls that come late.
        """
        if task.next_poll_at is None:
            return True
        known_until = task.next_poll_at + timedelta(seconds=self.schedule.overdue_seconds) * 0.8
        if self.slot_seconds is not None:
            # Each write renews the slot, and nothing else does.
            lease = timedelta(seconds=self.slot_seconds) * 0.8
            known_until = min(known_until, task.updated_at + lease)
        return due > known_until
