"""`i2v coins`: what A2E charged beside what the tasks say, as a table and as CSV."""

import csv
import io
import json
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from i2v.deployed import Deployed
from i2v.deployment import STACK_NAME
from i2v.errors import CommandError

NOBODY: Final = "(nobody here)"
"""Stands for the owner of what was charged by nobody here; no owner's name has a `(` before it."""
_COLUMNS: Final = ("owner", "day", "tasks", "recorded", "charged", "difference", "differences")


def coins(
    *,
    days: Annotated[int, typer.Option(min=1, max=366, help="So many days up to now (UTC).")] = 7,
    first: Annotated[
        str | None, typer.Option("--from", help="The first day, as 2026-11-20 (UTC).")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="The last day; today without it.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Only the tasks of this owner.")] = None,
    csv_file: Annotated[
        str | None, typer.Option("--csv", help="Write a line per owner and day there; -: print it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    stack_name: Annotated[str, typer.Option(help="The stack on AWS.")] = STACK_NAME,
    local: Annotated[bool, typer.Option(help="The stack that `i2v up` runs.")] = False,
) -> None:
    """Compare what A2E charged with what the tasks say; exit code 1 where they differ."""
    event = _asked(days, first, last) | ({"owner": owner} if owner is not None else {})
    report = Deployed(stack_name, local=local).invoke(
        "ReconcileCoinsFunctionName", event, patience_seconds=900
    )
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    elif csv_file == "-":
        typer.echo(as_csv(report), nl=False)
    else:
        _show(report)
    if csv_file not in (None, "-"):
        _write(Path(str(csv_file)), as_csv(report))
    if report["different"]:
        raise typer.Exit(1)


def as_csv(report: dict[str, Any]) -> str:
    """One line for each owner and day. A cell is no formula, whatever an owner is called."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for line in report["lines"]:
        name = NOBODY if line["owner"] is None else str(line["owner"])
        owner = f"'{name}" if name.startswith(("=", "+", "-", "@")) else name
        writer.writerow([owner, *_numbers(line)])
    return file.getvalue()


def _asked(days: int, first: str | None, last: str | None) -> dict[str, str]:
    today = datetime.now(UTC).date()
    end = today if last is None else _day(last, "--to")
    start = end - timedelta(days=days - 1) if first is None else _day(first, "--from")
    if start > end:
        raise CommandError("--from is after --to; name the earlier day first.")
    return {"from": start.isoformat(), "to": end.isoformat()}


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{option} is no day; write it as 2026-11-20.") from error


def _numbers(line: dict[str, Any]) -> list[Any]:
    difference = line["charged"] - line["recorded"]
    return [
        *(line[name] for name in ("day", "tasks", "recorded", "charged")),
        *(difference, line["differences"]),
    ]


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise CommandError(f"{path} cannot be written ({error.strerror}).") from error


def _show(report: dict[str, Any]) -> None:
    # Where a pipe has no width, no cell may be cut.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    title = f"Coins from {report['since']} to {report['until']}"
    table = Table(*_COLUMNS, title=title, title_justify="left")
    for line in report["lines"]:
        name = NOBODY if line["owner"] is None else str(line["owner"])
        table.add_row(escape(name), *(str(number) for number in _numbers(line)))
    console.print(table)
    if report["differences"]:
        found = Table(
            *("what", "owner", "task", "day", "recorded", "charged", "A2E says"),
            title="Differences (those in brackets are permitted)",
            title_justify="left",
        )
        for one in report["differences"]:
            kind = f"({one['kind']})" if one["permitted"] else one["kind"]
            cells = (kind, one["owner"] or "-", one["task_id"] or "-", one["day"])
            numbers = (str(one["recorded"]), str(one["charged"]))
            found.add_row(*map(escape, (*cells, *numbers, one["label"] or "-")))
        console.print(found)
    balance = "not told by A2E" if report["balance"] is None else report["balance"]
    console.print(
        f"Charged {report['charged']}, of which {report['by_nobody']} by nobody here;"
        f" {report['granted']} came in; balance {balance}. Differences: {report['different']}."
    )
    for name, what in (
        ("not_covered", "tasks began before A2E's list and were left out"),
        ("unreadable", "records could not be read and were left out"),
        ("lines_left_out", "more lines; ask for fewer days"),
        ("differences_left_out", "more differences; ask for fewer days"),
    ):
        if report[name]:
            console.print(f"{report[name]} {what}.")
