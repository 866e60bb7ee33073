"""`i2v coins --local` on the deployed stack: what agrees, and a charge that nobody here made."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from image_to_video.adapters.task_table import TaskTable
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Attempt, Task
from typer.testing import CliRunner

from i2v import deployed
from i2v.main import app
from tests.e2e.conftest import Running
from tests.support.patience import post
from tests.support.samples import a_task


@pytest.fixture
def local(running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Running:
    """The running stack, as `--local` finds it."""
    file = tmp_path / "stack.json"
    file.write_text(json.dumps(running.stack.as_dict()))
    monkeypatch.setattr(deployed, "STACK_FILE", file)
    return running


def plant(local: Running, task_id: str, at: datetime) -> None:
    booking = {"coins": -30, "task_id": task_id, "at": at.isoformat(), "reason": "planted"}
    answer = post(f"{local.stack.a2e_url}/_simulator/bookings", json=booking)
    assert answer.status_code == 201


def test_what_differs_is_shown_written_and_the_exit_code(local: Running, tmp_path: Path) -> None:
    """Two hours ago, since the last hour is not settled yet."""
    at = (datetime.now(UTC) - timedelta(hours=2)).replace(microsecond=0)
    # A2E's list must begin before that.
    plant(local, "e" * 24, at - timedelta(hours=90))
    attempt = Attempt(name="coins-1", lease_owner="l", sent_at=at, lease_until=at, in_flight=False)
    task: Task = a_task(
        task_id="coins",
        owner="coins-owner",
        status=TaskStatus.SUCCEEDED,
        attempts=(attempt,),
        generator_task_id="a" * 24,
        coins=30,
        created_at=at,
        updated_at=at,
        ended_at=at,
    )
    TaskTable(local.emulator.table(local.stack.tasks_table), retention_days=0).create(task)
    plant(local, "a" * 24, at + timedelta(seconds=1))
    run, file = CliRunner(), tmp_path / "coins.csv"
    command = ["coins", "--local", "--days", "2"]
    agreed = run.invoke(app, [*command, "--owner", "coins-owner", "--csv", str(file)])
    assert agreed.exit_code == 0, agreed.output
    assert "Differences: 0" in agreed.output
    (line,) = csv.DictReader(file.read_text().splitlines())
    assert (line["owner"], line["recorded"], line["charged"]) == ("coins-owner", "30", "30")
    plant(local, "d" * 24, at + timedelta(seconds=2))
    differs = run.invoke(app, [*command, "--json"])
    assert differs.exit_code == 1
    found = [one for one in json.loads(differs.output)["differences"] if not one["permitted"]]
    assert [(one["kind"], one["label"]) for one in found] == [("charged_by_nobody_here", "planted")]
    printed = run.invoke(app, [*command, "--csv", "-"])
    assert any(line.startswith("(nobody here),") for line in printed.output.splitlines())
