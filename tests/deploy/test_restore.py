"""`i2v restore`: what is lost comes back as a task that looks up its starts, and nothing else."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from image_to_video.adapters.task_table import TaskTable
from image_to_video.domain.statuses import TaskStatus

from i2v.deployed import Deployed
from i2v.main import run_command
from tests.conftest import REGION, Application
from tests.support.samples import a_task

Restore = Callable[..., tuple[int, str]]


@pytest.fixture
def live(application: Application) -> TaskTable:
    return TaskTable(application.table("TASKS_TABLE"), retention_days=90)


@pytest.fixture
def backup(application: Application) -> Iterator[Any]:
    """What DynamoDB restores: a table with the same key and without our names."""
    table = boto3.resource("dynamodb", region_name=REGION).create_table(
        TableName="restored",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "task_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "task_id", "KeyType": "HASH"}],
    )
    yield table
    table.delete()


@pytest.fixture
def restore(
    application: Application,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Restore:
    monkeypatch.setattr(Deployed, "output", lambda *_: application.environment["TASKS_TABLE"])
    monkeypatch.setattr(Deployed, "parameter", lambda *_: "90")

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["i2v", "restore", "--from-table", "restored", *arguments])
        with pytest.raises(SystemExit) as ended:
            run_command()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out + told.err

    return run


def test_what_is_lost_comes_back_and_what_is_there_stays(
    live: TaskTable, backup: Any, restore: Restore
) -> None:
    lost, there = a_task(task_id="lost"), a_task(task_id="there", status=TaskStatus.GENERATING)
    TaskTable(backup, retention_days=90).create(lost)
    TaskTable(backup, retention_days=90).create(a_task(task_id="there"))
    live.create(there)
    assert restore("--dry-run") == (0, "1 there already\n1 would be restored\n")
    assert restore() == (0, "1 restored\n1 there already\n")
    again = live.get("lost")
    assert all(attempt.restored for attempt in again.attempts)
    assert again.unresolved_attempt is not None
    assert again.next_poll_at is not None
    assert again.next_poll_at <= datetime.now(UTC)
    assert live.get("there") == there
    # A second run finds nothing left to do.
    assert restore() == (0, "2 there already\n")


def test_a_task_that_is_named_replaces_what_is_there(
    live: TaskTable, backup: Any, restore: Restore
) -> None:
    TaskTable(backup, retention_days=90).create(a_task(task_id="one", prompt="as it was"))
    live.create(a_task(task_id="one", prompt="damaged", version=9))
    assert restore("--task", "one") == (0, "one restored\n1 restored\n")
    again = live.get("one")
    assert (again.prompt, again.version > 9) == ("as it was", True)


def test_a_task_that_the_copy_lacks_and_a_record_that_cannot_be_read_are_named(
    live: TaskTable, backup: Any, restore: Restore
) -> None:
    backup.put_item(Item={"task_id": "broken", "status": 7})
    assert restore() == (1, "broken unreadable\n1 unreadable\n")
    code, told = restore("--task", "absent")
    assert code == 1
    assert "Not every task is in restored." in told
