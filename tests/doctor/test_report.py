"""How findings are shown, and how the command ends."""

import io
import json

import pytest
from rich.console import Console

from i2v.doctor.findings import Finding, ok, problem, skipped, warning
from i2v.doctor.report import as_json, exit_code, line, show, summary

OK, SKIPPED = ok("it runs"), skipped("not examined: you may not")
WARNING, PROBLEM = warning("[it] is slow", do="Wait."), problem("it is down", do="Start it.")


@pytest.mark.parametrize(
    ("found", "usual", "strict"),
    [([], 0, 0), ([OK, SKIPPED], 0, 0), ([OK, WARNING], 0, 1), ([WARNING, PROBLEM], 1, 1)],
)
def test_how_it_ends(found: list[Finding], usual: int, strict: int) -> None:
    assert exit_code(found, strict=False) == usual
    assert exit_code(found, strict=True) == strict


def test_a_line_says_what_to_do() -> None:
    finding = Finding(PROBLEM.level, "it is\ndown", "Start it.", "health")
    assert line(finding) == "problem  health: it is down -> Start it."
    assert summary([OK, PROBLEM, PROBLEM]) == "1 ok, 0 warning, 2 problem, 0 skipped"


def test_json_holds_all() -> None:
    told = json.loads(as_json("prod", [OK, PROBLEM]))
    assert told["stack"] == "prod"
    assert told["counts"] == {"ok": 1, "warning": 0, "problem": 1, "skipped": 0}
    assert told["findings"][1] == {
        "level": "problem",
        "says": "it is down",
        "do": "Start it.",
        "check": "",
    }


def test_the_worst_comes_last_and_brackets_stay() -> None:
    text = io.StringIO()
    show(Console(file=text, width=100), [PROBLEM, WARNING, OK])
    shown = text.getvalue()
    assert shown.index("it runs") < shown.index("[it] is slow") < shown.index("it is down")
