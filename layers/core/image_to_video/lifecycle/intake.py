"""Intake, the same for each entry point: record first, then the workflow, then the paid start."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from image_to_video.adapters.dynamodb_table import TABLE_ERRORS, is_temporary
from image_to_video.adapters.storage import Storage
from image_to_video.adapters.task_table import TaskTable
from image_to_video.adapters.workflow import Workflow
from image_to_video.contract.requests import TaskOptions, TaskRequest, UploadRequest
from image_to_video.contract.responses import UploadTicket
from image_to_video.domain.compatibility import TEST_MODE
from image_to_video.domain.errors import (
    IdempotencyKeyReusedError,
    InvalidTaskError,
    TaskNotFoundError,
    UnreadableImageError,
    WorkflowUnavailableError,
)
from image_to_video.domain.executions import execution_name
from image_to_video.domain.image_files import MAX_IMAGE_BYTES
from image_to_video.domain.owner_names import scope_of
from image_to_video.domain.prices import Prices
from image_to_video.domain.public_addresses import fault_of_address
from image_to_video.domain.schedule import Schedule
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Failure, Task, WaitingFor
from image_to_video.domain.test_mode import fault_of_prompt
from image_to_video.lifecycle.identities import ID_LENGTH, fingerprint_of, task_id_for
from image_to_video.lifecycle.reports import report_new
from image_to_video.lifecycle.start import Starter
from image_to_video.lifecycle.uploads import (
    Order,
    UploadedObject,
    read_order,
    reserved_key,
    unreadable_order,
    write_options,
)
from image_to_video.observability import count, logger

# How long a form for an upload can be sent.
_FORM_SECONDS: Final = 15 * 60
_MAX_KEY_BYTES: Final = 1024  # S3's limit


class Intake:
    """Turns requests and uploads into recorded, started tasks: live ones, or `test` tasks."""

    def __init__(
        self,
        *,
        table: TaskTable,
        workflow: Workflow,
        storage: Storage,
        starter: Starter,
        prices: Prices,
        schedule: Schedule,
        default_prompt: str,
        default_negative_prompt: str,
        permit_loopback: bool,
        now: Callable[[], datetime],
        test: bool = False,
    ) -> None:
        self._table = table
        self._workflow = workflow
        self._storage = storage
        self._starter = starter
        self._prices = prices
        self._schedule = schedule
        self._default_prompt = default_prompt
        self._default_negative_prompt = default_negative_prompt
        self._permit_loopback = permit_loopback
        self._now = now
        self._test = test

    def request(
        self, owner: str, request: TaskRequest, idempotency_key: str | None
    ) -> tuple[Task, bool]:
        """Record a task, give it a workflow, and start it: at most once for each key.

        Returns the task, and whether an earlier request with this key has recorded it. Raises
        `InvalidTaskError`, and `IdempotencyKeyReusedError` for a key that already belongs to
        another request.
        """
        self._check_address("image_url", request.image_url)
        self._check_options(request)
        scope = scope_of(owner, test=self._test)
        task_id = task_id_for(scope, idempotency_key) if idempotency_key else uuid4().hex
        options = TaskOptions.model_validate(request.model_dump(exclude={"image_url"}))
        file_name = unquote(urlsplit(request.image_url).path).rpartition("/")[2]
        new = self._new_task(
            owner,
            task_id,
            request.image_url,
            options,
            file_name=file_name,
            fingerprint=fingerprint_of(request),
        )
        stored = report_new(new, self._table.create(new))
        return self._admit(new, stored), stored != new

    def order(self, uploaded: UploadedObject) -> Order | None:
        """What an uploaded object orders, of whichever kind; None where that is nothing.

        A key without an owner and an empty object order nothing: they are logged and left alone.
        """
        if uploaded.owner is None:
            count("UploadsWithoutOwner")
            logger.warning("upload without an owner", extra={"key": uploaded.key})
            return None
        order = self._order_of(uploaded)
        if order is None:
            count("UploadsEmpty")
            logger.info("upload is empty", extra={"key": uploaded.key})
        return order

    def upload(self, uploaded: UploadedObject, order: Order) -> Task:
        """Record and start the task that an uploaded object orders; a bad one fails at once.

        The same order under the same key is the same task.
        """
        task = self._new_task(
            uploaded.owner or "",
            order.identity[:ID_LENGTH],
            self._storage.image_url(uploaded.key),
            order.options,
            file_name=uploaded.file_name,
            fingerprint=order.identity,
            image_version=order.version_id,
        )
        stored = self._known(order.earlier)
        if stored is None and order.failure is not None:
            stored = self._fail(task, order.failure)
        elif stored is None:
            # Of a rush of uploads each is recorded, though the table throttles them all at first.
            stored = self._admit(task, report_new(task, self._table.create(task, patiently=True)))
        if stored.image_version != task.image_version:
            count("UploadsRepeated")
            known = {"key": uploaded.key, "task_id": stored.task_id}
            logger.info("upload repeats an order", extra=known)
        return stored

    def reserve_upload(self, owner: str, request: UploadRequest) -> UploadTicket:
        """A form for one image, and the id of the task that sending it will start.

        Nothing is recorded: the form itself carries what `order` will read.
        Raises `InvalidTaskError` where the options do not fit into it.
        """
        self._check_options(request)
        key = reserved_key(owner, request.content_type, test=self._test)
        reserved = UploadedObject(self._storage.images_bucket, key, None, "", "")
        if reserved.owner != owner or len(key.encode()) > _MAX_KEY_BYTES:
            raise InvalidTaskError("your owner's name cannot be a part of a key")
        url, fields = self._storage.sign_upload(
            key,
            content_type=request.content_type,
            metadata=write_options(request, test=self._test),
            max_bytes=MAX_IMAGE_BYTES,
            seconds=_FORM_SECONDS,
        )
        return UploadTicket(
            task_id=reserved.identity(test=self._test)[:ID_LENGTH],
            url=url,
            fields=fields,
            expires_at=self._now() + timedelta(seconds=_FORM_SECONDS),
        )

    def _order_of(self, uploaded: UploadedObject) -> Order | None:
        """What an upload orders; None for an empty one."""
        try:
            image = self._storage.image(uploaded.key, uploaded.version_id)
        except UnreadableImageError as error:
            return unreadable_order(uploaded, str(error))
        if image is None:
            return unreadable_order(uploaded, "The uploaded object was removed before it was read.")
        if not image.size:
            return None
        order = read_order(uploaded, image)
        fault = self._fault_of_address(order.options.end_image_url)
        if fault is not None:
            order = order.with_fault("end-image-url", fault)
        fault = fault_of_prompt(order.options.prompt) if order.test else None
        return order if fault is None else order.with_fault("prompt", fault)

    def _known(self, identity: str | None) -> Task | None:
        """The task of an order that was made before, if it was."""
        with suppress(TaskNotFoundError):
            return self._table.get(identity[:ID_LENGTH]) if identity else None
        return None

    def _fail(self, task: Task, failure: Failure) -> Task:
        """Record a task that has failed before it began."""
        failed = task.model_copy(
            update={
                "status": TaskStatus.FAILED,
                "waiting_for": None,
                "failure": failure,
                "next_poll_at": None,
                "ended_at": task.created_at,
            }
        )
        return report_new(failed, self._table.create(failed, patiently=True))

    def _admit(self, task: Task, stored: Task) -> Task:
        """After the record the workflow, then the paid start; repeated, what is still open."""
        if stored.fingerprint != task.fingerprint:
            used = "this Idempotency-Key was already used for another request"
            raise IdempotencyKeyReusedError(f"{used}; send a new key, or the same request")
        untouched = stored.waiting_for is WaitingFor.START and not stored.attempts
        if stored.status is not TaskStatus.QUEUED or not untouched:
            return stored
        try:
            self._workflow.start(stored.task_id, stored.execution)
        except WorkflowUnavailableError as error:
            # It is recorded; the schedule gives it a workflow.
            count("WorkflowsPostponed")
            logger.error("task recorded without a workflow", extra={"reason": str(error)})
            return stored
        try:
            return self._starter.begin(stored)
        except TABLE_ERRORS as error:
            if not is_temporary(error):
                raise
            count("StartsInterrupted")
            logger.warning("start left to the workflow", extra={"reason": str(error)})
            return stored

    def _new_task(
        self,
        owner: str,
        task_id: str,
        image_url: str,
        options: TaskOptions,
        *,
        file_name: str,
        fingerprint: str,
        image_version: str | None = None,
    ) -> Task:
        now = self._now()
        prompt = _not_blank(options.prompt) or self._default_prompt
        negative_prompt = _not_blank(options.negative_prompt) or self._default_negative_prompt
        return Task(
            task_id=task_id,
            owner=owner,
            test=self._test,
            fingerprint=fingerprint,
            waiting_for=WaitingFor.START,
            name=options.name or _printable(file_name[:120]) or "image",
            image_url=image_url,
            image_version=image_version,
            prompt="" if options.lora else prompt,
            negative_prompt="" if options.lora else negative_prompt,
            video_time=options.video_time,
            model_version=options.model_version,
            extend_prompt=options.extend_prompt,
            end_image_url=options.end_image_url,
            skip_face_enhance=options.skip_face_enhance,
            lora=options.lora,
            metadata=options.metadata,
            needs=(TEST_MODE,) if self._test else (),
            created_at=now,
            updated_at=now,
            next_poll_at=now + timedelta(seconds=self._schedule.first_poll_seconds),
            execution=execution_name(task_id, now),
        )

    def _check_address(self, field: str, address: str | None) -> None:
        fault = self._fault_of_address(address)
        if fault is not None:
            raise InvalidTaskError(fault, pointer=f"/{field}")

    def _check_options(self, options: TaskOptions) -> None:
        self._check_address("end_image_url", options.end_image_url)
        fault = fault_of_prompt(options.prompt) if self._test else None
        if fault is not None:
            raise InvalidTaskError(fault, pointer="/prompt")
        fault = self._prices.fault(options.model_version, options.video_time)
        if fault is not None:
            raise InvalidTaskError(fault, pointer="/video_time")

    def _fault_of_address(self, address: str | None) -> str | None:
        if address is None:
            return None
        return fault_of_address(address, permit_loopback=self._permit_loopback)


def _not_blank(prompt: str | None) -> str | None:
    return prompt if prompt and prompt.strip() else None  # A2E refuses blanks like an empty one


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "_" for letter in name)
