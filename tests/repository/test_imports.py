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
from tests.support.patience import PATIENCE

PACKAGE = PROJECT / "layers" / "core" / "image_to_video"

# The one rule: each of these may import itself and those before it.
ORDER = ("domain", "contract", "adapters", "lifecycle", "wiring")
# What may be imported from outside the package; an adapter has one SDK beside it.
OUTSIDE = {
    "domain": {"pydantic"},
    "contract": {"pydantic", "aws_lambda_powertools"},
    "adapters": {"pydantic"},
    "lifecycle": {"pydantic"},
    "wiring": set[str](),
    # These stand beside the four packages; whoever is above the domain may use observability.
    "settings": {"domain", "pydantic"},
    "observability": {"aws_lambda_powertools"},
    "clients": {"observability", "botocore", "httpx"},
    "container": set[str](),
    "a2e_access": {"botocore"},
    "fake_access": set[str](),
    "__init__": set[str](),
}
SDKS = {"botocore", "httpx"}
# One outside thing in several modules: A2E (whom it is asked, what it is sent, what it answers),
# S3, what a video file is, from the copy that passes by down to its boxes, and DynamoDB.
ONE_ADAPTER = {
    "a2e": "A2E",
    **dict.fromkeys(("video", "mp4"), "video"),
    **dict.fromkeys(("multipart", "storage", "stored"), "S3"),
    **dict.fromkeys(("dynamodb", "task", "limit", "token", "duration", "waiting"), "DynamoDB"),
}
# What the command line may know of the product: it also writes and reads tokens.
COMMAND_LINE = (
    *("domain.", "contract.", "adapters.token_table."),
    # What the doctor reads: overdue tasks, A2E's answers, variables of functions, the release.
    *("adapters.task_table.", "adapters.a2e_responses.", "settings.", "observability."),
    "__version__",
)

modules = sorted(
    path.relative_to(PACKAGE).with_suffix("").as_posix() for path in PACKAGE.rglob("*.py")
)
handlers = sorted(PROJECT.glob("functions/*/app.py"))
command_line = sorted(PROJECT.glob("i2v/**/*.py"))


def room_of(module: str) -> str:
    """The package or top-level module that a module of ours belongs to."""
    return module.partition("/")[0]


