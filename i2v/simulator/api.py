"""The calls of A2E's `userImage2Video` family that clients use, and the balance."""

import hmac
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from i2v.simulator.account import Account, NotDeletableError
from i2v.simulator.answers import accepted, no_coins, refusal, refused_by, success
from i2v.simulator.faults import Call, Kind
from i2v.simulator.ledger import NotEnoughCoinsError
from i2v.simulator.renderer import Renderer
from i2v.simulator.start_body import StartBody, explain
from i2v.simulator.tasks import SimulatedTask

FAMILY = "/api/v1/userImage2Video"
"""The path of every call about tasks, by A2E's public documentation."""


class _Page(BaseModel):
    model_config = ConfigDict(frozen=True)

    number: Annotated[int, Field(alias="pageNum", ge=1)] = 1
    size: Annotated[int, Field(alias="pageSize", ge=1, le=100)] = 10


class _BatchRequest(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    ids: list[str]


def authorized(request: Request, token: str) -> bool:
    """Whether the call carries the bearer token."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), token.encode())


class VideoApi:
    """Answers the calls of one account; every one needs the bearer token.

    Faults are injected into valid calls only: a refused body does not use one up.
    """

    def __init__(self, account: Account, renderer: Renderer) -> None:
        self._account = account
        self._renderer = renderer

    async def start(self, request: Request) -> Response:
        """Create and charge; HTTP 400 for what the documentation does not allow."""
        try:
            start = StartBody.model_validate_json(await request.body())
        except ValidationError as error:
            return refusal(400, explain(error))
        fault = self._account.faults.take(Call.START, [start.name])
        if fault and fault.kind is Kind.MODERATED:
            return refusal(403, "Your request was refused by our content policy")
        if refused := refused_by(fault):
            return refused
        try:
            tasks = self._account.start(start, self._renderer)
        except NotEnoughCoinsError:
            return no_coins()
        if fault:
            self._account.inject(fault, tasks)
        records = self._account.records(tasks, None, str(request.base_url))
        # Assumed: with a number of images, even one, the answer is a list.
        return accepted(records if start.number_of_images else records[0], fault)

    async def detail(self, request: Request) -> Response:
        """One task, or HTTP 404."""
        task_id = str(request.path_params["task_id"])
        task = self._account.store.find(task_id)
        fault = self._account.faults.take(Call.DETAIL, _names([task] if task else [], task_id))
        if refused := refused_by(fault):
            return refused
        found = [task] if task else []
        records = self._account.records(found, fault, str(request.base_url))
        return accepted(records[0], fault) if records else refusal(404, "Task not found")

    async def all_records(self, request: Request) -> Response:
        """One page of the tasks that are not expired, newest first."""
        try:
            page = _Page.model_validate(dict(request.query_params))
        except ValidationError as error:
            return refusal(400, explain(error))
        listed = self._account.listed()
        first = (page.number - 1) * page.size
        rows = listed[first : first + page.size]
        fault = self._account.faults.take(Call.LIST, _names(rows))
        if refused := refused_by(fault):
            return refused
        records = self._account.records(rows, fault, str(request.base_url))
        return accepted({"rows": records, "total": len(listed)}, fault)

    async def batch_detail(self, request: Request) -> Response:
        """The tasks of these ids, in an order of the service's own: match them by `_id`."""
        try:
            batch = _BatchRequest.model_validate_json(await request.body())
        except ValidationError as error:
            return refusal(400, explain(error))
        found = [task for task in self._account.store.newest_first() if task.id in batch.ids]
        fault = self._account.faults.take(Call.BATCH, _names(found, *batch.ids))
        if refused := refused_by(fault):
            return refused
        return accepted(self._account.records(found, fault, str(request.base_url)), fault)

    async def delete(self, request: Request) -> Response:
        """Delete a record; HTTP 400 for a bad id and for a task in progress."""
        task_id = str(request.path_params["task_id"])
        task = self._account.store.find(task_id)
        fault = self._account.faults.take(Call.DELETE, _names([task] if task else [], task_id))
        if refused := refused_by(fault):
            return refused
        if task is None:
            return refusal(400, "Invalid task id")
        try:
            self._account.delete(task, self._renderer)
        except NotDeletableError:
            return refusal(400, "The task is in progress and cannot be deleted")
        return accepted({}, fault)

    async def average_time(self, request: Request) -> Response:
        """Seconds from start to end; the documentation names neither shape nor unit."""
        del request
        return success({"avgProcessingTime": self._account.settings.generation_seconds})

    async def remaining_coins(self, request: Request) -> Response:
        """The balance, in the shape that clients of the service report."""
        del request
        return success({"coins": self._account.ledger.balance, "diamonds": 0})

    def routes(self) -> list[Route]:
        """The routes; fixed paths before the one with any id."""
        return [
            Route(f"{FAMILY}/start", self.start, methods=["POST"]),
            Route(f"{FAMILY}/allRecords", self.all_records, methods=["GET"]),
            Route(f"{FAMILY}/batchDetail", self.batch_detail, methods=["POST"]),
            Route(f"{FAMILY}/avgProcessingTime", self.average_time, methods=["GET"]),
            Route(f"{FAMILY}/{{task_id}}", self.detail, methods=["GET"]),
            Route(f"{FAMILY}/{{task_id}}", self.delete, methods=["DELETE"]),
            Route("/api/v1/user/remainingCoins", self.remaining_coins, methods=["GET"]),
        ]


def _names(tasks: list[SimulatedTask], *ids: str) -> list[str]:
    return [*ids, *(task.id for task in tasks), *(task.request.name for task in tasks)]
