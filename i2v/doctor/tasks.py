"""Checks of the tasks: none is stuck, and what finds stuck ones runs; and of the tokens."""

from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any, Final

from image_to_video.adapters.task_table import TaskTable
from image_to_video.adapters.token_table import TokenTable
from image_to_video.domain.records import iso

from i2v.doctor.events import scheduled
from i2v.doctor.examined import Examined
from i2v.doctor.findings import Findings, named, ok, problem, warning

_MOST: Final = 1000
_OVERDUE: Final = timedelta(minutes=5)
_RATE: Final = timedelta(minutes=5)
# Turns that a schedule may miss before it counts as silent; and what Lambda's log may lag behind.
_TURNS: Final = 3
_LAG: Final = timedelta(minutes=2)
_LOG_PAGES: Final = 20


def stuck_tasks(stack: Examined) -> Findings:
    """Whether every open task moves: none is far overdue."""
    overdue = stack.variable("OVERDUE_SECONDS")
    allowed = timedelta(seconds=int(overdue)) if overdue.isdecimal() else _OVERDUE
    # One that is overdue is given a new workflow at the next turn, or at the one after.
    allowed += 2 * max([*scheduled(stack).values()], default=_RATE)
    table = TaskTable(stack.table("TasksTableName"), retention_days=0)
    latest = stack.now() - allowed
    due_before = takewhile(lambda open_task: open_task[0] < iso(latest), table.open_tasks(latest))
    late = list(islice(due_before, _MOST))
    if not late:
        yield ok(f"no open task is overdue by more than {allowed.total_seconds():.0f} s")
        return
    more = "at least " if len(late) == _MOST else ""
    first = named([task_id for _, task_id in late])
    yield problem(
        f"{more}{len(late)} open tasks are stuck, the oldest since {late[0][0]}: {first}",
        do=f".venv/bin/i2v redrive {late[0][1]}, and see the log of reconcile_tasks and poll_task.",
    )


def schedules(stack: Examined) -> Findings:
    """Whether what runs by the clock ran lately, such as the search for stuck tasks."""
    made = stack.stack["CreationTime"]
    for function, rate in scheduled(stack).items():
        window = _TURNS * rate + _LAG
        name, config = _function(stack, function)
        if stack.now() - made < window:
            yield ok(f"{name} is due every {rate}; the stack is too young to tell more")
            continue
        last = _last_run(stack, config, stack.now() - window)
        if last is None:
            yield problem(
                f"{name} has not run for {window}, although it is due every {rate}",
                do="See whether its rule is enabled, and its log for what ends it.",
            )
        elif (failed := _errors(stack, function, stack.now() - window)) is not None:
            yield problem(
                f"{name} ran, but {failed:g} of its last runs failed", do=f"See the log of {name}."
            )
        else:
            yield ok(f"{name} ran at {last:%H:%M:%S} (UTC)")


def _function(stack: Examined, physical: str) -> tuple[str, dict[str, Any]]:
    for name, config in stack.functions.items():
        if config["FunctionName"] == physical:
            return name, config
    raise LookupError(f"the function {physical} does not exist any more")


def _last_run(stack: Examined, config: dict[str, Any], since: datetime) -> datetime | None:
    """When the function last wrote into its log: the one trace that every region has at once."""
    logs = stack.client("logs")
    group = (
        config.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
    )
    page: dict[str, Any] = {}
    seen = 0.0
    try:
        for _ in range(_LOG_PAGES):
            reply = logs.filter_log_events(
                logGroupName=group, startTime=int(since.timestamp() * 1000), **page
            )
            seen = max([seen, *(event["timestamp"] / 1000 for event in reply["events"])])
            if "nextToken" not in reply:
                break
            page = {"nextToken": reply["nextToken"]}
    except logs.exceptions.ResourceNotFoundException:
        return None
    return datetime.fromtimestamp(seen, since.tzinfo) if seen else None


def _errors(stack: Examined, function: str, since: datetime) -> float | None:
    """How many runs failed, where at least half of them did; None elsewhere."""
    if stack.local:
        return None
    sums = {}
    for metric in ("Errors", "Invocations"):
        points = stack.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": "FunctionName", "Value": function}],
            StartTime=since,
            EndTime=stack.now(),
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        sums[metric] = sum(point["Sum"] for point in points)
    failed: float = sums["Errors"]
    return failed if failed and 2 * failed >= sums["Invocations"] else None


def tokens(stack: Examined) -> Findings:
    """Whether anybody has a valid token."""
    records = TokenTable(stack.table("TokensTableName")).records()
    valid = [record for record in records if record.is_valid(stack.now())]
    if not valid:
        yield warning(
            "there is no valid token: nobody can call the API",
            do=".venv/bin/i2v token create --owner NAME",
        )
        return
    soon = stack.now() + timedelta(days=7)
    ending = [r.token_id for r in valid if r.expires_at and r.expires_at < soon]
    if ending:
        yield warning(
            f"tokens expire within a week: {named(ending)}",
            do="Give their bearers new ones: .venv/bin/i2v token create",
        )
    else:
        yield ok(f"{len(valid)} tokens are valid, {len(records) - len(valid)} are not any more")
