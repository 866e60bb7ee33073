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
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task, WaitingFor
from image_to_video.domain.waiting_line import Entry
from image_to_video.lifecycle.hints import HintTokens
from samtranslator.yaml_helper import yaml_parse

from i2v.simulator.sample import SAMPLE_PATH
from tests.conftest import PROJECT
from tests.e2e.conftest import Running
from tests.support.patience import post, until
from tests.support.permissions import statements

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
            FunctionName=self.functions[function], Qualifier="live", Payload=json.dumps(event)
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

    @contextmanager
    def hinting(self, function: str) -> Iterator[None]:
        """Let a function ask for hints meanwhile, at an address that nobody answers."""
        before = self.change(function, HINTS_URL="http://127.0.0.1:9", COOLED=uuid4().hex)
        try:
            yield
        finally:
            self.change(function, **before)

    def hint(self, task: Task) -> None:
        """Send the generator's hint of the task's first attempt."""
        secrets = self.emulator.client("secretsmanager")
        [name] = (s["Name"] for s in secrets.list_secrets()["SecretList"] if "Cursor" in s["Name"])
        key = str(secrets.get_secret_value(SecretId=name)["SecretString"])
        asked = HintTokens(address="", key=lambda: key).request(f"{task.task_id}-1")
        assert asked is not None
        headers = {"X-A2e-Webhook-Token": asked.token}
        post(f"{self.stack.api_url}/hints/{task.task_id}", headers=headers)

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
        name = "permissions"
        whole = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        kept = [dict(statement) for statement in whole["Statement"]]
        (index,) = (
            number
            for number, statement in enumerate(template_statements(function))
            if action in statement["Action"] and label(statement["Resource"]) == resource
        )
        left = [other for other in kept[index]["Action"] if other != action]
        assert len(left) < len(kept[index]["Action"])
        kept[index : index + 1] = [kept[index] | {"Action": left}] if left else []
        if not kept or action == "sns:Publish":
            # A role needs some statement; and without the policy that the emulator is spared, a
            # topic permits its whole account to publish.
            kept.append({"Effect": "Deny", "Action": action, "Resource": "*"})
        self._put(role, name, {"Version": "2012-10-17", "Statement": kept})
        try:
            yield
        finally:
            self._put(role, name, whole)

    def _put(self, role: str, name: str, document: dict[str, Any]) -> None:
        self.emulator.client("iam").put_role_policy(
            RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document)
        )


def has_new_execution(stage: Stage, task: Task) -> bool:
    """True where a task has another execution than before, and it runs."""
    execution = stage.tasks.get(task.task_id).execution
    if execution == task.execution:
        return False
    arn = stage.stack.state_machine_arn.replace(":stateMachine:", ":execution:")
    sfn = stage.emulator.client("stepfunctions")
    try:
        sfn.describe_execution(executionArn=f"{arn}:{execution}")
    except sfn.exceptions.ExecutionDoesNotExist:
        return False
    return True


# `test_test_mode` shows under enforced roles that these permissions suffice.
TEST_CLIPS = "test clips"


def label(resource: Any) -> str:
    """How a resource is called in the table below."""
    written = str(next(iter(resource.values()))) if isinstance(resource, dict) else str(resource)
    if "/_test/" in written:
        return TEST_CLIPS
    for name in ("by_owner", "by_status", "open_by_next_poll", "stateMachine", "execution"):
        if name in written:
            return name
    found = [name for name in RESOURCES if name in written]
    return max(found, key=len, default=written)


def template_statements(function: str) -> list[dict[str, Any]]:
    """What a function, or the workflow, may do by the template; see `permissions.statements`."""
    return statements(RESOURCES[f"{function}Role"])
