"""The state of one simulated account; each application has its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from i2v.simulator.answers import POLICY_TEXT
from i2v.simulator.faults import Fault, FaultQueue, Kind
from i2v.simulator.ledger import Charge, Ledger
from i2v.simulator.records import Record, distorted, record_of
from i2v.simulator.renderer import Renderer
from i2v.simulator.settings import SimulatorSettings
from i2v.simulator.start_body import StartBody
from i2v.simulator.tasks import (
    DELETABLE,
    SimulatedFailure,
    SimulatedTask,
    Status,
    TaskStore,
    expired,
    status_at,
)


class NotDeletableError(Exception):
    """A task in progress cannot be deleted."""


@dataclass(frozen=True, slots=True)
class Account:
    """The tasks, the coins, the pending faults and the clock (seconds since 1970)."""

    settings: SimulatorSettings
    now: Callable[[], float]
    ledger: Ledger
    store: TaskStore = field(default_factory=TaskStore)
    faults: FaultQueue = field(default_factory=FaultQueue)

    def start(self, request: StartBody, renderer: Renderer) -> list[SimulatedTask]:
        """Charge for every requested video and begin it; raises `NotEnoughCoinsError`."""
        videos = max(1, request.number_of_images)
        self.ledger.require(request.coins * videos)
        return [self._start_one(request, renderer) for _ in range(videos)]

    def _start_one(self, request: StartBody, renderer: Renderer) -> SimulatedTask:
        task = self.store.open(request, self.now())
        self.ledger.charge(Charge(request.name, task.id, task.coins, task.created_at))
        renderer.begin(task)
        return task

    def delete(self, task: SimulatedTask, renderer: Renderer) -> None:
        """Delete a task, with a refund while it is `initialized`; may raise `NotDeletableError`."""
        status = status_at(task, self.settings, self.now())
        if status not in DELETABLE:
            raise NotDeletableError
        if status is Status.INITIALIZED:
            self.ledger.refund(task.id, self.now())
        self.store.remove(task.id)
        renderer.drop(task)

    def listed(self) -> list[SimulatedTask]:
        """The tasks of `allRecords`, newest first; by the documentation without expired ones."""
        now = self.now()
        return [t for t in self.store.newest_first() if not expired(t, self.settings, now)]

    def records(
        self, tasks: Sequence[SimulatedTask], fault: Fault | None, base_url: str
    ) -> list[Record]:
        """The tasks as a call shows them, with the fault applied to those that it matches."""
        affected = [t for t in tasks if fault and fault.match in {None, t.id, t.request.name}]
        if fault and affected:
            self.inject(fault, affected)
        shown = []
        for before in tasks:
            task = self.store.find(before.id) or before
            record = record_of(task, self.settings, self.now(), base_url)
            if fault is None or before not in affected:
                shown.append(record)
            elif fault.kind is not Kind.MISSING_FROM_LIST:
                shown.append(distorted(record, fault.kind))
        return shown

    def inject(self, fault: Fault, tasks: Sequence[SimulatedTask]) -> None:
        """Apply what a fault changes for good: the tasks are stuck, or will fail."""
        match fault.kind:
            case Kind.STUCK:
                self.store.mark_stuck(task.id for task in tasks)
            case Kind.FAILS:
                failure = SimulatedFailure(
                    "Video generation failed", "generation_error", self.now()
                )
                self.store.mark_failed((task.id for task in tasks), failure)
            case Kind.MODERATED:
                text = fault.text or POLICY_TEXT
                failure = SimulatedFailure(text, "content_policy", self.now())
                self.store.mark_failed((task.id for task in tasks), failure)
            case _:
                pass
