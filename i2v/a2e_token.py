"""A2E's token of a deployed stack: put into its secret, never into a parameter or an argument."""

import json
import os
import sys
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from i2v.deploy.account import Account
from i2v.deploy.errors import explained
from i2v.deploy.stacks import find
from i2v.deployed import STACK_FILE
from i2v.deployment import STACK_NAME
from i2v.errors import CommandError
from i2v.stack import check_a2e

app = typer.Typer(no_args_is_help=True, help="The token with which a stack pays A2E.")
_console = Console(stderr=True, highlight=False)

StackName = Annotated[str, typer.Option(help="The stack on AWS.")]
Local = Annotated[bool, typer.Option(help="The stack is on the emulator that `i2v up` runs.")]


@app.command("set")
def set_token(stack_name: StackName = STACK_NAME, local: Local = False) -> None:
    """Check a token against A2E's balance, which is free, and put it into the stack's secret.

    It is asked for, or read from A2E_TOKEN or a pipe. Functions use it within a minute.
    """
    account, secret, a2e_url = _secret(stack_name, local=local)
    token = given_token()
    if not token:
        raise CommandError("No token was given; type it, or set A2E_TOKEN.")
    coins = check_a2e(a2e_url, token)
    put(account, secret, token)
    _console.print(f"The token is set{balance(coins)}. Functions use it within a minute.")


@app.command()
def check(stack_name: StackName = STACK_NAME, local: Local = False) -> None:
    """Ask A2E with the stack's own token for the balance, which is free."""
    account, secret, a2e_url = _secret(stack_name, local=local)
    token = current(account, secret)
    if token is None:
        raise CommandError("No A2E token is set; set it with: i2v a2e-token set")
    coins = check_a2e(a2e_url, token)
    _console.print(f"A2E accepts the token{balance(coins)}.")


def given_token(*, ask: bool = True) -> str | None:
    """The token of A2E_TOKEN, of a pipe, or of a hidden prompt; None where there is none."""
    if token := os.environ.get("A2E_TOKEN", "").strip():
        return token
    if not ask:
        return None
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip() or None
    typed: str = typer.prompt(
        "A2E token (sk_...; it is not shown)", default="", hide_input=True, show_default=False
    )
    return typed.strip() or None


def current(account: Account, secret: str) -> str | None:
    """The token that a stack has; None as long as nobody has set one."""
    try:
        answer = account.try_call("secretsmanager", "get_secret_value", SecretId=secret)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise explained(error, "secretsmanager:GetSecretValue") from error
    except BotoCoreError as error:
        raise explained(error) from error
    return str(answer.get("SecretString", "")) or None


def put(account: Account, secret: str, token: str) -> None:
    """Make this the token of a stack."""
    account.call("secretsmanager", "put_secret_value", SecretId=secret, SecretString=token)


def local_stack() -> dict[str, str]:
    """What `i2v up` says about where everything is. Raises `CommandError` if it does not run."""
    try:
        stack: dict[str, str] = json.loads(STACK_FILE.read_text())
    except FileNotFoundError as error:
        raise CommandError("No local stack is running; start one with: make up") from error
    return stack


def _secret(stack_name: str, *, local: bool) -> tuple[Account, str, str]:
    """Where the stack is, its secret, and its A2E."""
    account = Account(endpoint_url=local_stack()["aws_endpoint_url"] if local else None)
    stack = find(account, stack_name)
    secret = stack.outputs.get("A2ETokenSecretArn") if stack else None
    if stack is None or secret is None:
        raise CommandError(f"There is no deployed stack {stack_name} here; deploy it: make deploy")
    return account, secret, stack.parameters["A2EUrl"]


def balance(coins: int | None) -> str:
    """The balance as the end of a sentence."""
    return "" if coins is None else f"; the balance is {coins:,} coins"
