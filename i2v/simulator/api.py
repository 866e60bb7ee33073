"""The calls of A2E's `userImage2Video` family that clients use."""

import hmac
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from i2v.simulator.account import Account, NotDeletableError
from i2v.simulator.answers import accepted, no_coins, refusal, refused_by, success
from i2v.simulator.faults import RECORD_KINDS, Call, Fault, Kind
from i2v.simulator.ledger import NotEnoughCoinsError
from i2v.simulator.renderer import Renderer
from i2v.simulator.start_body import StartBody, explain
from i2v.simulator.tasks import SimulatedTask
from i2v.simulator.webhooks import Webhooks

FAMILY = "/api/v1/userImage2Video"
"""The path of every call about tasks, by A2E's public documentation."""
_SHORT_PAGE = 2
MARKS = ("markShared", "markDownloaded", "markCopied")
"""What a client may note about a task."""


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

    def __init__(self, account: Account, renderer: Renderer, webhooks: Webhooks) -> None:
        self._account = account
        self._renderer = renderer
        self._webhooks = webhooks

    async def start(self, request: Request) -> Response:
        """Create and charge; HTTP 400 for what the documentation does not allow."""
        try:
            start = StartBody.model_validate_json(await request.body())
        except ValidationError as error:
            return refusal(400, explain(error))
        fault = self._account.faults.take(Call.START, [start.name])
        if fault and fault.kind is Kind.MODERATED:
            return refusal(403, fault.text or "Your request was refused by our content policy")
        if refused := refused_by(fault):
            return refused
        try:
            tasks = self._account.start(start, self._renderer)
        except NotEnoughCoinsError:
            return no_coins()
        if fault:
            self._account.inject(fault, tasks)
        base_url = str(request.base_url)
        for task in tasks:
            self._webhooks.begin(task, base_url)
        distortion = fault if fault and fault.kind in RECORD_KINDS else None
        records = self._account.records(tasks, distortion, base_url)
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
        rows = _page_of(listed, page.number, page.size)
        # A page past the end is about every task that stands before it.
        fault = self._account.faults.take(Call.LIST, _names(rows or listed))
        if refused := refused_by(fault):
            return refused
        return self._listed(listed, page, fault, str(request.base_url))

    def _listed(
        self, listed: list[SimulatedTask], page: _Page, fault: Fault | None, base_url: str
    ) -> Response:
        kind = fault.kind if fault else None
        size = _SHORT_PAGE if kind is Kind.SHORT_PAGES else page.size
        rows = _page_of(listed, page.number, size)
        if not rows and page.number > 1 and kind is Kind.FAILS_PAST_END:
            return refusal(500, "pageNum is out of range")
        if not rows and kind is Kind.REPEATS_LAST_PAGE:
            rows = _page_of(listed, max(1, -(-len(listed) // size)), size)
        records = self._account.records(rows, fault, base_url)
        match kind:
            case Kind.LIST_DATA:
                return success(records)
            case Kind.OTHER_LIST_FIELD:
                return success({"records": records, "totalCount": str(len(listed))})
            case Kind.REPEATS_LAST_PAGE | Kind.FAILS_PAST_END:
                # Without a total, which would tell that all was seen.
                return success({"rows": records})
            case _:
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

    async def queue_level(self, request: Request) -> Response:
        """The tier in the queue of unlimited plans; the documentation does not name its shape."""
        del request
        return success({"level": 0})

    async def mark(self, request: Request) -> Response:
        """Note what a user did with a task, which changes nothing; HTTP 400 for a bad id."""
        found = self._account.store.find(str(request.path_params["task_id"]))
        return success({}) if found else refusal(400, "Invalid task id")

    def routes(self) -> list[Route]:
        """The routes; fixed paths before the one with any id."""
        return [
            Route(f"{FAMILY}/start", self.start, methods=["POST"]),
            Route(f"{FAMILY}/allRecords", self.all_records, methods=["GET"]),
            Route(f"{FAMILY}/batchDetail", self.batch_detail, methods=["POST"]),
            Route(f"{FAMILY}/avgProcessingTime", self.average_time, methods=["GET"]),
            Route(f"{FAMILY}/unlimitedQueueLevel", self.queue_level, methods=["GET"]),
            *(Route(f"{FAMILY}/{{task_id}}/{mark}", self.mark, methods=["POST"]) for mark in MARKS),
            Route(f"{FAMILY}/{{task_id}}", self.detail, methods=["GET"]),
            Route(f"{FAMILY}/{{task_id}}", self.delete, methods=["DELETE"]),
        ]


def _page_of(listed: list[SimulatedTask], number: int, size: int) -> list[SimulatedTask]:
    return listed[(number - 1) * size : number * size]


def _names(tasks: list[SimulatedTask], *ids: str) -> list[str]:
    return [*ids, *(task.id for task in tasks), *(task.request.name for task in tasks)]
