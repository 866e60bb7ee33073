"""checkov finds nothing in the template but what the template itself skips, with a reason."""

import json
import subprocess
from typing import Any

import pytest
import yaml

from tests.conftest import PROJECT
from tests.support.patience import PATIENCE


@pytest.fixture(scope="module")
def report(template: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The whole report of checkov about the template, its merges written out as `sam build` does.

    It cannot read a merged alarm that has another period.
    """
    written = tmp_path_factory.mktemp("checkov") / "template.yaml"
    written.write_text(yaml.safe_dump(template))
    checkov = PROJECT / ".venv-checkov" / "bin" / "checkov"
    if not checkov.is_file():
        pytest.fail("checkov is missing; `make .venv-checkov/.ready` installs it")
    scope = ("-f", written, "--framework", "cloudformation")
    run = subprocess.run(
        [checkov, *scope, "--skip-download", "--output", "json"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_the_template_was_read_and_nothing_found(report: dict[str, Any]) -> None:
    """A template that it cannot read has no findings either."""
    summary = report["summary"]
    assert (summary["failed"], summary["parsing_errors"]) == (0, 0), report["results"]
    assert summary["passed"] > 50


def test_every_exception_is_needed_and_has_a_reason(
    report: dict[str, Any], template: dict[str, Any]
) -> None:
    written = {
        skip["id"]: skip["comment"]
        for resource in template["Resources"].values()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    }
    assert {check["check_id"] for check in report["results"]["skipped_checks"]} == set(written)
    assert all(len(reason.split()) > 5 for reason in written.values())
