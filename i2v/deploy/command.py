"""`i2v deploy`: asks what nobody else can know, shows what would change, and deploys."""

import sys
from typing import Annotated

import typer

from i2v.deploy.deployment import Deployment, Options
from i2v.deploy.parameters import faults, project_template
from i2v.errors import CommandError

Parameters = Annotated[
    list[str] | None, typer.Option(help="A parameter of template.yaml, as NAME=VALUE.")
]
ConfigEnv = Annotated[str, typer.Option(help="The environment of samconfig.toml.")]


def deploy(  # noqa: PLR0917 - Typer calls it by name
    config_env: ConfigEnv = "default",
    stack_name: Annotated[
        str | None, typer.Option(help="The stack.", show_default="that of samconfig.toml")
    ] = None,
    region: Annotated[str | None, typer.Option(help="The region.")] = None,
    profile: Annotated[str | None, typer.Option(help="The AWS profile.")] = None,
    parameter: Parameters = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Take the defaults, and deploy without a question.")
    ] = False,
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Ask nothing; fail where something is missing.")
    ] = False,
    token_later: Annotated[
        bool, typer.Option("--token-later", help="Deploy without a token for A2E.")
    ] = False,
    delete_failed: Annotated[
        bool, typer.Option("--delete-failed", help="Delete what a failed first deployment left.")
    ] = False,
    local: Annotated[
        bool, typer.Option("--local", help="Onto the emulator that `i2v up` runs.")
    ] = False,
) -> None:
    """Build and deploy to AWS: the first time, and every time after it."""
    options = Options(
        config_env=config_env,
        stack_name=stack_name,
        region=region,
        profile=profile,
        parameters=pairs(parameter),
        yes=yes,
        asks=not no_input and sys.stdin.isatty(),
        token_later=token_later,
        delete_failed=delete_failed,
        local=local,
    )
    Deployment(options).run()


def check_settings(parameter: Parameters = None, config_env: ConfigEnv = "default") -> None:
    """Say whether CloudFormation and the functions would take these parameters."""
    # Few commands deploy.
    from i2v.deploy.sam import section  # noqa: PLC0415

    given = section(config_env).parameters | pairs(parameter)
    if found := faults(project_template(), given):
        raise CommandError(" ".join(found))
    typer.echo("CloudFormation and the functions take these parameters.", err=True)


def pairs(given: list[str] | None) -> dict[str, str]:
    """The values of repeated options NAME=VALUE. Raises `CommandError` for another form."""
    parts = [text.partition("=") for text in given or []]
    if not all(name and equals for name, equals, _ in parts):
        raise CommandError(
            "Write a parameter as NAME=VALUE, for example CorsOrigin=https://example.com."
        )
    return {name: value for name, _, value in parts}
