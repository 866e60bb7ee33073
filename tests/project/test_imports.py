"""Who may import whom, and that importing does nothing: the rules of the package's layout."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import PROJECT

PACKAGE = PROJECT / "layers" / "core" / "image_to_video"

LEAVES = {
    "models": {"pydantic"},
    "errors": {"models"},
    "schedule": {"pydantic"},
    "generator": {"models"},
    "pages": set[str](),
    "problems": {"pydantic"},
    "requests": {"models", "pydantic"},
    "views": {"models", "pydantic"},
    "examples": set[str](),
    "addresses": set[str](),
    "owners": set[str](),
    "observability": {"aws_lambda_powertools"},
}
# Each owns one outside system: the leaves, one SDK, and no other adapter.
ADAPTERS = {
    "a2e_answers": {"httpx", "observability"},
    "a2e": {*LEAVES, "httpx", "a2e_answers"},
    "downloads": {*LEAVES, "httpx"},
    "inspection": {*LEAVES, "pymediainfo"},
    "table": {*LEAVES, "boto3"},
    "tokens": {*LEAVES, "boto3"},
    "limits": {*LEAVES, "boto3"},
    "storage": {*LEAVES, "boto3"},
    "workflow": {*LEAVES, "boto3"},
    "events": {*LEAVES, "boto3"},
}
# No SDK; the generator only through its Protocol, events only through the table's stream.
SERVED = {*LEAVES, "downloads", "inspection", "table", "limits", "storage", "workflow"}
SERVICE = {
    "cursors": {*SERVED},
    "uploads": {*SERVED, "pydantic"},
    "attempts": {*SERVED},
    "starts": {*SERVED, "attempts"},
    "looks": {*SERVED},
    "copies": {*SERVED},
    "cancellations": {*SERVED},
    "admissions": {*SERVED, "starts", "uploads"},
    "tasks": {
        *SERVED,
        "admissions",
        "attempts",
        "cancellations",
        "copies",
        "cursors",
        "looks",
        "starts",
        "uploads",
    },
}
PERMITTED = {
    "__init__": set[str](),
    **LEAVES,
    **ADAPTERS,
    **SERVICE,
    "catalogue": {*LEAVES, "events", "pydantic"},
    "settings": {*LEAVES, "pydantic"},
    "operations": {"examples"},
    "contract": {"examples", "operations", "problems", "aws_lambda_powertools"},
    "wiring": {
        *(*LEAVES, *ADAPTERS, *SERVICE, "settings"),
        *("boto3", "httpx", "aws_lambda_powertools"),
    },
}
HANDLERS = {
    *(set(PERMITTED) - {"__init__", "settings"}),
    *("__version__", "pydantic", "aws_lambda_powertools"),
}
# What the command line may know of the product.
COMMAND_LINE = {"models", "tokens", "views"}

modules = sorted(path.stem for path in PACKAGE.glob("*.py"))
handlers = sorted(PROJECT.glob("functions/*/app.py"))
command_line = sorted(PROJECT.glob("i2v/**/*.py"))


def imported(path: Path) -> Iterator[str]:
    """Full names of everything a file imports, also what is only for type checkers."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def known_as(name: str) -> str:
    """The package's modules by their own name, any other by its distribution's."""
    first, _, rest = name.partition(".")
    if first == "image_to_video":
        return rest.partition(".")[0]
    return "boto3" if first == "botocore" or first.startswith("mypy_boto3_") else first


def outside_standard_library(path: Path) -> set[str]:
    return {known_as(name) for name in imported(path)} - set(sys.stdlib_module_names)


def test_the_table_lists_exactly_the_modules_there_are() -> None:
    assert modules == sorted(PERMITTED), "a new module needs a line in this table"


@pytest.mark.parametrize("module", modules)
def test_a_module_imports_only_what_it_may(module: str) -> None:
    assert outside_standard_library(PACKAGE / f"{module}.py") <= PERMITTED.get(module, set())


@pytest.mark.parametrize("path", handlers, ids=lambda path: path.parent.name)
def test_a_handler_knows_the_package_pydantic_and_powertools(path: Path) -> None:
    assert outside_standard_library(path) <= HANDLERS


