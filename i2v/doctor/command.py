"""The command `i2v doctor`."""

import sys
from contextlib import closing, nullcontext
from typing import Annotated, Final

import typer
from rich.console import Console

from i2v.deployment import STACK_NAME
from i2v.doctor.checks import chosen
from i2v.doctor.examined import NotExaminableError, examined
from i2v.doctor.report import as_json, exit_code, line, show, summary
from i2v.doctor.runner import run

_NOT_EXAMINED: Final = 2


def doctor(
    *,
    stack_name: Annotated[str, typer.Option(help="The stack on AWS.")] = STACK_NAME,
    local: Annotated[bool, typer.Option(help="The stack that `i2v up` runs.")] = False,
    with_run: Annotated[
        bool, typer.Option("--run", help="Also run tasks in test mode, which cost no coins.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this group of checks, or this check.")
    ] = None,
    patience: Annotated[
        float, typer.Option(min=1, max=3600, help="Seconds that --run waits for its tasks.")
    ] = 300.0,
    json_wanted: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    strict: Annotated[bool, typer.Option(help="A warning fails as a problem does.")] = False,
) -> None:
    """Say what is wrong with a stack, and what to do. Ends with 0, 1 (problems), 2 (no stack)."""
    checks = chosen(only or (), with_run=with_run)
    notes, is_terminal = Console(stderr=True, highlight=False), sys.stdout.isatty()
    try:
        stack = examined(stack_name, local=local, patience=patience)
        with closing(stack):
            found = []
            # Whether there is a stack at all, before everything else.
            _ = stack.stack
            waiting = notes.status("Examining ...") if is_terminal else nullcontext()
            with waiting:
                for finding in run(checks, stack):
                    found.append(finding)
                    if not is_terminal and not json_wanted:
                        typer.echo(line(finding))
    except NotExaminableError as error:
        notes.print(f"error: {error}", markup=False, soft_wrap=True)
        raise typer.Exit(_NOT_EXAMINED) from error
    if json_wanted:
        typer.echo(as_json(stack_name, found))
    elif is_terminal:
        show(Console(highlight=False), found)
    else:
        typer.echo(summary(found))
    raise typer.Exit(exit_code(found, strict=strict))
