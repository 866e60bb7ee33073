"""Bearer tokens of a deployed stack."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from image_to_video.tokens import TokenTable

from i2v.deployed import Deployed
from i2v.deployment import STACK_NAME
from i2v.trouble import Trouble

app = typer.Typer(no_args_is_help=True, help="Bearer tokens of a stack.")


@app.command()
def create(
    owner: Annotated[str, typer.Option(help="Whose tasks the token's bearer sees.")],
    name: Annotated[str, typer.Option(help="What the token is for.")] = "i2v",
    days: Annotated[
        int | None, typer.Option(min=1, max=36500, help="Valid for; default: for ever.")
    ] = None,
    stack_name: Annotated[str, typer.Option(help="The stack on AWS.")] = STACK_NAME,
    local: Annotated[bool, typer.Option(help="The stack that `i2v up` runs.")] = False,
) -> None:
    """Make a token and print it: the only time that it can be seen."""
    now = datetime.now(UTC)
    if owner in ("", ".", "..") or "/" in owner or not owner.isprintable():
        raise Trouble("An owner is a segment of upload keys: a name without slashes, not dots.")
    tokens = TokenTable(Deployed(stack_name, local=local).table("TokensTableName"))
    expires_at = now + timedelta(days=days) if days else None
    try:
        token = tokens.create(owner=owner, name=name, now=now, expires_at=expires_at)
    except (BotoCoreError, ClientError) as error:
        raise Trouble(f"AWS refused: {error}") from error
    typer.echo(token)
