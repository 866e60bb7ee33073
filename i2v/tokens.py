"""Bearer tokens of a deployed stack."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from image_to_video.adapters.token_table import TokenRecord, TokenTable
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from i2v.deployed import Deployed
from i2v.deployment import STACK_NAME
from i2v.errors import CommandError

app = typer.Typer(no_args_is_help=True, help="Bearer tokens of a stack.")

StackName = Annotated[str, typer.Option(help="The stack on AWS.")]
Local = Annotated[bool, typer.Option(help="The stack that `i2v up` runs.")]


@app.command()
def create(  # noqa: PLR0917 - the options of a command
    owner: Annotated[str, typer.Option(help="The owner whose tasks the token gives access to.")],
    name: Annotated[str, typer.Option(help="What the token is for.")] = "i2v",
    days: Annotated[
        int | None,
        typer.Option(min=1, max=36500, help="Days until it expires; without it, it never expires."),
    ] = None,
    test: Annotated[
        bool, typer.Option("--test", help="A test token: its tasks cost nothing.")
    ] = False,
    stack_name: StackName = STACK_NAME,
    local: Local = False,
) -> None:
    """Create a token and print it; it cannot be shown again."""
    now = datetime.now(UTC)
    expires_at = now + timedelta(days=days) if days else None
    with _tokens(stack_name, local=local) as tokens:
        try:
            token = tokens.create(owner=owner, name=name, now=now, expires_at=expires_at, test=test)
        except ValueError as error:
            raise CommandError(str(error)) from error
    typer.echo(token)


@app.command("list")
def list_tokens(
    owner: Annotated[str | None, typer.Option(help="Only the tokens of this owner.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    stack_name: StackName = STACK_NAME,
    local: Local = False,
) -> None:
    """Show every token that was created, by its id. The tokens themselves are stored nowhere."""
    with _tokens(stack_name, local=local) as tokens:
        records = tokens.records(owner)
    if as_json:
        typer.echo(json.dumps([_shown(record) for record in records], indent=2))
        return
    table = Table("id", "owner", "name", "test", "created", "expires", "revoked")
    for column in table.columns:
        column.overflow = "fold"
    table.columns[0].no_wrap = True
    for record in records:
        shown = _shown(record) | {"test": "test" if record.test else None}
        table.add_row(*(escape(str(value or "-")) for value in shown.values()))
    Console(highlight=False).print(table)


@app.command()
def revoke(
    token_id: Annotated[
        str, typer.Argument(help="The id that `list` shows, or its beginning, or the token.")
    ],
    stack_name: StackName = STACK_NAME,
    local: Local = False,
) -> None:
    """Revoke a token for good. It is accepted for one more minute at most."""
    with _tokens(stack_name, local=local) as tokens:
        match tokens.find(token_id):
            case []:
                raise CommandError("There is no such token; i2v token list shows all ids.")
            case [record]:
                record = tokens.revoke(record, datetime.now(UTC))
            case several:
                hashes = ", ".join(record.token_sha256 for record in several)
                raise CommandError(f"Several tokens begin with that; give more of one: {hashes}")
    shown = _shown(record)
    typer.echo(f"{shown['id']} of {shown['owner']} is revoked since {shown['revoked_at']}.")


def _shown(record: TokenRecord) -> dict[str, Any]:
    kept = record.model_dump(mode="json")
    members = ("owner", "name", "test", "created_at", "expires_at", "revoked_at")
    return {"id": record.token_id, **{member: kept[member] for member in members}}


@contextmanager
def _tokens(stack_name: str, *, local: bool) -> Iterator[TokenTable]:
    """The stack's tokens. Raises `CommandError` if AWS refuses."""
    try:
        yield TokenTable(Deployed(stack_name, local=local).table("TokensTableName"))
    except (BotoCoreError, ClientError) as error:
        raise CommandError(f"AWS refused: {error}") from error
