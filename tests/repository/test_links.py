"""The documentation: its links lead somewhere, and what it names exists."""

import re
from dataclasses import fields
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from i2v.stack import LocalStack
from tests.conftest import PROJECT
from tests.repository.test_repository import tracked_texts
from tests.support.pages import DOCS, README, anchors, examples, headings, links, pages, quoted

PACKAGE = PROJECT / "layers" / "core" / "image_to_video"
PAGES = pages()
FOLDERS = ("docs", "events", "examples", "functions", "i2v", "layers", "requirements", "tests")


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def test_the_readme_is_short() -> None:
    lines = README.read_text().splitlines()
    assert len(lines) <= 200
    assert not [line for line in lines if len(line) > 120]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        target = urlsplit(link)
        if target.scheme:
            continue
        path = (page.parent / unquote(target.path)).resolve() if target.path else page
        if not path.exists() or (target.fragment and target.fragment not in anchors(path)):
            broken.append(link)
    assert not broken


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = {README}, [README]
    while waiting:
        page = waiting.pop()
        targets = {(page.parent / urlsplit(link).path).resolve() for link in links(page)}
        new = {path for path in targets if path.suffix == ".md" and path.exists()} - reached
        reached |= new
        waiting += new
    assert {page for page in PAGES if DOCS in page.parents} <= reached


def test_what_code_says_of_a_page_is_there() -> None:
    """A page by its path, and a heading of it in quotes before that."""
    missing = []
    for path, text in tracked_texts():
        if path.suffix in (".lock", ".json"):
            continue
        joined = re.sub(r"\s*\n\s*(?:#\s*)?", " ", text)
        for heading, page in re.findall(r'(?:"([^"]{1,80})" in )?\b(docs/[a-z0-9_]+\.md)', joined):
            target = PROJECT / page
            if not target.exists() or (heading and heading not in headings(target)):
                missing.append(f"{name_of(path)}: {heading} {page}")
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_paths_and_tests_that_a_page_names_exist(page: Path) -> None:
    files = {path: text for path, text in tracked_texts() if path.suffix == ".py"}
    tests = set(re.findall(r"def (test_\w+)", "\n".join(files.values())))
    tests |= {path.stem for path in files}
    # A member of .local/stack.json, and no test.
    tests |= {field.name for field in fields(LocalStack)}
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    missing = []
    for name in quoted(page):
        first, slash, _ = name.partition("/")
        if re.fullmatch(r"test_\w+", name):
            found = name in tests
        elif not slash or re.search(r"[<>{}*\s…]", name) or first not in {*FOLDERS, *rooms}:
            continue
        else:
            found = ((PACKAGE if first in rooms else PROJECT) / name).exists()
        if not found:
            missing.append(name)
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_targets_of_make_that_a_page_names_exist(page: Path) -> None:
    makefile = (PROJECT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.M))
    text = "\n".join([*examples(page), *quoted(page)])
    assert set(re.findall(r"^(?:\w+=\S+ )?make ([a-z-]+)", text, re.M)) <= targets


def test_parameters_metrics_and_alarms_are_documented() -> None:
    template = (PROJECT / "template.yaml").read_text()
    parameters = re.search(r"^Parameters:\n(.*?)^\w", template, re.S | re.M)
    assert parameters is not None
    named = set(re.findall(r"^  (\w+):$", parameters[1], re.M))
    assert named <= quoted(DOCS / "deploy.md")

    code = "\n".join(
        path.read_text()
        for folder in ("functions", "layers")
        for path in (PROJECT / folder).rglob("*.py")
    )
    metrics = set(re.findall(r'\b(?:count|measure)\(\s*"(\w+)"', code))
    alarms = set(re.findall(r"^  (\w+Alarm):$", template, re.M))
    assert metrics | alarms <= quoted(DOCS / "operations.md")
