"""A2E's hints in the time of the tests: one for each task that has ended, or as a fault says."""

from typing import Final

from i2v.simulator.account import Account
from i2v.simulator.faults import Call, Kind
from i2v.simulator.tasks import SimulatedTask, Status, status_at
from i2v.simulator.webhooks import Webhooks

_TIMES: Final = {Kind.NEVER_SENT: 0, Kind.SENT_TWICE: 2}


class PlannedHints(Webhooks):
    """Keeps what the simulated A2E would send, and when, for the world to deliver it."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._planned: list[tuple[float, SimulatedTask, bool]] = []

    def begin(self, task: SimulatedTask, base_url: str) -> None:
        """Plan what becomes of a task's hint; a task that asked for none has none."""
        if not task.request.webhook_url:
            return
        fault = self._account.faults.take(Call.WEBHOOK, [task.id, task.request.name])
        is_early = fault is not None and fault.kind is Kind.SENT_EARLY
        wait = 1 if is_early else self._account.settings.generation_seconds
        times = _TIMES.get(fault.kind, 1) if fault else 1
        self._planned += [(self._account.now() + wait, task, is_early)] * times

    @property
    def next_at(self) -> float | None:
        """When the next one is due, in seconds since 1970."""
        return min((due for due, _, _ in self._planned), default=None)

    def due(self) -> list[tuple[str, str]]:
        """The hints of now, each the task's id in its address, and its token; they are gone then.

        A task that was deleted has none, and one that is not over, unless its hint comes early.
        """
        now = self._account.now()
        ripe = [planned for planned in self._planned if planned[0] <= now]
        self._planned = [planned for planned in self._planned if planned[0] > now]
        return [
            (task.request.webhook_url.rpartition("/")[2], task.request.webhook_token)
            for _, task, is_early in ripe
            if is_early or self._has_ended(task, now)
        ]

    def _has_ended(self, task: SimulatedTask, now: float) -> bool:
        shown = self._account.store.find(task.id)
        ended = (Status.COMPLETED, Status.FAILED)
        return shown is not None and status_at(shown, self._account.settings, now) in ended