def test_only_handlers_import_the_wiring() -> None:
    users = [path for path in PACKAGE.glob("*.py") if "wiring" in outside_standard_library(path)]
    assert not users
    assert handlers
    assert all("wiring" in outside_standard_library(path) for path in handlers)


@pytest.mark.parametrize("path", command_line, ids=lambda path: str(path.relative_to(PROJECT)))
def test_the_command_line_knows_little_of_the_product(path: Path) -> None:
    names = [name for name in imported(path) if name.startswith("image_to_video")]
    assert {known_as(name) for name in names} <= COMMAND_LINE


@pytest.mark.parametrize("folder", ["layers", "functions"])
def test_the_product_knows_nothing_of_the_command_line_or_the_tests(folder: str) -> None:
    for path in (PROJECT / folder).rglob("*.py"):
        assert not outside_standard_library(path) & {"i2v", "tests", "functions", "moto"}, path


def test_nothing_imports_in_a_circle() -> None:
    graph = {
        module: outside_standard_library(PACKAGE / f"{module}.py") & set(modules)
        for module in modules
    }
    assert set(TopologicalSorter(graph).static_order()) == set(modules)


def test_only_the_wiring_hands_the_environment_to_the_settings() -> None:
    readers = [
        path.name
        for path in (*PACKAGE.glob("*.py"), *handlers)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute | ast.Name)
        and (node.attr if isinstance(node, ast.Attribute) else node.id) in ("environ", "getenv")
    ]
    assert readers == ["wiring.py"]


def required(paragraph: int) -> set[str]:
    """The packages that one paragraph of the runtime dependencies names."""
    text = (PROJECT / "layers" / "core" / "requirements.txt").read_text().split("\n\n")[paragraph]
    return {line.partition("=")[0] for line in text.splitlines() if not line.startswith("#")}


def brought_along(packages: set[str]) -> set[str]:
    """What the packages need besides themselves, as they are installed here."""
    found, waiting = set(packages), list(packages)
    while waiting:
        for text in metadata.requires(waiting.pop()) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                name = canonicalize_name(requirement.name)
                waiting += [] if name in found else [name]
                found.add(name)
    return found - packages


def test_the_requirements_name_what_is_imported() -> None:
    third_party = {
        name
        for module in modules
        for name in outside_standard_library(PACKAGE / f"{module}.py") - set(modules)
    }
    assert required(0) == {name.replace("_", "-") for name in third_party}


def test_the_requirements_pin_what_those_bring_along() -> None:
    assert required(1) == brought_along(required(0))


def test_the_layer_s_modules_are_all_installed_with_the_package() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    packages = PROJECT.glob("i2v/**/__init__.py")
    folders = {str(path.parent.relative_to(PROJECT)) for path in (PACKAGE / "_", *packages)}
    named = project["tool"]["setuptools"]
    mapped = {
        named["package-dir"].get(package, package.replace(".", "/"))
        for package in named["packages"]
    }
    assert mapped == folders


# Prints whatever the imports do to the outside world; the libraries' own imports come first.
WATCHED_IMPORTS = """
import importlib, sys
import botocore.session, httpx

FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.mkdir", "os.remove",
             "os.rename", "os.putenv", "shutil.", "tempfile.")

def watch(event, arguments):
    if event.startswith(FORBIDDEN):
        print(event, arguments)

def make(client, *arguments, **_):
    print("a client", arguments)

botocore.session.Session.create_client = make
httpx.Client.__init__ = make
sys.addaudithook(watch)
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(name)
"""


def test_importing_does_nothing() -> None:
    names = [
        *(f"image_to_video.{module}" for module in modules),
        *(f"functions.{path.parent.name}.app" for path in handlers),
        *(".".join(p.relative_to(PROJECT).with_suffix("").parts) for p in command_line),
    ]
    run = subprocess.run(
        [sys.executable, "-B", "-c", WATCHED_IMPORTS, str(PROJECT), *names],
        # No variable at all: nobody may need one to be imported.
        env={},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == ""
