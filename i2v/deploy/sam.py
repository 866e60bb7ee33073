"""The SAM CLI, which builds the code, uploads it and makes the change set."""

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from i2v.deploy.errors import reason
from i2v.deployment import PROJECT
from i2v.errors import CommandError

# It lives alone: its pins and ours cannot be met together.
SAM: Final = PROJECT / ".venv-sam" / "bin" / "sam"
_CHANGE_SET: Final = re.compile(r"arn:[\w-]+:cloudformation:\S+:changeSet/\S+")


@dataclass(frozen=True, slots=True)
class Section:
    """What samconfig.toml says about one environment."""

    stack_name: str | None = None
    region: str | None = None
    confirms: bool = True
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """Where SAM is to deploy to."""

    config_env: str
    stack_name: str
    region: str
    profile: str | None = None


def section(config_env: str) -> Section:
    """The environment of that name. Raises `CommandError` where there is none."""
    config = tomllib.loads((PROJECT / "samconfig.toml").read_text())
    if config_env not in config:
        known = ", ".join(name for name in config if name != "version")
        raise CommandError(f"samconfig.toml has no environment {config_env}; it has {known}.")
    common = config[config_env].get("global", {}).get("parameters", {})
    values: dict[str, Any] = common | config[config_env].get("deploy", {}).get("parameters", {})
    pairs = (text.partition("=") for text in values.get("parameter_overrides", []))
    return Section(
        values.get("stack_name"),
        values.get("region"),
        bool(values.get("confirm_changeset", True)),
        {name: value for name, _, value in pairs},
    )


def build(config_env: str, say: Callable[[str], None]) -> None:
    """Build the functions and the layer into .aws-sam/."""
    say("Building the functions and their layer ...")
    _run("build", "--config-env", config_env)


def make_change_set(
    target: Target, parameters: Mapping[str, str], say: Callable[[str], None]
) -> str | None:
    """Upload the build and make a change set; its ARN, or None where nothing would change."""
    say("Uploading the code and asking CloudFormation what would change ...")
    with tempfile.TemporaryDirectory(prefix="i2v-deploy-") as folder:
        # In a file, in which JSON is YAML: values with quotes and spaces come through as they are.
        overrides = Path(folder) / "parameters.yaml"
        overrides.write_text(json.dumps(dict(parameters)))
        output = _run(
            "deploy",
            *("--config-env", target.config_env, "--stack-name", target.stack_name),
            *("--region", target.region),
            *(("--profile", target.profile) if target.profile else ()),
            *(("--parameter-overrides", f"file://{overrides}") if parameters else ()),
            *("--no-execute-changeset", "--no-confirm-changeset", "--no-fail-on-empty-changeset"),
            "--no-progressbar",
        )
    found = _CHANGE_SET.findall(output)
    return found[-1] if found else None


def _run(*arguments: str) -> str:
    if not SAM.exists():
        raise CommandError("The SAM CLI is not installed here; deploy with: make deploy")
    # `sam build` wants a python3.13 on the PATH, not the shim of a version manager.
    python = Path(sys.executable).resolve().parent
    environment = os.environ | {
        "PATH": os.pathsep.join((str(python), os.environ.get("PATH", ""))),
        "SAM_CLI_TELEMETRY": "0",
    }
    # In our process group: Ctrl-C reaches it too.
    run = subprocess.run(
        [SAM, *arguments],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if run.returncode:
        raise CommandError(_failure(arguments[0], run.stdout))
    return run.stdout


def _failure(command: str, output: str) -> str:
    if known := reason(output):
        return known
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line for line in lines if line.lower().startswith(("error", "build failed"))]
    last = (told or lines or ["it said nothing"])[-1]
    return f"sam {command} failed: {last}"
