"""The whole application on this machine: emulator, simulated A2E, deployed template, a token."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

import httpx
from image_to_video.adapters.token_table import TokenTable

from i2v.deployment import deploy
from i2v.emulator import Emulator, running_emulator
from i2v.errors import CommandError
from i2v.queues import subscribed
from i2v.simulator.server import running_simulator
from i2v.simulator.settings import SimulatorSettings

OWNER: Final = "demo"
# Waits of seconds instead of minutes; the code is the same.
SHORT_WAITS: Final = {
    "FirstPollSeconds": "2",
    "PollPace": "0=1,60=2,600=10",
    "StartRetryPace": "0=2,60=10",
    "ConfirmationPace": "0=1",
    "QuietSeconds": "20",
    "IncompleteSeconds": "20",
    "CopyRetryPace": "0=1,60=10",
    "TroubleWaitSeconds": "2",
    "OverdueSeconds": "10",
    "ReconcileRate": "rate(1 minute)",
    "SetApiGatewayLogRole": "true",
}
# Simulated coins are for trying it: no day ends early.
NO_COIN_LIMITS: Final = {"DailyCoinLimit": "0", "OwnerDailyCoinLimit": "0"}


@dataclass(frozen=True, slots=True)
class LocalStack:
    """Where everything is; `.local/stack.json` has the same members."""

    api_url: str
    token: str
    test_token: str
    owner: str
    images_bucket: str
    videos_bucket: str
    topic_arn: str
    queue_url: str
    tasks_table: str
    tokens_table: str
    state_machine_arn: str
    aws_endpoint_url: str
    a2e_url: str

    def as_dict(self) -> dict[str, str]:
        """The members by name."""
        return asdict(self)


@contextmanager
def running_stack(
    *,
    a2e_url: str | None = None,
    a2e_token: str | None = None,
    simulator: SimulatorSettings | None = None,
    port: int = 0,
    parameters: dict[str, str] | None = None,
    enforce_authorization: bool = False,
) -> Iterator[tuple[LocalStack, Emulator]]:
    """Start and deploy everything; leaving ends it all. Without `a2e_url` A2E is simulated.

    `parameters` override the short waits; for `enforce_authorization` see `running_emulator`.
    Raises `CommandError`.
    """
    simulator = simulator or SimulatorSettings()
    with ExitStack() as cleanup:
        emulator = cleanup.enter_context(
            running_emulator(port, enforce_authorization=enforce_authorization)
        )
        is_simulated = a2e_url is None
        if a2e_url is None:
            a2e_url = cleanup.enter_context(running_simulator(simulator))
            a2e_token = simulator.token
        # A real A2E cannot reach this machine.
        hints = f"{emulator.endpoint_url}/_aws/execute-api/{{api}}/v1" if is_simulated else ""
        outputs = deploy(
            emulator,
            SHORT_WAITS
            | {
                "A2EUrl": a2e_url,
                "PermitLoopback": "true",
                "HintsUrl": hints,
            }
            | (NO_COIN_LIMITS if is_simulated else {})
            | (parameters or {}),
            a2e_token=a2e_token,
        )
        tokens = TokenTable(emulator.table(outputs["TokensTableName"]))
        endpoint = emulator.endpoint_url
        yield (
            LocalStack(
                api_url=outputs["ApiUrl"],
                token=tokens.create(owner=OWNER, name="local", now=datetime.now(UTC)),
                test_token=tokens.create(
                    owner=OWNER, name="test", now=datetime.now(UTC), test=True
                ),
                owner=OWNER,
                images_bucket=outputs["ImagesBucketName"],
                videos_bucket=outputs["VideosBucketName"],
                topic_arn=outputs["TaskEventsTopicArn"],
                queue_url=subscribed_queue(emulator, outputs["TaskEventsTopicArn"], "i2v-events"),
                tasks_table=outputs["TasksTableName"],
                tokens_table=outputs["TokensTableName"],
                state_machine_arn=outputs["StateMachineArn"],
                aws_endpoint_url=endpoint,
                a2e_url=a2e_url,
            ),
            emulator,
        )


def check_a2e(a2e_url: str, token: str) -> int | None:
    """Ask A2E for the balance, which is free; None where it names none.

    Raises `CommandError` if it refuses.
    """
    if not token.isascii() or not token.isprintable() or " " in token:
        raise CommandError("A2E_TOKEN is not a token; A2E's begin with sk_ and have no spaces.")
    try:
        answer = httpx.get(
            f"{a2e_url}/api/v1/user/remainingCoins",
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
        )
        body = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CommandError(f"A2E cannot be reached at {a2e_url}; check the address.") from error
    except ValueError as error:
        raise CommandError(f"What answers at {a2e_url} is not A2E; check the address.") from error
    if not isinstance(body, dict) or "code" not in body:
        raise CommandError(f"What answers at {a2e_url} is not A2E; check the address.")
    if {answer.status_code, body["code"]} & {401, 403}:
        raise CommandError(
            "A2E refuses the token in A2E_TOKEN; check it, and that your plan has an API."
        )
    data = body.get("data")
    coins = data.get("coins") if isinstance(data, dict) else None
    return coins if isinstance(coins, int) else None


def is_running(stack: dict[str, str]) -> bool:
    """True while the API of a stack answers."""
    try:
        return httpx.get(f"{stack['api_url']}/health", timeout=5).status_code == 200
    except (httpx.HTTPError, httpx.InvalidURL, KeyError):
        return False


def subscribed_queue(
    emulator: Emulator, topic_arn: str, name: str, filter_policy: str | None = None
) -> str:
    """A queue that receives every event, or those that a filter policy lets through."""
    sqs, sns = emulator.client("sqs"), emulator.client("sns")
    return subscribed(sqs, sns, topic_arn, name, filter_policy=filter_policy)[0]
