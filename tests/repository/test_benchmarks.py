"""The committed figures: none is worse than its bound, and the README shows these very ones."""

import json
import re
from typing import Any, Final

import pytest

from tests.benchmarks.catalogue import FIGURES, Figure
from tests.conftest import PROJECT

RESULTS: Final[dict[str, Any]] = json.loads((PROJECT / "benchmarks.json").read_text())
COUNTED: Final = [figure for figure in FIGURES if not figure.is_timed]


@pytest.mark.parametrize("figure", COUNTED, ids=lambda figure: figure.name)
def test_no_committed_count_is_worse_than_its_bound(figure: Figure) -> None:
    most = figure.most if figure.so_far is None else figure.so_far
    assert RESULTS["figures"][figure.name] <= most


def test_a_goal_that_is_reached_is_kept() -> None:
    excused = {figure.name: figure.most for figure in FIGURES if figure.so_far is not None}
    assert not [name for name, most in excused.items() if RESULTS["figures"][name] <= most]


def test_every_figure_was_measured() -> None:
    assert {figure.name for figure in FIGURES} <= set(RESULTS["figures"])


def test_the_readme_shows_the_committed_figures_with_their_command_and_date() -> None:
    text = (PROJECT / "README.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)`.*\| ([^|]+) \| [^|]+ \|$", text, re.M))
    named = {figure.name for figure in FIGURES}
    assert named <= set(rows)
    for name in named:
        assert float(rows[name].replace(",", "")) == RESULTS["figures"][name], name
    assert f"`{RESULTS['command']}` on {RESULTS['date']}" in text
