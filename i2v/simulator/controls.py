"""The simulator's own routes, which A2E does not have; they need no token."""

from dataclasses import asdict

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from i2v.simulator.account import Account
from i2v.simulator.faults import FAULTS
from i2v.simulator.ledger import Booking, Charge
from i2v.simulator.records import record_of, timestamp
from i2v.simulator.sample import SAMPLE_PATH
from i2v.simulator.start_body import explain


class _Planted(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    coins: int
    reason: str = "start"
    task_id: str = ""
    at: AwareDatetime | None = None


class Controls:
    """Shows the state of one account and injects faults into its calls."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def health(self, request: Request) -> Response:
        """Answer that the simulator runs."""
        del request
        return JSONResponse({"status": "ok"})

    async def sample(self, request: Request) -> Response:
        """The portrait that ships with the project."""
        del request
        return FileResponse(SAMPLE_PATH, media_type="image/png")

    async def ledger(self, request: Request) -> Response:
        """Every charge, oldest first."""
        del request
        return JSONResponse([_entry(charge) for charge in self._account.ledger.charges])

    async def bookings(self, request: Request) -> Response:
        """Everything that changed the balance, oldest first, as the history's records."""
        del request
        return JSONResponse([_booking(one) for one in self._account.ledger.bookings])

    async def plant(self, request: Request) -> Response:
        """Add a booking that no task has caused; HTTP 422 says what is wrong with it."""
        try:
            planted = _Planted.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"error": explain(error)}, status_code=422)
        at = self._account.now() if planted.at is None else planted.at.timestamp()
        booking = Booking(planted.coins, planted.reason, at, planted.task_id)
        return JSONResponse(_booking(self._account.ledger.plant(booking)), status_code=201)

    async def forget(self, request: Request) -> Response:
        """Show a booking no longer, by its id; HTTP 404 where there is none."""
        found = self._account.ledger.forget(str(request.path_params["booking_id"]))
        return Response(status_code=204 if found else 404)

    async def tasks(self, request: Request) -> Response:
        """Every task that was not deleted, newest first, expired ones too."""
        base_url = str(request.base_url)
        settings, now = self._account.settings, self._account.now()
        tasks = self._account.store.newest_first()
        return JSONResponse([record_of(task, settings, now, base_url) for task in tasks])

    async def faults(self, request: Request) -> Response:
        """The pending faults."""
        del request
        return self._pending()

    async def add_faults(self, request: Request) -> Response:
        """Add faults, all or none; HTTP 422 says which entry is wrong and why."""
        try:
            faults = FAULTS.validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"error": explain(error)}, status_code=422)
        self._account.faults.add(faults)
        return self._pending()

    async def clear_faults(self, request: Request) -> Response:
        """Remove all faults and let stuck tasks continue; a failed task stays failed."""
        del request
        self._account.faults.clear()
        self._account.store.release_stuck()
        return self._pending()

    def _pending(self) -> Response:
        faults = self._account.faults.pending
        return JSONResponse([fault.model_dump(mode="json") for fault in faults])

    def routes(self) -> list[Route]:
        """The routes, all below `/_simulator`."""
        faults = "/_simulator/faults"
        return [
            Route("/_simulator/health", self.health, methods=["GET"]),
            Route("/_simulator/sample.png", self.sample, methods=["GET"]),
            Route("/_simulator/ledger", self.ledger, methods=["GET"]),
            Route("/_simulator/bookings", self.bookings, methods=["GET"]),
            Route("/_simulator/bookings", self.plant, methods=["POST"]),
            Route("/_simulator/bookings/{booking_id}", self.forget, methods=["DELETE"]),
            Route("/_simulator/tasks", self.tasks, methods=["GET"]),
            Route(faults, self.faults, methods=["GET"]),
            Route(faults, self.add_faults, methods=["POST"]),
            Route(faults, self.clear_faults, methods=["DELETE"]),
        ]


def _booking(booking: Booking) -> dict[str, object]:
    return {
        "id": booking.id,
        "coins": booking.coins,
        "reason": booking.reason,
        "task_id": booking.task_id,
        "at": timestamp(booking.time),
    }


def _entry(charge: Charge) -> dict[str, object]:
    entry = asdict(charge)
    entry["id"] = entry.pop("task_id")
    entry["time"] = timestamp(charge.time)
    if not entry.pop("refunded"):
        return entry
    return {**entry, "refunded": True}