def imported(path: Path) -> Iterator[str]:
    """Full names of everything a file imports, also what is only for type checkers."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def inside(path: Path) -> set[str]:
    """What a file imports of the package: `domain.task.Task`, `wiring.settings`, ..."""
    prefix = "image_to_video."
    return {name.removeprefix(prefix) for name in imported(path) if name.startswith(prefix)}


def outside(path: Path) -> set[str]:
    """The distributions that a file imports, the standard library and the package left out."""
    firsts = {name.partition(".")[0] for name in imported(path)} - set(sys.stdlib_module_names)
    # pydantic's own errors and schemas stand in its core, which it pins.
    return {
        "botocore" if first.startswith("mypy_boto3_") else first.removesuffix("_core")
        for first in firsts - {"image_to_video"}
    }


@pytest.mark.parametrize("module", modules)
def test_a_module_imports_only_what_stands_before_it(module: str) -> None:
    path, room = PACKAGE / f"{module}.py", room_of(module)
    permitted = OUTSIDE[room] & {"domain", "observability"}
    if room in ORDER:
        permitted = {*ORDER[: ORDER.index(room) + 1]}
        permitted |= {"observability"} if room != "domain" else set()
    if room == "wiring":
        permitted |= {"settings", "clients", "container", "a2e_access", "fake_access"}
    if room in ("container", "a2e_access", "fake_access"):
        permitted = {"clients", "settings", "adapters", "domain"}
    assert {name.partition(".")[0] for name in inside(path)} <= permitted


@pytest.mark.parametrize("module", modules)
def test_a_module_imports_only_its_libraries(module: str) -> None:
    found = outside(PACKAGE / f"{module}.py")
    if room_of(module) == "adapters":
        assert len(found & SDKS) <= 1, "an adapter has one SDK"
        found -= SDKS
    assert found <= OUTSIDE[room_of(module)]


def test_no_adapter_imports_another() -> None:
    adapters = [module for module in modules if room_of(module) == "adapters"]
    pairs = {
        (module.partition("/")[2], name.split(".")[1])
        for module in adapters
        for name in inside(PACKAGE / f"{module}.py")
        if name.startswith("adapters.")
    }
    for pair in pairs:
        one, other = (ONE_ADAPTER.get(name.partition("_")[0], name) for name in pair)
        assert one == other, pair


def test_the_generator_is_met_through_its_port() -> None:
    for module in modules:
        if room_of(module) == "lifecycle":
            assert not [n for n in inside(PACKAGE / f"{module}.py") if n.startswith("adapters.a2e")]


@pytest.mark.parametrize("path", handlers, ids=lambda path: path.parent.name)
def test_a_handler_imports_the_package_pydantic_and_powertools(path: Path) -> None:
    assert outside(path) <= {"pydantic", "aws_lambda_powertools"}
    assert any(name.startswith(("wiring.", "container.")) for name in inside(path))
    assert not any(name.startswith("settings.") for name in inside(path))


@pytest.mark.parametrize("path", command_line, ids=lambda path: str(path.relative_to(PROJECT)))
def test_the_command_line_imports_little_of_the_product(path: Path) -> None:
    assert all(name.startswith(COMMAND_LINE) for name in inside(path))


@pytest.mark.parametrize("folder", ["layers", "functions"])
def test_the_product_imports_neither_the_command_line_nor_the_tests(folder: str) -> None:
    for path in (PROJECT / folder).rglob("*.py"):
        assert not outside(path) & {"i2v", "tests", "functions", "moto"}, path


def test_nothing_imports_in_a_circle() -> None:
    names = {module.replace("/", ".") for module in modules}
    graph = {
        module.replace("/", "."): {
            other
            for name in inside(PACKAGE / f"{module}.py")
            for other in (name, name.rpartition(".")[0])
            if other in names
        }
        for module in modules
    }
    assert set(TopologicalSorter(graph).static_order()) == names


def test_only_the_container_hands_the_environment_to_the_settings() -> None:
    """Metrics know the stack by its name even where the settings are what is wrong."""
    readers = [
        path.name
        for path in (*PACKAGE.rglob("*.py"), *handlers)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute | ast.Name)
        and (node.attr if isinstance(node, ast.Attribute) else node.id) in ("environ", "getenv")
    ]
    assert sorted(readers) == ["container.py", "observability.py"]


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
    third_party = {name for module in modules for name in outside(PACKAGE / f"{module}.py")}
    assert required(0) == {name.replace("_", "-") for name in third_party}


def test_the_requirements_pin_what_those_bring_along() -> None:
    assert required(1) == brought_along(required(0))


def test_the_layer_s_modules_are_all_installed_with_the_package() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    packages = PROJECT.glob("i2v/**/__init__.py")
    rooms = PACKAGE.rglob("__init__.py")
    folders = {str(path.parent.relative_to(PROJECT)) for path in (*rooms, *packages)}
    named = project["tool"]["setuptools"]
    layer = named["package-dir"]["image_to_video"].removesuffix("image_to_video")
    mapped = {
        (layer if package.startswith("image_to_video") else "") + package.replace(".", "/")
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
        *(f"image_to_video.{module.replace('/', '.')}" for module in modules),
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
        timeout=PATIENCE,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == ""


# What Lambda's event may wait for, by function: nothing of it is imported where it is of no use.
NEVER_NEEDED = {
    "authorize": {"boto3", "s3transfer", "httpx", "image_to_video.lifecycle", "asyncio"},
    "publish_events": {"boto3", "s3transfer", "httpx", "image_to_video.adapters.a2e_client"},
    "public": {
        *("boto3", "s3transfer", "httpx", "botocore.session", "image_to_video.wiring"),
        *("image_to_video.clients", "image_to_video.adapters", "image_to_video.lifecycle"),
    },
    "api": {"boto3", "s3transfer", "httpx", "image_to_video.adapters.mp4_video"},
}


@pytest.mark.parametrize("path", handlers, ids=lambda path: path.parent.name)
def test_a_function_imports_nothing_that_it_does_not_need(path: Path) -> None:
    """In a process of its own, as in a new container; modules of the tests would be there too."""
    name = f"functions.{path.parent.name}.app"
    unwanted = NEVER_NEEDED.get(path.parent.name, {"boto3", "s3transfer"})
    run = subprocess.run(
        [sys.executable, "-B", "-c", f"import sys, {name}; print(*sys.modules)"],
        cwd=PROJECT,
        env={},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert not unwanted & set(run.stdout.split())
