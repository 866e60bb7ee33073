"""What may lie in the repository, and that dependencies are pinned in one place and locked."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.support.patience import PATIENCE

REQUIREMENTS = PROJECT / "layers" / "core" / "requirements.txt"
LOCKS = sorted((PROJECT / "requirements").glob("*.lock"))
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())
MODULES = [
    path for top in ("layers", "functions", "i2v") for path in PROJECT.glob(f"{top}/**/*.py")
]

# Written so that no pattern finds itself.
MACHINE_PATH = r"(?<![\w.:/)\]}-])/(?:home|Users|root|work|tmp|mnt|opt)/[\w.-]+"
INDEX = r"--(?:extra-)?index[-]url|--find[-]links|--trusted[-]host|https?://[^\s\"']+/simple\b"
SECRETS = {
    "AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "A2E token": r"\bsk_[0-9A-Za-z]{24,}",
    "token of ours": r"\bi2v_[0-9A-Za-z_-]{43}\b",
    "GitHub token": r"\bgh[oprsu]_[0-9A-Za-z]{36}",
    "JSON web token": r"\beyJ[0-9A-Za-z_-]{20,}\.eyJ",
    "private key": r"-----BEGIN [A-Z ]*PRIVATE[ ]KEY-----",
}


def tracked_texts() -> Iterator[tuple[Path, str]]:
    """Every tracked text file that is still there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    for name in listed.stdout.split("\0"):
        path = PROJECT / name
        if name and path.is_file() and b"\0" not in (content := path.read_bytes())[:8000]:
            yield path, content.decode(errors="replace")


def found(pattern: str) -> list[str]:
    """Each place where a pattern stands, as `file:line`."""
    return [
        f"{path.relative_to(PROJECT)}:{text.count('\n', 0, match.start()) + 1}"
        for path, text in tracked_texts()
        for match in re.finditer(pattern, text)
    ]


def pinned(lines: str) -> dict[str, str]:
    """Name and version of each `name==version` line, extras and markers left out."""
    return {
        name.lower().replace("_", "-"): version
        for name, version in re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([\w.+!-]+)", lines, re.M)
    }


def test_there_are_files_to_look_at() -> None:
    assert {PROJECT / "template.yaml", PROJECT / "tests" / "conftest.py"} <= {
        path for path, _ in tracked_texts()
    }


def test_no_file_names_a_place_on_somebody_s_machine() -> None:
    assert not found(MACHINE_PATH)


def test_no_file_names_a_package_index() -> None:
    assert not found(INDEX)


@pytest.mark.parametrize("kind", SECRETS)
def test_no_file_holds_what_looks_like_a_secret(kind: str) -> None:
    assert not found(SECRETS[kind])


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (MACHINE_PATH, '"' + "/ho" + "me/ada/project" + '"'),
        (INDEX, "--index-" + "url https://packages.example.com/"),
        (INDEX, "https://pypi.example.com/" + "simple"),
        (SECRETS["A2E token"], "sk_" + "a1" * 16),
        (SECRETS["token of ours"], "i2v_" + "a" * 43),
        (SECRETS["AWS access key"], "AKIA" + "A" * 16),
    ],
)
def test_the_patterns_find_what_they_look_for(pattern: str, text: str) -> None:
    assert re.search(pattern, text)


def test_nothing_that_is_made_here_is_tracked() -> None:
    made = re.compile(
        r"(^|/)(\.venv|\.aws-sam|\.local|__pycache__|node_modules)/|\.(pyc|egg-info)$"
    )
    assert not [path for path, _ in tracked_texts() if made.search(str(path.relative_to(PROJECT)))]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_module_is_longer_than_300_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


def test_no_test_is_longer_than_400_lines() -> None:
    lengths = {
        str(path.relative_to(PROJECT)): len(path.read_text().splitlines())
        for path in (PROJECT / "tests").rglob("*.py")
    }
    assert not {name: length for name, length in lengths.items() if length > 400}


def test_runtime_dependencies_stand_in_one_list() -> None:
    assert "dependencies" not in PYPROJECT["project"]
    assert "dependencies" in PYPROJECT["project"]["dynamic"]
    named = PYPROJECT["tool"]["setuptools"]["dynamic"]["dependencies"]
    assert named == {"file": [str(REQUIREMENTS.relative_to(PROJECT))]}


def test_every_runtime_dependency_is_pinned_exactly() -> None:
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if line and line[0] != "#"]
    assert len(pinned("\n".join(lines))) == len(lines) > 0


def lock(name: str) -> dict[str, str]:
    """Name and version of everything in one lock."""
    return pinned((PROJECT / "requirements" / f"{name}.lock").read_text())


@pytest.mark.parametrize("name", ["local", "test"])
def test_a_lock_has_the_same_versions_as_the_list(name: str) -> None:
    locked, wanted = lock(name), pinned(REQUIREMENTS.read_text())
    assert {package: locked.get(package) for package in wanted} == wanted


@pytest.mark.parametrize("group", PYPROJECT["dependency-groups"])
def test_every_tool_is_pinned_and_locked(group: str) -> None:
    lines = PYPROJECT["dependency-groups"][group]
    wanted = pinned("\n".join(lines))
    assert len(wanted) == len(lines)
    # What builds this project is part of both environments that it is installed into.
    for name in ("local", "test") if group == "build" else (group,):
        locked = lock(name)
        assert {package: locked.get(package) for package in wanted} == wanted


def test_the_test_tools_are_added_to_what_the_demo_runs_and_change_none_of_it() -> None:
    assert lock("local").items() < lock("test").items()


def test_there_is_a_lock_for_each_environment() -> None:
    assert [path.stem for path in LOCKS] == ["charts", "checkov", "clients", "local", "sam", "test"]
    assert not list(PROJECT.glob("*.lock"))


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_every_locked_package_has_a_hash_and_no_index(path: Path) -> None:
    text = path.read_text()
    entries = re.split(r"^(?=[\w.-]+(?:\[[\w,-]+\])?==)", text, flags=re.M)[1:]
    assert len(entries) == len(pinned(text)) > 10
    assert not [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry]
    assert not re.search(INDEX, text)
