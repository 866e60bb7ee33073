"""Bearer tokens of a deployed stack."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError
from image_to_video.tokens import TokenTable

from i2v.trouble import Trouble

app = typer.Typer(no_args_is_help=True, help="Bearer tokens of a stack on AWS.")


@app.command()
def create(
    owner: Annotated[str, typer.Option(help="Whose tasks the token's bearer sees.")],
    name: Annotated[str, typer.Option(help="What the token is for.")] = "i2v",
    days: Annotated[int | None, typer.Option(min=1, help="Valid for; default: for ever.")] = None,
    stack_name: Annotated[str, typer.Option(help="The stack.")] = "image-to-video",
) -> None:
    """Make a token and print it: the only time that it can be seen."""
    now = datetime.now(UTC)
    expires_at = now + timedelta(days=days) if days else None
    if not owner.strip() or "/" in owner:
        raise Trouble("An owner needs a name without a slash; it is a segment of upload keys too.")
    try:
        tokens = TokenTable(boto3.resource("dynamodb").Table(_tokens_table(stack_name)))
        token = tokens.create(owner=owner, name=name, now=now, expires_at=expires_at)
    except (BotoCoreError, ClientError) as error:
        raise Trouble(f"AWS refused: {error}") from error
    typer.echo(token)


def _tokens_table(stack_name: str) -> str:
    stacks = boto3.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    outputs: list[Any] = stacks[0].get("Outputs", [])
    for output in outputs:
        if output["OutputKey"] == "TokensTableName":
            return str(output["OutputValue"])
    raise Trouble(f"The stack {stack_name} has no tokens table; is it this application?")
