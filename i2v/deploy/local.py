"""The same deployment onto the emulator that `i2v up` runs, as another stack."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Final
from urllib.parse import urlsplit

from i2v.deploy.stacks import Stack
from i2v.deployed import STACK_FILE
from i2v.deployment import deployable, publish_api
from i2v.emulator import Reached
from i2v.simulator.settings import SimulatorSettings
from i2v.stack import NO_COIN_LIMITS, SHORT_WAITS

TRIAL_STACK: Final = "image-to-video-trial"


def parameters(running: Mapping[str, str]) -> dict[str, str]:
    """What a stack on one machine needs, as `i2v up` has it."""
    hints = f"{running['aws_endpoint_url']}/_aws/execute-api/{{api}}/v1"
    return {
        **SHORT_WAITS,
        "A2EUrl": running["a2e_url"],
        "PermitLoopback": "true",
        **(NO_COIN_LIMITS if simulated_token(running) else {}),
        # A real A2E cannot reach this machine.
        "HintsUrl": hints if simulated_token(running) else "",
    }


def simulated_token(running: Mapping[str, str]) -> str | None:
    """The token of the simulated A2E that `i2v up` runs; None where it uses a real one."""
    is_here = urlsplit(running["a2e_url"]).hostname in {"127.0.0.1", "localhost"}
    return SimulatorSettings().token if is_here else None


def make_change_set(endpoint_url: str, stack: Stack | None, name: str, **values: str) -> str | None:
    """Upload the code and make a change set; its ARN."""
    with _reached(endpoint_url) as emulator:
        answer = emulator.client("cloudformation").create_change_set(
            StackName=name,
            ChangeSetName=f"i2v-{time.time_ns()}",
            ChangeSetType="CREATE" if stack is None or stack.is_new else "UPDATE",
            **deployable(emulator, values),
        )
    return str(answer["Id"])


def finish(stack: Stack, running: Mapping[str, str]) -> None:
    """Publish the API, and write where everything is to `.local/stacks/`."""
    endpoint_url = running["aws_endpoint_url"]
    with _reached(endpoint_url) as emulator:
        publish_api(emulator, stack.outputs["ApiId"])
    file = STACK_FILE.parent / "stacks" / f"{stack.name}.json"
    file.parent.mkdir(exist_ok=True)
    content = {"stack_name": stack.name, "aws_endpoint_url": endpoint_url, **stack.outputs}
    file.write_text(json.dumps(content, indent=2) + "\n")


@contextmanager
def _reached(endpoint_url: str) -> Iterator[Reached]:
    with closing(Reached(endpoint_url)) as emulator:
        yield emulator
