"""What `sam build` makes runs under Lambda's own runtime."""

import json
import marshal
import os
import re
import tomllib
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import PROJECT
from tests.handlers.conftest import sample
from tests.support.lambda_runtime import (
    copied_emulator,
    copied_runtime,
    run_sam,
    running_function,
)

# Of Lambda: function and layers together, unzipped.
MOST_BYTES = 250 * 1024 * 1024


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
    return copied_runtime(tmp_path_factory.mktemp("runtime"))


@pytest.fixture(scope="session")
def emulator_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied_emulator(tmp_path_factory.mktemp("emulator"))


def test_the_template_is_valid_to_the_sam_cli(tmp_path: Path) -> None:
    output = run_sam("validate", "--lint", "-t", PROJECT / "template.yaml", cwd=tmp_path)
    assert "is a valid SAM Template" in output


def test_every_function_is_built_as_its_one_file_and_what_it_serves(built: Path) -> None:
    for folder in PROJECT.glob("functions/*/app.py"):
        name = folder.parent.name.title().replace("_", "") + "Function"
        made = {path.name for path in (built / name).iterdir()}
        served = {path.name for path in folder.parent.glob("*.json")}
        assert made == {"app.py"} | served
        assert bool(served) is (name == "PublicFunction")


def test_the_layer_holds_the_whole_package(layer: Path) -> None:
    source = PROJECT / "layers" / "core" / "image_to_video"
    package = layer / "image_to_video"
    written = {
        p.relative_to(source) for p in source.rglob("*") if p.suffix in (".py", ".typed", ".mp4")
    }
    kept = {p.relative_to(package) for p in package.rglob("*") if p.suffix != ".pyc"}
    assert {path for path in kept if (package / path).is_file()} == written


def test_every_module_of_the_layer_is_compiled_for_a_folder_that_nobody_changes(
    layer: Path,
) -> None:
    """Compiled from this very source, and never compared with it again (PEP 552)."""
    modules = [path for path in layer.rglob("*.py") if "site-packages" not in path.parts]
    assert len(modules) > 500
    for module in modules:
        compiled = module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc"
        header = compiled.read_bytes()[:8]
        assert header == MAGIC_NUMBER + b"\x01\0\0\0", module
    code = marshal.loads(
        (layer / "image_to_video" / "__pycache__" / "wiring.cpython-313.pyc").read_bytes()[16:]
    )
    # Where it lies on Lambda, for tracebacks.
    assert Path(code.co_filename) == Path("/opt").joinpath("python/image_to_video/wiring.py")


def test_the_layer_ships_the_services_that_are_asked_and_no_other(layer: Path) -> None:
    clients = (PROJECT / "layers" / "core" / "image_to_video" / "clients.py").read_text()
    asked = set(re.findall(r'(?:client|resource)\("(\w+)"', clients)) | {"sts"}
    data = layer / "botocore" / "data"
    assert {path.name for path in data.iterdir() if path.is_dir()} == asked
    assert {"endpoints.json", "partitions.json"} <= {path.name for path in data.iterdir()}


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
    log = tmp_path / "log"
    environment |= {
        "PYTHONPATH": os.pathsep.join(map(str, (layer, runtime))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "api",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    }
    refused = sample("api/create_task") | {"body": "{"}

    def answered(function: str, event: dict[str, Any]) -> httpx.Response:
        code = built / function
        variables = environment | {"LAMBDA_TASK_ROOT": str(code)}
        with running_function(emulator_program, code, variables, log) as invoke:
            return invoke(event)

    healthy = answered("PublicFunction", sample("public/get_health"))
    described = answered("PublicFunction", sample("public/get_contract"))
    unreadable = answered("ApiFunction", refused)

    assert healthy.status_code == 200, log.read_text(errors="replace")
    answer = healthy.json()
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False), answer
    assert httpx.Response(200, text=answer["body"]).json()["status"] == "ok"
    assert json.loads(described.json()["body"])["openapi"].startswith("3.1")
    problem = unreadable.json()
    assert problem["statusCode"] == 400, problem
    assert problem["multiValueHeaders"]["Content-Type"] == ["application/problem+json"]
