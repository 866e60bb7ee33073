"""The unit tests mirror the package, so that the tests of a module are found by its name."""

import re

from tests.conftest import PROJECT

PACKAGE = PROJECT / "layers" / "core" / "image_to_video"
UNIT = PROJECT / "tests" / "unit"
# Modules without a test file of their name, and why.
ELSEWHERE = {
    "domain/errors": "classes without behaviour",
    "domain/generator": "types without behaviour: the port that the adapter and the tests fill",
    "contract/examples": "test_openapi.py holds each against its schema",
    "contract/openapi_responses": "test_openapi.py, as a part of the document",
}


def names(folder: str) -> set[str]:
    return {path.stem for path in (PACKAGE / folder).glob("*.py")} - {"__init__"}


def names_of_tests(folder: str) -> set[str]:
    return {path.stem.removeprefix("test_") for path in (UNIT / folder).glob("test_*.py")}


FOLDERS = sorted(
    path.relative_to(PACKAGE).as_posix() for path in (PACKAGE, *PACKAGE.glob("*/")) if path.is_dir()
)
FOLDERS = [folder for folder in FOLDERS if not folder.endswith("__pycache__")]


def place(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"


def test_every_module_has_a_test_file_of_its_name() -> None:
    without = {
        place(folder, module)
        for folder in FOLDERS
        for module in names(folder)
        if not any(re.fullmatch(rf"{module}(_\w+)?", test) for test in names_of_tests(folder))
    }
    assert without == set(ELSEWHERE)


def test_every_test_file_names_a_module() -> None:
    without = {
        place(folder, test)
        for folder in {*FOLDERS, *(path.name for path in UNIT.glob("*/"))} - {"__pycache__"}
        for test in names_of_tests(folder)
        if not any(re.fullmatch(rf"{module}(_\w+)?", test) for module in names(folder))
    }
    assert not without
