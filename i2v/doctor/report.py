"""What the doctor says: a table on a terminal, a line for each finding in a pipe, or JSON."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from i2v.doctor.findings import Finding, Level

_COLOURS: Final = {
    Level.OK: "green",
    Level.WARNING: "yellow",
    Level.PROBLEM: "bold red",
    Level.SKIPPED: "dim",
}


def exit_code(findings: Sequence[Finding], *, strict: bool) -> int:
    """0 where all is well, 1 where there is a problem (or, if strict, a warning)."""
    bad = {Level.PROBLEM, Level.WARNING} if strict else {Level.PROBLEM}
    return int(any(finding.level in bad for finding in findings))


def summary(findings: Sequence[Finding]) -> str:
    """How many findings there are of each level."""
    counts = Counter(finding.level for finding in findings)
    return ", ".join(f"{counts[level]} {level.value}" for level in Level)


def as_json(stack_name: str, findings: Sequence[Finding]) -> str:
    """One object: the stack, the count of each level, and the findings."""
    counts = Counter(finding.level for finding in findings)
    content = {
        "stack": stack_name,
        "counts": {level.value: counts[level] for level in Level},
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def line(finding: Finding) -> str:
    """One finding as one line."""
    told = f"{finding.level.value:<7}  {finding.check}: {finding.says}"
    told = f"{told} -> {finding.do}" if finding.do else told
    return " ".join(told.split("\n"))


def show(console: Console, findings: Sequence[Finding]) -> None:
    """The table for people, whose worst findings come last, where they are seen."""
    table = Table("check", "level", "finding", "what to do")
    for column in table.columns:
        column.overflow = "fold"
    order = [Level.OK, Level.SKIPPED, Level.WARNING, Level.PROBLEM]
    for finding in sorted(findings, key=lambda one: order.index(one.level)):
        colour = _COLOURS[finding.level]
        table.add_row(
            finding.check,
            f"[{colour}]{finding.level.value}[/{colour}]",
            escape(finding.says),
            escape(finding.do),
        )
    console.print(table)
    console.print(summary(findings))
