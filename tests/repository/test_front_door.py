"""What a stranger meets first exists, and says the same as the project does."""

import hashlib
import re
import tomllib
from configparser import ConfigParser
from typing import Any

import pytest
import yaml
from image_to_video import __version__

from tests.conftest import PROJECT

PACKAGE = PROJECT / "layers" / "core" / "image_to_video"
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())
MAKEFILE = (PROJECT / "Makefile").read_text()
CHANGELOG = (PROJECT / "CHANGELOG.md").read_text()
CONTRIBUTING = (PROJECT / "CONTRIBUTING.md").read_text()
WORKFLOW = (PROJECT / ".github" / "workflows" / "test.yml").read_text()
PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")])
TARGETS = set(re.findall(r"^([a-z][\w-]*):", MAKEFILE, re.M))
# https://www.apache.org/licenses/LICENSE-2.0.txt
APACHE_2_0 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def recipe(target: str) -> list[str]:
    """The commands of a target of the Makefile."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.M)
    assert found is not None, target
    return [line.strip().removeprefix("@") for line in found[1].splitlines()]


def code_of(page: str) -> list[str]:
    """The code of a page: what stands between backticks, and each line of its blocks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", page, re.M | re.S)
    prose = re.sub(r"^```\w*\n.*?^```$", "", page, flags=re.M | re.S)
    spans = [re.sub(r"\s+", " ", span) for span in re.findall(r"`([^`]+)`", prose)]
    return spans + [line for block in blocks for line in block.splitlines()]


def test_the_licence_is_whole_and_the_one_that_is_named() -> None:
    assert PYPROJECT["project"]["license"] == "Apache-2.0"
    assert PYPROJECT["project"]["license-files"] == ["LICENSE"]
    assert hashlib.sha256((PROJECT / "LICENSE").read_bytes()).hexdigest() == APACHE_2_0


def test_the_version_has_an_entry_in_the_changelog_and_the_next_one_a_place() -> None:
    headings = re.findall(r"^## \[([^]]+)\](?: - (\d{4}-\d\d-\d\d))?$", CHANGELOG, re.M)
    assert headings[0] == ("Unreleased", "")
    released = dict(headings[1:])
    assert released[__version__]
    assert all(released.values()), "a release has a date"


def test_the_forge_and_ci_run_what_contributors_run() -> None:
    [job] = yaml.safe_load(WORKFLOW)["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == ["make test"]
    assert (PROJECT / ".ci" / "run").read_text().splitlines()[-1] == commands[0]


def test_the_forge_s_workflow_may_only_read_and_runs_fixed_actions() -> None:
    workflow: dict[Any, Any] = yaml.safe_load(WORKFLOW)
    # YAML 1.1 reads the word "on" as true.
    assert set(workflow[True]) == {"push", "pull_request"}
    assert workflow["permissions"] == {"contents": "read"}
    [job] = workflow["jobs"].values()
    assert "permissions" not in job
    assert job["timeout-minutes"]
    uses = re.findall(r"uses: (\S+)(.*)", WORKFLOW)
    assert uses
    for action, version in uses:
        assert re.search(r"@[0-9a-f]{40}$", action), f"{action} is not fixed"
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", version), f"{action} without its version"
    [python] = [
        step["with"]["python-version"] for step in job["steps"] if "setup-python" in str(step)
    ]
    assert PYPROJECT["project"]["requires-python"].startswith(f">={python},")


def test_the_hooks_before_a_commit_run_the_tools_of_the_fast_lane() -> None:
    [repository] = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local", "the tools are those of the lock"
    hooks = [hook["entry"].removesuffix(" --force-exclude") for hook in repository["hooks"]]
    # A hook mends what the lane only reports, in the files of the commit.
    lane = [re.sub(r" --check\b| \.$", "", command) for command in recipe("lint")]
    assert hooks == lane


def test_editors_break_lines_where_ruff_does() -> None:
    editors = ConfigParser()
    editors.read_string("[*top]\n" + (PROJECT / ".editorconfig").read_text())
    assert editors.getint("*.py", "max_line_length") == PYPROJECT["tool"]["ruff"]["line-length"]


def test_the_fast_lane_needs_the_test_tools_alone_and_is_part_of_the_whole() -> None:
    needs = dict(re.findall(r"^(lint|check|test): (.*)$", MAKEFILE, re.M))
    alone = "$(SAM) $(CHECKOV) $(CLIENTS)"
    assert needs == {"lint": "$(TEST)", "check": "lint", "test": f"lint {alone}"}
    [fast], [whole] = recipe("check"), recipe("test")
    assert fast.replace("tests/unit tests/repository ", "") == whole, "nothing else differs"
    assert PYPROJECT["tool"]["pytest"]["ini_options"]["testpaths"] == ["tests"]


def test_every_target_is_explained() -> None:
    explained = {line.split()[2] for line in recipe("help")}
    assert explained == TARGETS - {"help", "lint"}
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.M)
    assert phony is not None
    assert set(phony[1].split()) == TARGETS


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_target_that_a_page_names_exists(path: Any) -> None:
    code = code_of(path.read_text())
    named = {name for text in code for name in re.findall(r"(?:^|\s)make ([a-z][\w-]*)", text)}
    assert named <= TARGETS


def test_every_path_that_contributors_are_sent_to_exists() -> None:
    path = re.compile(r"[\w./-]+(?:/|\.(?:json|md|py|toml|txt|yaml))")
    paths = [text for text in code_of(CONTRIBUTING) if path.fullmatch(text)]
    assert len(paths) > 40
    missing = [p for p in paths if not (PROJECT / p).exists() and not (PACKAGE / p).exists()]
    assert not missing


def test_both_packages_say_that_they_are_typed() -> None:
    assert "Typing :: Typed" in PYPROJECT["project"]["classifiers"]
    settings = PYPROJECT["tool"]["setuptools"]
    for name, folder in settings["package-dir"].items():
        assert (PROJECT / folder / "py.typed").read_bytes() == b""
        assert "py.typed" in settings["package-data"][name]
