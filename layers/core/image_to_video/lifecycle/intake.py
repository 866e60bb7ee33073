"""Intake, the same for each entry point: record first, then the workflow, then the paid start."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from image_to_video.adapters.storage import Storage
from image_to_video.adapters.task_table import TaskTable
from image_to_video.adapters.workflow import Workflow
from image_to_video.contract.requests import TaskOptions, TaskRequest, UploadRequest
from image_to_video.contract.responses import UploadTicket
from image_to_video.domain.errors import (
    IdempotencyKeyReusedError,
    InvalidTaskError,
    UnreadableImageError,
    WorkflowUnavailableError,
)
from image_to_video.domain.public_addresses import fault_of_address
from image_to_video.domain.schedule import Schedule
from image_to_video.domain.task import Failure, FailureCode, Task, TaskStatus, WaitingFor
from image_to_video.lifecycle.start import Starter
from image_to_video.lifecycle.uploads import (
    MAX_BYTES,
    UploadedObject,
    read_options,
    reserved_key,
    write_options,
)
from image_to_video.observability import count, logger

# Hexadecimal digits of a task's id. Execution and attempt names are made from it, and A2E's limit
# for names is not known.
_ID_LENGTH: Final = 32
# How long a form for an upload can be sent.
_FORM_SECONDS: Final = 15 * 60
# S3's limit.
_MAX_KEY_BYTES: Final = 1024


class Intake:
    """Turns requests and uploads into recorded, started tasks."""

    def __init__(
        self,
        *,
        table: TaskTable,
        workflow: Workflow,
        storage: Storage,
        starter: Starter,
        schedule: Schedule,
        default_prompt: str,
        default_negative_prompt: str,
        permit_loopback: bool,
        now: Callable[[], datetime],
    ) -> None:
        self._table = table
        self._workflow = workflow
        self._storage = storage
        self._starter = starter
        self._schedule = schedule
        self._default_prompt = default_prompt
        self._default_negative_prompt = default_negative_prompt
        self._permit_loopback = permit_loopback
        self._now = now

    def request(self, owner: str, request: TaskRequest, idempotency_key: str | None) -> Task:
        """Record a task, give it a workflow, and start it: at most once for each key.

        Raises `InvalidTaskError`, and `IdempotencyKeyReusedError` for a key that already belongs
        to another request.
        """
        self._check_address("image_url", request.image_url)
        self._check_address("end_image_url", request.end_image_url)
        task_id = task_id_for(owner, idempotency_key) if idempotency_key else uuid4().hex
        options = TaskOptions.model_validate(request.model_dump(exclude={"image_url"}))
        file_name = unquote(urlsplit(request.image_url).path).rpartition("/")[2]
        return self._admit(
            self._new_task(
                owner,
                task_id,
                request.image_url,
                options,
                file_name=file_name,
                fingerprint=_fingerprint(request),
            )
        )

    def upload(self, uploaded: UploadedObject) -> Task | None:
        """Record and start the task that an uploaded object stands for; a bad one fails at once.

        A key without an owner starts nothing: it is logged and left alone.
        """
        owner = uploaded.owner
        if owner is None:
            count("UploadsWithoutOwner")
            logger.warning("upload without an owner", extra={"key": uploaded.key})
            return None
        options = self._options_of(uploaded)
        task = self._new_task(
            owner,
            uploaded.identity[:_ID_LENGTH],
            self._storage.image_url(uploaded.key),
            options if isinstance(options, TaskOptions) else TaskOptions(),
            file_name=uploaded.file_name,
            fingerprint=uploaded.identity,
            image_version=uploaded.version_id,
        )
        if isinstance(options, Failure):
            return self._table.create(
                task.model_copy(
                    update={
                        "status": TaskStatus.FAILED,
                        "waiting_for": None,
                        "failure": options,
                        "next_poll_at": None,
                        "ended_at": task.created_at,
                    }
                )
            )
        return self._admit(task)

    def reserve_upload(self, owner: str, request: UploadRequest) -> UploadTicket:
        """A form for one image, and the id of the task that sending it will start.

        Nothing is recorded: the form itself carries what `upload` will read.
        Raises `InvalidTaskError` where the options do not fit into it.
        """
        self._check_address("end_image_url", request.end_image_url)
        key = reserved_key(owner, request.content_type)
        reserved = UploadedObject(self._storage.images_bucket, key, None, "", "")
        if reserved.owner != owner or len(key.encode()) > _MAX_KEY_BYTES:
            raise InvalidTaskError("your owner's name cannot be a part of a key")
        url, fields = self._storage.sign_upload(
            key,
            content_type=request.content_type,
            metadata=write_options(request),
            max_bytes=MAX_BYTES,
            seconds=_FORM_SECONDS,
        )
        return UploadTicket(
            task_id=reserved.identity[:_ID_LENGTH],
            url=url,
            fields=fields,
            expires_at=self._now() + timedelta(seconds=_FORM_SECONDS),
        )

    def _options_of(self, uploaded: UploadedObject) -> TaskOptions | Failure:
        try:
            image = self._storage.image(uploaded.key, uploaded.version_id)
        except UnreadableImageError as error:
            return Failure(code=FailureCode.INVALID_IMAGE, message=str(error))
        options = read_options(uploaded, image)
        if isinstance(options, TaskOptions):
            fault = self._fault_of_address(options.end_image_url)
            if fault is not None:
                return Failure(
                    code=FailureCode.INVALID_REQUEST,
                    message=f"The object's metadata is wrong: end-image-url: {fault}",
                )
        return options

    def _admit(self, task: Task) -> Task:
        """Record, then workflow, then paid start; a repeated call repeats what is still open."""
        stored = self._table.create(task)
        if stored.fingerprint != task.fingerprint:
            raise IdempotencyKeyReusedError(
                "this Idempotency-Key was already used for another request; "
                "send a new key, or the same request"
            )
        untouched = stored.waiting_for is WaitingFor.START and not stored.attempts
        if stored.status is not TaskStatus.QUEUED or not untouched:
            return stored
        try:
            self._workflow.start(stored.task_id, stored.execution)
        except WorkflowUnavailableError as error:
            # It is recorded, as the caller was promised; the schedule gives it a workflow.
            count("WorkflowsPostponed")
            logger.error("task recorded without a workflow", extra={"reason": str(error)})
            return stored
        return self._starter.begin(stored)

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
        prompts = (
            ("", "")
            if options.lora
            else (
                _not_blank(options.prompt) or self._default_prompt,
                _not_blank(options.negative_prompt) or self._default_negative_prompt,
            )
        )
        return Task(
            task_id=task_id,
            owner=owner,
            fingerprint=fingerprint,
            waiting_for=WaitingFor.START,
            name=options.name or _printable(file_name[:120]) or "image",
            image_url=image_url,
            image_version=image_version,
            prompt=prompts[0],
            negative_prompt=prompts[1],
            video_time=options.video_time,
            model_version=options.model_version,
            extend_prompt=options.extend_prompt,
            end_image_url=options.end_image_url,
            skip_face_enhance=options.skip_face_enhance,
            lora=options.lora,
            metadata=options.metadata,
            created_at=now,
            updated_at=now,
            next_poll_at=now + timedelta(seconds=self._schedule.first_poll_seconds),
            execution=task_id,
        )

    def _check_address(self, field: str, address: str | None) -> None:
        fault = self._fault_of_address(address)
        if fault is not None:
            raise InvalidTaskError(fault, pointer=f"/{field}")

    def _fault_of_address(self, address: str | None) -> str | None:
        if address is None:
            return None
        return fault_of_address(address, permit_loopback=self._permit_loopback)


def _not_blank(prompt: str | None) -> str | None:
    """The prompt, or None where it is blank: A2E refuses blanks like an empty one."""
    return prompt if prompt and prompt.strip() else None


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "_" for letter in name)


def task_id_for(owner: str, idempotency_key: str) -> str:
    """The id of the one task that an owner's idempotency key stands for."""
    return _digest(owner, idempotency_key)[:_ID_LENGTH]


def _fingerprint(request: TaskRequest) -> str:
    """What makes two requests of one key the same; defaults count as not given.

    So a release with another optional field still knows the requests of the one before.
    """
    given = request.model_dump(mode="json", exclude_defaults=True)
    return _digest(json.dumps(given, sort_keys=True))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
