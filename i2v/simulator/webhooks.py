"""The notification of a task's end: one attempt, no retry, and nothing depends on it.

A2E's public documentation names the events, the single attempt and the header of the token. Method,
body and time limit are guesses.
"""

import asyncio
import logging
from typing import Self

import httpx

from i2v.simulator.account import Account
from i2v.simulator.faults import Call, Kind
from i2v.simulator.records import record_of
from i2v.simulator.tasks import SimulatedTask, Status, status_at

TOKEN_HEADER = "X-A2e-Webhook-Token"  # noqa: S105 - the name of a header
"""Carries `webhook_token`, by A2E's public documentation."""
WAIT_SECONDS = 10.0
"""Most seconds that a receiver may take."""

_PAUSE_SECONDS = 0.05
_TIMES = {Kind.NEVER_SENT: 0, Kind.SENT_TWICE: 2}

logger = logging.getLogger(__name__)


class Webhooks:
    """Notifies the receivers of one account's tasks; leaving it stops what is still waiting."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._waiting: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Nothing waits yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Forget every notification that was not sent."""
        waiting = list(self._waiting)
        for work in waiting:
            work.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    def begin(self, task: SimulatedTask, base_url: str) -> None:
        """Notify the receiver of a task, if it has one, at its end; returns at once."""
        if not task.request.webhook_url:
            return
        work = asyncio.create_task(self._notify(task, base_url))
        self._waiting.add(work)
        work.add_done_callback(self._waiting.discard)

    async def _notify(self, task: SimulatedTask, base_url: str) -> None:
        fault = self._account.faults.take(Call.WEBHOOK, [task.id, task.request.name])
        kind = fault.kind if fault else None
        status = Status.COMPLETED if kind is Kind.SENT_EARLY else await self._end_of(task)
        shown = self._account.store.find(task.id)
        if status is None or shown is None:
            return
        settings, now = self._account.settings, self._account.now()
        body: dict[str, object] = {
            "event": f"task.{status}",
            "data": record_of(shown, settings, now, base_url),
        }
        for _ in range(_TIMES.get(kind, 1) if kind else 1):
            await _send(task, body)

    async def _end_of(self, task: SimulatedTask) -> Status | None:
        """The final status of a task, once it has ended; None where it was deleted before."""
        while (shown := self._account.store.find(task.id)) is not None:
            status = status_at(shown, self._account.settings, self._account.now())
            if status in (Status.COMPLETED, Status.FAILED):
                return status
            await asyncio.sleep(_PAUSE_SECONDS)
        return None


async def _send(task: SimulatedTask, body: dict[str, object]) -> None:
    headers = {TOKEN_HEADER: task.request.webhook_token} if task.request.webhook_token else {}
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=WAIT_SECONDS) as client:
            await client.post(task.request.webhook_url, json=body, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OverflowError) as error:
        # Without the address: it may hold a secret.
        logger.warning("task %s: no notification: %s", task.id, type(error).__name__)
