"""The examples of the pages for callers and subscribers, executed as they stand there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from image_to_video.adapters.token_table import TokenTable
from PIL import Image

from i2v.simulator.sample import SAMPLE_PATH
from tests.e2e.conftest import Running
from tests.support.pages import DOCS, README, examples
from tests.support.patience import PATIENCE, get, until

# Deployed by test_subscriber.py.
ELSEWHERE = ("sam deploy",)
OWNER = "anna"


# The pages, in the order in which a reader meets them.
PAGES = ("api.md", "events.md")


def commands() -> Iterator[str]:
    """The commands of the pages, in their order."""
    for name in PAGES:
        for command in examples(DOCS / name):
            if not command.startswith(ELSEWHERE):
                yield command


@dataclass
class Reader:
    """Somebody who types what stands in the documentation."""

    folder: Path
    environment: dict[str, str]
    left: list[str]

    def types(self, beginning: str, **environment: str) -> str:
        """Run the next example, which begins like this, and give its output."""
        command = self.left.pop(0)
        assert command.startswith(beginning), f"another example comes first: {command}"
        return self.run(command, **environment)

    def run(self, command: str, **environment: str) -> str:
        """Run a command and give its output."""
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        return run.stdout


@pytest.fixture
def reader(running: Running, tmp_path: Path) -> Reader:
    tokens = TokenTable(running.emulator.table(running.stack.tokens_table))
    with Image.open(SAMPLE_PATH) as picture:
        picture.convert("RGB").save(tmp_path / "portrait.jpg")
    # The one thing that is not as it stands there: no test asks example.com for a picture.
    left = [
        command.replace("https://example.com/portrait.jpg", running.sample_url)
        for command in commands()
    ]
    return Reader(
        tmp_path,
        {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "API": running.stack.api_url,
            "A2E_URL": running.stack.a2e_url,
            "TOKEN": tokens.create(owner=OWNER, name="reader", now=datetime.now(UTC)),
            "IMAGES_BUCKET": running.stack.images_bucket,
            "TOPIC_ARN": running.stack.topic_arn,
            "AWS_ENDPOINT_URL": running.stack.aws_endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
        left,
    )


def test_every_example_does_what_is_said(running: Running, reader: Reader) -> None:
    token = reader.environment["TOKEN"]

    created = json.loads(reader.types('curl -s "$API/tasks"'))
    assert (created["object"], created["prompt"]) == ("task", "She smiles.")
    task_id = created["task_id"]
    assert running.end_of(task_id, token=token)["status"] == "succeeded"

    shown = reader.types('curl -s "$API/tasks/$TASK_ID"', TASK_ID=task_id)
    task, listed = map(json.loads, shown.replace("}{", "}\n{").splitlines())
    assert task["task_id"] == task_id
    assert [shown["task_id"] for shown in listed["data"]] == [task_id]

    counts = json.loads(reader.types('curl -s "$API/tasks/counts"'))["by_status"]
    assert counts["succeeded"] == {"count": 1, "more": False}

    poll = reader.left[0]
    assert reader.types('curl -s "$API/tasks/$TASK_ID"', TASK_ID=task_id) == "200\n"
    assert reader.run(poll, TASK_ID=task_id) == "304\n"
    assert json.loads((reader.folder / "task.json").read_text())["task_id"] == task_id

    reader.types("curl -fsSL -OJ", TASK_ID=task_id)
    [video] = reader.folder.glob("*.mp4")
    assert video.stat().st_size == task["video"]["bytes"]

    link = json.loads(reader.types('curl -s "$API/tasks/$TASK_ID/video"', TASK_ID=task_id))
    assert len(get(link["url"]).content) == task["video"]["bytes"]

    answer = json.loads(reader.types("curl -s -X POST", TASK_ID=task_id))
    assert answer["cancellation"] == "already_final"

    reader.types('curl -s "$API/uploads"')
    upload_task_id = json.loads((reader.folder / "form.json").read_text())["task_id"]
    assert running.end_of(upload_task_id, token=token)["status"] == "succeeded"

    reader.types("aws s3 cp")
    uploaded = the_task_of(running, token, "s3://")
    assert (uploaded["prompt"], uploaded["video_time"]) == ("She smiles.", 10)
    assert running.end_of(uploaded["task_id"], token=token)["status"] == "succeeded"

    assert json.loads(reader.types('curl -s "$API/openapi.json"'))["openapi"].startswith("3.1")

    assert "SubscriptionArn" in reader.types("aws sns subscribe")
    assert not reader.left


def test_the_first_request_of_the_readme_is_a_task(running: Running, reader: Reader) -> None:
    (reader.folder / ".local").mkdir()
    (reader.folder / ".local" / "stack.json").write_text(json.dumps(running.stack.as_dict()))

    [command] = examples(README, "## A first request")
    answers = reader.run(command, API="", TOKEN="").replace("}{", "}\n{").splitlines()

    created, listed = map(json.loads, answers)
    assert created["task_id"] in [task["task_id"] for task in listed["data"]]
    assert running.end_of(created["task_id"])["status"] == "succeeded"


def test_the_simulated_a2e_is_told_to_fail(running: Running, reader: Reader) -> None:
    page = DOCS / "testing.md"

    [command] = examples(page, "## Faults of the simulated A2E")
    faults, charges, none = reader.run(command).replace("][", "]\n[").splitlines()

    assert json.loads(faults)[0]["kind"] == "http_500_after"
    assert json.loads(charges) == running.ledger()
    assert json.loads(none) == []


def the_task_of(running: Running, token: str, scheme: str) -> dict[str, Any]:
    """The task that came of the plain upload, once it is there."""
    with running.api(token) as api:

        def found() -> list[dict[str, Any]]:
            listed = api.get("/tasks").json()["data"]
            return [
                task
                for task in listed
                if task["image_url"].startswith(scheme)
                and task["image_url"].endswith(f"/{OWNER}/portrait.jpg")
            ]

        return until(found)[0]
