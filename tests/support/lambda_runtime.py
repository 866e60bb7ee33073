"""A function as Lambda runs it, without Docker: the SAM CLI's build under AWS's own emulator of the
runtime interface, which the SAM CLI carries."""

import importlib.metadata
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from signal import SIGKILL
from typing import Any

import httpx
import pytest

from tests.conftest import PROJECT
from tests.support.patience import PATIENCE, until


def sam() -> Path:
    """The SAM CLI: the one in `SAM`, else the one that the Makefile installs."""
    path = Path(os.environ.get("SAM") or PROJECT / ".venv-sam" / "bin" / "sam")
    if not path.is_file():
        pytest.fail(f"there is no SAM CLI at {path}: run `make test`, or name one in SAM")
    return path.resolve()


def run_sam(*arguments: str | Path, cwd: Path) -> str:
    """Run the SAM CLI with the real Python 3.13 first on the PATH, and return its output."""
    python = Path(sys.base_prefix) / "bin"
    inherited = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "SAM_"))}
    run = subprocess.run(
        [sam(), *arguments],
        cwd=cwd,
        env=inherited
        | {
            "PATH": f"{python}{os.pathsep}{os.environ['PATH']}",
            "SAM_CLI_TELEMETRY": "0",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert run.returncode == 0, run.stdout
    return run.stdout


def copied_runtime(folder: Path) -> Path:
    """Lambda's runtime client alone, so that everything else must come from the layer."""
    for name in ("awslambdaric", "simplejson", "snapshot-restore-py"):
        distribution = importlib.metadata.distribution(name)
        for file in distribution.files or []:
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(distribution.locate_file(file)), target)
    return folder


def copied_emulator(folder: Path) -> Path:
    """AWS's Runtime Interface Emulator, as the SAM CLI carries it."""
    found = subprocess.run(
        [sam().with_name("python"), "-c", "import samcli; print(samcli.__path__[0])"],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    ).stdout.strip()
    program = folder / "aws-lambda-rie"
    shutil.copyfile(Path(found) / "local" / "rapid" / "aws-lambda-rie-x86_64", program)
    program.chmod(0o755)
    return program


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


def wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until it listens."""

    def listens() -> bool:
        assert process.poll() is None, "the runtime interface emulator has ended"
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=PATIENCE):
            return True
        return False

    until(listens, pause=0.02)


@contextmanager
def running_function(
    program: Path, code: Path, environment: dict[str, str], log: Path
) -> Iterator[Callable[[dict[str, Any]], httpx.Response]]:
    """Run a built function as Lambda would; invoke it with what this gives."""
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                program,
                f"--runtime-interface-emulator-address=127.0.0.1:{port}",
                f"--runtime-api-address=127.0.0.1:{free_port()}",
                Path(sys.base_prefix) / "bin" / "python3.13",
                # No site-packages: the layer must be complete.
                "-S",
                "-m",
                "awslambdaric",
                "app.handler",
            ],
            cwd=code,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(process, port)
        address = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
            yield lambda event: client.post(address, json=event)
    finally:
        # Its own group: the emulator and the Python that it started.
        os.killpg(process.pid, SIGKILL)
        process.wait()
