"""Measure everything: print a table, and write `benchmarks.json` and the README's table.

`make benchmark` runs this, then draws `docs/benchmarks.svg`. Each figure is a count, or a ratio
measured beside its reference in the same run. `python -m tests.benchmarks cost lists` measures
some, and keeps the others as they are written.
"""

import json
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Final

import psutil
from rich.console import Console
from rich.table import Table

from tests.benchmarks.catalogue import FIGURES
from tests.conftest import PROJECT

RESULTS: Final = PROJECT / "benchmarks.json"
_BEGIN: Final = "<!-- make benchmark writes from here -->"
_END: Final = "<!-- to here -->"
MODULES: Final = (
    "waiting_line",
    "schedule",
    "hints",
    "cost",
    "lists",
    "hostile_video",
    "store_memory",
    "local_stack",
    "cold_start",
)


def main(wanted: list[str]) -> None:
    """Measure the named parts, or all."""
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    figures: dict[str, float] = results.get("figures", {}) if wanted else {}
    series: dict[str, Any] = results.get("series", {}) if wanted else {}
    for name in wanted or MODULES:
        began = time.monotonic()
        module = import_module(f"tests.benchmarks.{name}")
        figures |= {key: round(value, 4) + 0.0 for key, value in module.figures().items()}
        if hasattr(module, "series"):
            series |= module.series()
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    _print(figures)
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "command": "make benchmark",
        "machine": f"{psutil.cpu_count()} cores, Python {platform.python_version()}",
        "figures": dict(sorted(figures.items())),
        "series": series,
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    _write_readme(results)


def _write_readme(results: dict[str, Any]) -> None:
    """Put the figures between the two marks in the README, with command and date."""
    readme = PROJECT / "README.md"
    before, rest = readme.read_text("utf-8").split(_BEGIN)
    after = rest.split(_END)[1]
    lines = [
        f"Measured by `{results['command']}` on {results['date']} ({results['machine']}):",
        "",
        "| Figure | Meaning | Before | Now | At most |",
        "| --- | --- | --- | --- | --- |",
    ]
    for figure in FIGURES:
        value = results["figures"].get(figure.name)
        now = "-" if value is None else f"{value:g}"
        cells = (f"`{figure.name}`", figure.meaning, figure.before, now, f"{figure.most:g}")
        lines.append(f"| {' | '.join(cells)} |")
    table = "\n".join(lines)
    readme.write_text(f"{before}{_BEGIN}\n{table}\n{_END}{after}", "utf-8")


def _print(figures: dict[str, float]) -> None:
    table = Table("figure", "meaning", "before", "now", "at most", title="make benchmark")
    for figure in FIGURES:
        value = figures.get(figure.name)
        shown = "-" if value is None else f"{value:g}"
        style = "red" if value is not None and value > figure.most else None
        row = (figure.name, figure.meaning, figure.before, shown, f"{figure.most:g}")
        table.add_row(*row, style=style)
    others = {name: value for name, value in figures.items() if name not in _NAMES}
    for name, value in others.items():
        table.add_row(name, "for information", "", f"{value:g}", "")
    Console(width=120).print(table)


_NAMES: Final = {figure.name for figure in FIGURES}


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main(sys.argv[1:])
