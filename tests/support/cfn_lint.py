"""The linter of templates, as a command."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import PROJECT
from tests.support.patience import PATIENCE


def assert_nothing_found(template: str | Path) -> None:
    """Raise `AssertionError` with what cfn-lint says of a template, by its path in the project."""
    lint = Path(sys.executable).with_name("cfn-lint")
    run = subprocess.run(
        [lint, template],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert run.returncode == 0, run.stdout + run.stderr
