"""What `sam build` makes runs under Lambda's own runtime."""

import importlib.metadata
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from signal import SIGKILL
from typing import Any

import httpx
import pytest

from tests.conftest import PROJECT
from tests.handlers.conftest import sample
from tests.support.patience import PATIENCE, until

# Of Lambda: function and layers together, unzipped.
MOST_BYTES = 250 * 1024 * 1024


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


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build."""
    root = tmp_path_factory.mktemp("sam")
    template = PROJECT / "template.yaml"
    run_sam("build", "--no-cached", "-t", template, "--build-dir", root / "build", cwd=root)
    return root / "build"


@pytest.fixture(scope="session")
def layer(built: Path) -> Path:
    return built / "CoreLayer" / "python"


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lambda's runtime client alone, so that everything else must come from the layer."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in ("awslambdaric", "simplejson", "snapshot-restore-py"):
        distribution = importlib.metadata.distribution(name)
        for file in distribution.files or []:
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(distribution.locate_file(file)), target)
    return folder


@pytest.fixture(scope="session")
def emulator_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AWS's Runtime Interface Emulator, as the SAM CLI carries it."""
    found = subprocess.run(
        [sam().with_name("python"), "-c", "import samcli; print(samcli.__path__[0])"],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    ).stdout.strip()
    program = tmp_path_factory.mktemp("emulator") / "aws-lambda-rie"
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


def test_the_template_is_valid_to_the_sam_cli(tmp_path: Path) -> None:
    output = run_sam("validate", "--lint", "-t", PROJECT / "template.yaml", cwd=tmp_path)
    assert "is a valid SAM Template" in output


def test_every_function_is_built_as_its_one_file(built: Path) -> None:
    for folder in PROJECT.glob("functions/*/app.py"):
        name = folder.parent.name.title().replace("_", "") + "Function"
        made = sorted(path.name for path in (built / name).iterdir())
        assert made == ["app.py"]


def test_the_layer_holds_the_whole_package(layer: Path) -> None:
    source = PROJECT / "layers" / "core" / "image_to_video"
    package = layer / "image_to_video"
    written = {p.relative_to(source) for p in source.rglob("*") if p.suffix in (".py", ".typed")}
    assert {p.relative_to(package) for p in package.rglob("*") if p.is_file()} == written
    assert not list(layer.rglob("__pycache__"))


def test_the_layer_holds_what_the_product_needs_and_no_tool(layer: Path) -> None:
    shipped = {
        path.name.partition("-")[0].lower().replace("_", "-") for path in layer.glob("*.dist-info")
    }
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    required = (PROJECT / "layers" / "core" / "requirements.txt").read_text()
    names = re.compile(r"^([\w-]+)", re.M)
    assert set(names.findall(required)) <= shipped
    tools = {
        names.findall(line)[0] for group in project["dependency-groups"].values() for line in group
    }
    assert not tools & shipped
    assert not {"pip", "awslambdaric", "i2v"} & {path.name for path in layer.iterdir()}


def test_a_function_with_its_layer_is_small_enough_for_lambda(built: Path) -> None:
    sizes = {
        folder.name: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for folder in built.iterdir()
        if folder.is_dir()
    }
    assert max(size for name, size in sizes.items() if name != "CoreLayer") < 1024 * 1024
    assert sum(sizes.values()) < MOST_BYTES


def test_the_built_api_answers_under_lambda_s_own_runtime(
    built: Path,
    layer: Path,
    runtime: Path,
    emulator_program: Path,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    code, log = built / "ApiFunction", tmp_path / "log"
    environment |= {
        "PYTHONPATH": os.pathsep.join(map(str, (layer, runtime))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LAMBDA_TASK_ROOT": str(code),
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "api",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    }
    refused = sample("api/create_task") | {"body": "{"}

    with running_function(emulator_program, code, environment, log) as invoke:
        healthy = invoke(sample("api/get_health"))
        unreadable = invoke(refused)

    assert healthy.status_code == 200, log.read_text(errors="replace")
    answer = healthy.json()
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False), answer
    assert httpx.Response(200, text=answer["body"]).json()["status"] == "ok"
    problem = unreadable.json()
    assert problem["statusCode"] == 400, problem
    assert problem["multiValueHeaders"]["Content-Type"] == ["application/problem+json"]
