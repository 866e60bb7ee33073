"""Everything one simulated account is made of; each application has its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from i2v.simulator.answers import POLICY_TEXT
from i2v.simulator.faults import Fault, FaultQueue, Kind
from i2v.simulator.ledger import Charge, Ledger
from i2v.simulator.records import Record, record_of
from i2v.simulator.settings import SimulatorSettings
from i2v.simulator.start_request import StartRequest
from i2v.simulator.studio import Studio
from i2v.simulator.tasks import DELETABLE, Failure, Status, Task, TaskStore, expired, status_at


class NotDeletableError(Exception):
    """A task that is being worked on cannot be deleted."""


@dataclass(frozen=True, slots=True)
class Account:
    """The tasks, the coins, the faults to come and the clock (seconds since 1970)."""

    settings: SimulatorSettings
    now: Callable[[], float]
    ledger: Ledger
    store: TaskStore = field(default_factory=TaskStore)
    faults: FaultQueue = field(default_factory=FaultQueue)

    def start(self, request: StartRequest, studio: Studio) -> list[Task]:
        """Charge for every video asked for and begin it; raises `NotEnoughCoinsError`."""
        videos = max(1, request.number_of_images)
        self.ledger.require(request.coins * videos)
        return [self._start_one(request, studio) for _ in range(videos)]

    def _start_one(self, request: StartRequest, studio: Studio) -> Task:
        task = self.store.open(request, self.now())
        self.ledger.charge(Charge(request.name, task.id, task.coins, task.created_at))
        studio.begin(task)
        return task

    def delete(self, task: Task, studio: Studio) -> None:
        """Delete a task, with a refund while it is `initialized`; may raise `NotDeletableError`."""
        status = status_at(task, self.settings, self.now())
        if status not in DELETABLE:
            raise NotDeletableError
        if status is Status.INITIALIZED:
            self.ledger.refund(task.id)
        self.store.remove(task.id)
        studio.drop(task)

    def listed(self) -> list[Task]:
        """What `allRecords` knows, newest first: the documentation leaves out expired records."""
        now = self.now()
        return [t for t in self.store.newest_first() if not expired(t, self.settings, now)]

    def records(self, tasks: Sequence[Task], fault: Fault | None, base_url: str) -> list[Record]:
        """The tasks as a call shows them, after the fault has done its worst to those it meets."""
        met = [t for t in tasks if fault and fault.match in {None, t.id, t.request.name}]
        if fault and met:
            self.strike(met, fault)
        shown = []
        for before in tasks:
            task = self.store.find(before.id) or before
            record = record_of(task, self.settings, self.now(), base_url)
            if fault is None or before not in met:
                shown.append(record)
            elif fault.kind is not Kind.MISSING_FROM_LIST:
                shown.append(_distorted(record, fault))
        return shown

    def strike(self, tasks: Sequence[Task], fault: Fault) -> None:
        """Leave the lasting marks of a fault: no end, or a bad one."""
        match fault.kind:
            case Kind.STUCK:
                self.store.stick(task.id for task in tasks)
            case Kind.FAILS:
                failure = Failure("Video generation failed", "generation_error", self.now())
                self.store.doom((task.id for task in tasks), failure)
            case Kind.MODERATED:
                failure = Failure(POLICY_TEXT, "content_policy", self.now())
                self.store.doom((task.id for task in tasks), failure)
            case _:
                pass


def _distorted(record: Record, fault: Fault) -> Record:
    match fault.kind:
        case Kind.UNKNOWN_STATUS:
            return {**record, "current_status": "rescheduled"}
        case Kind.COMPLETED_WITHOUT_URL:
            return {**record, "current_status": Status.COMPLETED, "result_url": ""}
        case _:
            return record
