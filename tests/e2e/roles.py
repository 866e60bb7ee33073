"""A stack whose roles are enforced, and single permissions taken away."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import uuid4

from image_to_video.adapters.task_table import TaskTable
from image_to_video.adapters.waiting_line import WaitingLine
from image_to_video.domain.task import Task, TaskStatus, WaitingFor
from image_to_video.domain.waiting_line import Entry
from samtranslator.yaml_helper import yaml_parse

from i2v.simulator.sample import SAMPLE_PATH
from tests.conftest import PROJECT
from tests.e2e.conftest import Running
from tests.support.patience import until

RESOURCES: dict[str, Any] = yaml_parse((PROJECT / "template.yaml").read_text())["Resources"]
# Workflows sleep, so that nothing happens but what a test does; limits are on, so that they are
# asked.
QUIET = {
    "FirstPollSeconds": "3600",
    "HintsUrl": "",
    "ReconcileRate": "rate(1 day)",
    "OverdueSeconds": "1",
    "MaxGenerating": "500",
    "DailyCoinLimit": "1000000",
    "OwnerDailyCoinLimit": "1000000",
}


class Stage(Running):
    """A stack on which single functions can be called, and single permissions taken away."""

    @cached_property
    def tasks(self) -> TaskTable:
        return TaskTable(self.emulator.table(self.stack.tasks_table), retention_days=0)

    def call(self, function: str, event: dict[str, Any]) -> Any:
        """What a function answers, or None where it fails."""
        reply = self.emulator.client("lambda").invoke(
            FunctionName=self.functions[function], Payload=json.dumps(event)
        )
        answer = json.loads(reply["Payload"].read())
        return None if "FunctionError" in reply else answer

    def cool_down(self, function: str) -> None:
        """Let a function forget what its warm containers remember: a new setting needs new ones."""
        self.change(function, COOLED=uuid4().hex)

    def record(self, **fields: Any) -> Task:
        """A task whose record is there and nothing else, with these fields."""
        now = datetime.now(UTC).replace(microsecond=0)
        task_id = uuid4().hex
        usual = {
            "task_id": task_id,
            "owner": self.stack.owner,
            "fingerprint": task_id,
            "name": "sample",
            "image_url": self.sample_url,
            "prompt": "She smiles.",
            "negative_prompt": "blurry",
            "video_time": 5,
            "model_version": "a2e",
            "created_at": now,
            "updated_at": now,
            "next_poll_at": now - timedelta(seconds=60),
            "execution": task_id,
        }
        return self.tasks.create(Task.model_validate(usual | fields))

    def queued(self, **fields: Any) -> Task:
        return self.record(waiting_for=WaitingFor.START, **fields)

    def storing(self, **fields: Any) -> Task:
        return self.record(status=TaskStatus.STORING, result_url=self.result_url, **fields)

    @cached_property
    def result_url(self) -> str:
        """Where a finished video lies at the simulator."""
        task = self.queued()

        def found() -> str | None:
            self.poll(task.task_id)
            return self.tasks.get(task.task_id).result_url

        return str(until(found))

    def poll(self, task_id: str) -> None:
        """Let a poll of a task be due, and poll."""
        self.due(task_id)
        self.call("PollTaskFunction", {"task_id": task_id})

    def due(self, task_id: str) -> None:
        """Let the next look at a task be due."""
        task = self.tasks.get(task_id)
        past = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=60)
        self.tasks.write(task.changed(past, next_poll_at=past))

    def status(self, task_id: str) -> TaskStatus:
        return self.tasks.get(task_id).status

    def upload(self, *, versioned: bool = True) -> dict[str, Any]:
        """Put an image into the bucket; answers the event that tells of it.

        On AWS such an event names the version, in the emulator it does not.
        """
        key = f"uploads/{self.stack.owner}/{uuid4().hex}.png"
        stored = self.emulator.client("s3").put_object(
            Bucket=self.stack.images_bucket, Key=key, Body=SAMPLE_PATH.read_bytes()
        )
        return self.created(key, stored["VersionId"] if versioned else None)

    def created(self, key: str, version: str | None) -> dict[str, Any]:
        described = {"key": key, "etag": "e" * 32, "sequencer": "00", "version-id": version}
        return {"detail": {"bucket": {"name": self.stack.images_bucket}, "object": described}}

    @cached_property
    def line(self) -> WaitingLine:
        return WaitingLine(self.emulator.table(self.limits_table))

    def in_line(self, *, task_id: str | None = None, **fields: Any) -> Task:
        """A task at the head of the line; with an id of your own its entry alone is there."""
        now, key = datetime.now(UTC).replace(microsecond=0), f"0-{uuid4().hex}"
        task = self.queued(line_entry=key, line_since=now, **fields)
        entry = Entry(
            key=key,
            task_id=task_id or task.task_id,
            owner=task.owner,
            coins=30,
            joined_at=now,
        )
        self.line.enter(entry)
        return task

    def holding(self, task: Task) -> Task:
        """The task, which holds the slot that its record names."""
        key = {"limit": "slots", "member": task.slot}
        held = {"holder": task.task_id, "task_version": 0, "held_until": "9"}
        self.emulator.table(self.limits_table).put_item(Item={**key, **held})
        return task

    @cached_property
    def limits_table(self) -> str:
        names = self.emulator.client("dynamodb").list_tables()["TableNames"]
        return next(str(name) for name in names if "LimitsTable" in name)

    @contextmanager
    def without(self, function: str, action: str, resource: str) -> Iterator[None]:
        """Take one action on one resource away from a function."""
        iam = self.emulator.client("iam")
        role = next(
            role["RoleName"]
            for role in iam.list_roles()["Roles"]
            if role["RoleName"].split("-")[-2] == f"{function}Role"
        )
        name = f"{function}RolePolicy0"
        whole = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        statements = [dict(statement) for statement in whole["Statement"]]
        (index,) = (
            number
            for number, statement in enumerate(template_statements(function))
            if action in statement["Action"] and label(statement["Resource"]) == resource
        )
        left = [other for other in statements[index]["Action"] if other != action]
        assert len(left) < len(statements[index]["Action"])
        statements[index : index + 1] = [statements[index] | {"Action": left}] if left else []
        # A role needs some statement; this one allows nothing.
        statements = statements or [{"Effect": "Deny", "Action": action, "Resource": "*"}]
        self._put(role, name, {"Version": "2012-10-17", "Statement": statements})
        try:
            yield
        finally:
            self._put(role, name, whole)

    def _put(self, role: str, name: str, document: dict[str, Any]) -> None:
        self.emulator.client("iam").put_role_policy(
            RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document)
        )


def label(resource: Any) -> str:
    """How a resource is called in the table below."""
    written = str(next(iter(resource.values()))) if isinstance(resource, dict) else str(resource)
    for name in ("by_owner", "by_status", "open_by_next_poll", "stateMachine", "execution"):
        if name in written:
            return name
    found = [name for name in RESOURCES if name in written]
    return max(found, key=len)


def template_statements(function: str) -> list[dict[str, Any]]:
    policies = RESOURCES[function]["Properties"]["Policies"]
    return [s for policy in policies if "Statement" in policy for s in policy["Statement"]]
