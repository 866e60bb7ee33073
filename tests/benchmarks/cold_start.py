"""How long a first request after a quiet night takes, against the first release, in one run.

Both trees are built by `sam build` and run by AWS's emulator of the Lambda runtime, turn by turn,
each against a stack of its own on this machine. Measured is the whole first invocation: start of
Python, imports, clients, answer. Only the ratio means anything: Lambda has other processors.
"""

import compileall
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import boto3

from tests.conftest import PROJECT
from tests.handlers.conftest import sample
from tests.support.lambda_runtime import copied_emulator, copied_runtime, run_sam, running_function
from tests.support.patience import PATIENCE, get, until

REFERENCE: Final = "c7d0ccf"
"""The commit whose build counts as 1."""
ROUNDS: Final = 8
"""First invocations of each kind; the first round is not counted."""
GENERATION_SECONDS: Final = 1
FIRST_POLL_SECONDS: Final = 5

type Event = dict[str, Any]


@dataclass(frozen=True)
class Tree:
    """A built tree and the stack on this machine that it was deployed to."""

    build: Path
    runtime: Path
    emulator_program: Path
    stack: dict[str, str]
    logs: Path

    def first_invocation(self, function: str, event: Event) -> tuple[float, Any]:
        """Seconds that a new container takes for its first event, and the answer."""
        name = self._names[function]
        configuration = self._client("lambda").get_function_configuration(FunctionName=name)
        environment = configuration["Environment"]["Variables"] | {
            "PYTHONPATH": f"{self.build / 'CoreLayer' / 'python'}{os.pathsep}{self.runtime}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LAMBDA_TASK_ROOT": str(self.build / function),
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_ENDPOINT_URL": self.stack["aws_endpoint_url"],
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        log = self.logs / function
        code = self.build / function
        with running_function(self.emulator_program, code, environment, log) as invoke:
            began = time.perf_counter()
            answer = invoke(event)
            seconds = time.perf_counter() - began
        result = answer.json()
        if answer.status_code != 200 or "errorMessage" in result:
            raise RuntimeError(f"{function} failed: {log.read_text(errors='replace')}")
        return seconds, result

    def stop_workflow(self, task_id: str) -> None:
        """End the executions of a task, which are named after it."""
        client, machine = self._client("stepfunctions"), self.stack["state_machine_arn"]
        running = client.list_executions(stateMachineArn=machine, statusFilter="RUNNING")
        for execution in running["executions"]:
            if execution["name"].startswith(task_id):
                client.stop_execution(executionArn=execution["executionArn"])

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.stack["aws_endpoint_url"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    @property
    def _names(self) -> dict[str, str]:
        """The deployed names by logical ids."""
        names = [
            found["FunctionName"] for found in self._client("lambda").list_functions()["Functions"]
        ]
        ids = [folder.name for folder in self.build.iterdir() if folder.name.endswith("Function")]
        return {one: next(name for name in names if one in name) for one in ids}


def figures() -> dict[str, float]:
    """`cold_get` and so on: median of this tree's first invocations by the reference's."""
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        reference = folder / "reference"
        archive = subprocess.run(
            ["git", "-C", PROJECT, "archive", REFERENCE],
            check=True,
            capture_output=True,
        ).stdout
        reference.mkdir()
        subprocess.run(["tar", "-x", "-C", reference], input=archive, check=True)
        trees = {
            "now": cleanup.enter_context(_deployed(PROJECT, folder / "now")),
            "reference": cleanup.enter_context(_deployed(reference, folder / "then")),
        }
        return _compared(trees)


def _compared(trees: dict[str, Tree]) -> dict[str, float]:
    seconds: dict[str, dict[str, list[float]]] = {}
    for _ in range(ROUNDS):
        for name, tree in trees.items():
            for kind, taken in _one_round(tree):
                seconds.setdefault(kind, {}).setdefault(name, []).append(taken)
    return {
        kind: median(taken["now"][1:]) / median(taken["reference"][1:])
        for kind, taken in seconds.items()
    }


def _one_round(tree: Tree) -> Iterator[tuple[str, float]]:
    """One task from its request to its stored video, each step in a container of its own."""
    authorized = {"requestContext": sample("api/create_task")["requestContext"]}
    authorized["requestContext"]["authorizer"]["owner"] = tree.stack["owner"]
    body = {"image_url": f"{tree.stack['a2e_url']}/_simulator/sample.png"}
    token = {"authorizationToken": f"Bearer {tree.stack['token']}"}

    taken, _ = tree.first_invocation("AuthorizeFunction", sample("authorize/bearer_token") | token)
    yield "cold_authorize", taken
    creation = sample("api/create_task_smallest") | authorized | {"body": json.dumps(body)}
    taken, answer = tree.first_invocation("ApiFunction", creation)
    assert answer["statusCode"] == 202, answer
    yield "cold_post", taken
    task_id = json.loads(answer["body"])["task_id"]
    # Or it would poll and store the task itself.
    tree.stop_workflow(task_id)
    due = time.monotonic() + FIRST_POLL_SECONDS
    showing = sample("api/get_task") | {"pathParameters": {"task_id": task_id}}
    showing |= {"path": f"/tasks/{task_id}"}
    showing["requestContext"]["authorizer"]["owner"] = tree.stack["owner"]
    showing["requestContext"]["path"] = f"/v1/tasks/{task_id}"
    taken, answer = tree.first_invocation("ApiFunction", showing)
    assert answer["statusCode"] == 200, answer
    yield "cold_get", taken
    _wait_for_video(tree, task_id)
    time.sleep(max(0, due - time.monotonic()))
    taken, answer = tree.first_invocation("PollTaskFunction", {"task_id": task_id})
    yield "cold_poll", taken
    taken, answer = tree.first_invocation("StoreVideoFunction", {"task_id": task_id})
    yield "cold_store", taken
    _, answer = tree.first_invocation("ApiFunction", showing)
    assert json.loads(answer["body"])["status"] == "succeeded", answer


def _wait_for_video(tree: Tree, task_id: str) -> None:
    address = f"{tree.stack['a2e_url']}/api/v1/userImage2Video/allRecords"

    def completed() -> bool:
        rows = get(address, headers={"Authorization": "Bearer sk_simulator"}).json()["data"]["rows"]
        return any(
            row["name"].startswith(task_id) and row["current_status"] == "completed" for row in rows
        )

    until(completed, pause=0.1)


@contextmanager
def _deployed(source: Path, folder: Path) -> Iterator[Tree]:
    """Build a tree and deploy it, with its own tools, to a stack that does not poll by itself."""
    folder.mkdir()
    build = folder / "build"
    run_sam(
        "build", "--no-cached", "-t", source / "template.yaml", "--build-dir", build, cwd=folder
    )
    runtime = copied_runtime(folder / "runtime")
    # As Lambda's own is.
    compileall.compile_dir(runtime, quiet=1)
    template = (source / "template.yaml").read_text()
    first = "FirstPollSeconds" if "FirstPollSeconds" in template else "FirstLookSeconds"
    # A stack that expects hints does not poll when it is asked to here.
    without_hints = ["--parameter=HintsUrl="] if "HintsUrl" in template else []
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "i2v", "up"),
            f"--generation-seconds={GENERATION_SECONDS}",
            f"--parameter={first}={FIRST_POLL_SECONDS}",
            "--parameter=OverdueSeconds=3600",
            *without_hints,
        ],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{source}{os.pathsep}{source / 'layers' / 'core'}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        described = source / ".local" / "stack.json"

        def deployed() -> bool:
            assert process.poll() is None, process.stderr and process.stderr.read().decode()
            return described.is_file()

        until(deployed, pause=0.2)
        stack = json.loads(described.read_text())
        (folder / "logs").mkdir()
        yield Tree(build, runtime, copied_emulator(folder), stack, folder / "logs")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)


if __name__ == "__main__":
    for name, ratio in figures().items():
        print(f"{name:<16}{ratio:6.2f}")
