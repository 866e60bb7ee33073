"""What well-known generators make of the published contracts, imported for a test."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from tests.conftest import PROJECT
from tests.support.patience import PATIENCE

_TOOLS: Final = PROJECT / ".venv-clients" / "bin"


def python_client(folder: Path) -> str:
    """Generate a client of the REST API, and return the name of its package.

    A part of the contract that the generator leaves out, which it only warns of, is a failure.
    """
    settings = folder / "settings.json"
    # Its own formatters are for people who read the code.
    settings.write_text('{"post_hooks": []}')
    contract = PROJECT / "functions" / "public" / "openapi.json"
    package = folder / "generated_client"
    _run(
        *("openapi-python-client", "generate", "--fail-on-warning", "--meta", "none"),
        *("--path", contract, "--config", settings, "--output-path", package),
    )
    sys.path.insert(0, str(folder))
    return package.name


def models(document: str, kind: str, folder: Path) -> ModuleType:
    """Generate Pydantic models of a contract in `functions/public/`, and import them."""
    name = f"generated_{kind}_models"
    _run(
        *("datamodel-codegen", "--output-model-type", "pydantic_v2.BaseModel"),
        *("--target-python-version", "3.13", "--formatters", "builtin", "--input-file-type", kind),
        *(
            "--input",
            PROJECT / "functions" / "public" / document,
            "--output",
            folder / f"{name}.py",
        ),
    )
    sys.path.insert(0, str(folder))
    return importlib.import_module(name)


def _run(tool: str, *arguments: str | Path) -> None:
    program = _TOOLS / tool
    if not program.is_file():
        pytest.fail(f"{tool} is missing; `make .venv-clients/.ready` installs it")
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr
