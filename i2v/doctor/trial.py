"""What `i2v doctor --run` needs: test tokens, a queue of its own, and no trace of them afterwards.

Nothing here may reach a real A2E: who asks for a trial of a stack without test mode is refused.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from image_to_video.adapters.token_table import TokenTable
from image_to_video.domain.statuses import TaskStatus

from i2v.doctor.examined import Examined
from i2v.doctor.findings import Finding, problem
from i2v.queues import subscribed
from i2v.simulator.sample import SAMPLE_PATH

OWNER: Final = "i2v-doctor"
"""To whom the tasks of trials belong."""
FINAL: Final = frozenset(status.value for status in TaskStatus if status.is_final)
"""The statuses in which a task has ended."""
_TOKEN_LIFE: Final = timedelta(hours=1)
_QUEUE_SECONDS: Final = 3600
_LEAST_WAIT: Final = 5.0
_PAUSE: Final = 1.0


@dataclass
class Trial:
    """One trial of a stack: by whose token, what it has started, and what it must take away."""

    stack: Examined
    name: str
    token: str
    revoked_token: str
    queue_url: str
    in_test_mode: bool
    deadline: float
    tasks: dict[str, str] = field(default_factory=dict)
    """The id of each task by its entry point."""
    ended: dict[str, dict[str, Any]] = field(default_factory=dict)
    objects: list[tuple[str, str]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """What could not be taken away."""

    def api(self) -> httpx.Client:
        """The API as the bearer of the test token."""
        return self.stack.http(token=self.token)

    def put(self, key: str, **arguments: Any) -> str:
        """Put the sample picture into the image bucket; the bucket's name."""
        bucket = self.stack.output("ImagesBucketName")
        self.objects.append((bucket, key))
        self.stack.client("s3").put_object(
            Bucket=bucket,
            Key=key,
            Body=SAMPLE_PATH.read_bytes(),
            ContentType="image/png",
            **arguments,
        )
        return bucket

    def end_of(self, api: httpx.Client, task_id: str) -> dict[str, Any]:
        """The task once it has ended, or as it is when the patience is at an end."""
        task: dict[str, Any] = {"task_id": task_id, "status": "unknown"}
        for _ in self.turns():
            answer = api.get(f"/tasks/{task_id}")
            if answer.status_code == 200:
                task = answer.json()
            if task["status"] in FINAL:
                break
        return task

    def turns(self) -> Iterator[None]:
        """One turn after another with a pause between, until the patience is at an end."""
        deadline = max(self.deadline, time.monotonic() + _LEAST_WAIT)
        while True:
            yield
            if time.monotonic() >= deadline:
                return
            time.sleep(_PAUSE)


def refusal(stack: Examined) -> Finding | None:
    """Why nothing may be started in a stack; None where it may."""
    if not knows_test_mode(stack) and not _is_simulated(stack):
        return problem(
            "--run was refused and nothing was started: this release knows no test mode, so its "
            "tasks would be paid",
            do="Deploy a release with test mode, then repeat.",
        )
    if not stack.local and not _is_of_one_release(stack):
        return problem(
            "--run was refused and nothing was started: the functions are of different releases, "
            "of which one may know no test mode",
            do="Wait until the deployment has ended, or deploy again; then repeat.",
        )
    return None


def _is_of_one_release(stack: Examined) -> bool:
    """Whether all functions run the same layers, and none is shifted between two versions."""
    layers = {
        tuple(layer["Arn"] for layer in function.get("Layers", []))
        for function in stack.functions.values()
    }
    # A function without any is not one that starts tasks.
    if len(layers - {()}) > 1 or str(stack.stack["StackStatus"]).endswith("_IN_PROGRESS"):
        return False
    for alias in stack.of_kind("AWS::Lambda::Alias"):
        function, _, name = alias.physical.partition(":function:")[2].partition(":")
        there = stack.client("lambda").get_alias(FunctionName=function, Name=name)
        if there.get("RoutingConfig", {}).get("AdditionalVersionWeights"):
            return False
    return True


def knows_test_mode(stack: Examined) -> bool:
    """Whether the stack's published contract says of tasks that they may be tests."""
    with stack.http() as api:
        schemas = api.get("/openapi.json").json()["components"]["schemas"]
    return "test" in schemas.get("TaskView", {}).get("properties", {})


def _is_simulated(stack: Examined) -> bool:
    """Whether a stack on this machine has the simulated A2E, which takes no money."""
    url = stack.variable("A2E_URL")
    if not stack.local or urlsplit(url).hostname not in ("127.0.0.1", "localhost"):
        return False
    with stack.http() as client:
        return client.get(f"{url.rstrip('/')}/_simulator/health").status_code == 200


@contextmanager
def prepared(stack: Examined) -> Iterator[Trial]:
    """A trial with its tokens and its queue; leaving takes them away, whatever happened."""
    name = f"i2v-doctor-{uuid4().hex[:12]}"
    tokens = TokenTable(stack.table("TokensTableName"))
    in_test_mode = knows_test_mode(stack)
    token = _trial_token(tokens, stack.now(), in_test_mode=in_test_mode)
    revoked = _trial_token(tokens, stack.now(), in_test_mode=in_test_mode)
    trial = Trial(
        stack=stack,
        name=name,
        token=token,
        revoked_token=revoked,
        queue_url="",
        in_test_mode=in_test_mode,
        deadline=time.monotonic() + stack.patience,
    )
    subscription = ""
    try:
        _revoke(tokens, revoked, stack.now())
        trial.queue_url, subscription = _subscribed(stack, name)
        yield trial
    finally:
        _take_away(trial, tokens, subscription)


def _trial_token(tokens: TokenTable, now: datetime, *, in_test_mode: bool) -> str:
    """A token whose tasks are tests; where A2E is simulated anyway, any token."""
    mode: dict[str, Any] = {"test": True} if in_test_mode else {}
    return tokens.create(
        owner=OWNER, name="i2v doctor", now=now, expires_at=now + _TOKEN_LIFE, **mode
    )


def _revoke(tokens: TokenTable, token: str, now: datetime) -> None:
    for record in tokens.find(token):
        tokens.revoke(record, now)


def _subscribed(stack: Examined, name: str) -> tuple[str, str]:
    """A queue that hears the events of tasks, and its subscription.

    Without a filter, which would take effect only minutes later on AWS.
    """
    kept = {"MessageRetentionPeriod": str(_QUEUE_SECONDS)}
    sqs, sns = stack.client("sqs"), stack.client("sns")
    return subscribed(sqs, sns, stack.output("TaskEventsTopicArn"), name, attributes=kept)


def _video_of(stack: Examined, task_id: str) -> list[tuple[str, str]]:
    """Where a task's video lies, by its record; nowhere if it has none."""
    try:
        reply = stack.table("TasksTableName").get_item(Key={"task_id": task_id})
    except (BotoCoreError, ClientError):
        return []
    video = reply.get("Item", {}).get("video")
    return [(video["bucket"], video["key"])] if video else []


def _take_away(trial: Trial, tokens: TokenTable, subscription: str) -> None:
    stack = trial.stack
    stored = [place for task_id in trial.tasks.values() for place in _video_of(stack, task_id)]
    steps: list[tuple[str, Any]] = [
        (
            "the object " + key,
            lambda place=(bucket, key): stack.client("s3").delete_object(
                Bucket=place[0], Key=place[1]
            ),
        )
        for bucket, key in [*trial.objects, *stored]
    ]
    if subscription:
        steps.append(
            (
                "the subscription " + subscription,
                lambda: stack.client("sns").unsubscribe(SubscriptionArn=subscription),
            )
        )
    if trial.queue_url:
        steps.append(
            (
                "the queue " + trial.queue_url,
                lambda: stack.client("sqs").delete_queue(QueueUrl=trial.queue_url),
            )
        )
    steps.append(("the token", lambda: _revoke(tokens, trial.token, stack.now())))
    for what, take_away in steps:
        try:
            take_away()
        except (BotoCoreError, ClientError):
            trial.left.append(what)
