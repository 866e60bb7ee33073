"""`i2v restore`: bring records back from a restored copy of the tasks table; pay nothing twice."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from image_to_video.adapters.task_table import TaskTable, task_of
from image_to_video.domain.errors import TaskNotFoundError
from image_to_video.domain.restored import restored

from i2v.deployed import Deployed
from i2v.deployment import STACK_NAME
from i2v.errors import CommandError

# The most that the template permits: each of these starts is looked up before another is paid.
_MOST_ATTEMPTS = 5


def restore(
    from_table: Annotated[str, typer.Option(help="The restored copy of the tasks table.")],
    task: Annotated[
        list[str] | None,
        typer.Option(help="Only this task, also over a record that is there. May be repeated."),
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be done.")] = False,
    stack_name: Annotated[str, typer.Option(help="The stack on AWS.")] = STACK_NAME,
    local: Annotated[bool, typer.Option(help="A stack on the emulator of `i2v up`.")] = False,
) -> None:
    """Bring back records that the tasks table lacks. Open tasks go on by the next reconcile."""
    stack = Deployed(stack_name, local=local)
    done: Counter[str] = Counter()
    try:
        days = int(stack.parameter("TaskRetentionDays"))
        live = TaskTable(stack.table("TasksTableName"), retention_days=days)
        for item in _items(stack.table_named(from_table)):
            task_id = str(item.get("task_id"))
            if task is None or task_id in task:
                outcome = _bring_back(item, live, over=task is not None, dry_run=dry_run)
                done[outcome] += 1
                if task is not None or outcome == "unreadable":
                    typer.echo(f"{task_id} {outcome}")
    except (BotoCoreError, ClientError) as error:
        raise CommandError(f"AWS refused: {error}") from error
    for outcome, number in sorted(done.items()):
        typer.echo(f"{number} {outcome}", err=True)
    if task is not None and sum(done.values()) < len(set(task)):
        raise CommandError(f"Not every task is in {from_table}.")
    if done["unreadable"]:
        raise typer.Exit(1)


def _items(table: Any) -> Iterator[dict[str, Any]]:
    page: dict[str, Any] = {}
    while True:
        reply = table.scan(**page, ConsistentRead=True)
        yield from reply["Items"]
        if "LastEvaluatedKey" not in reply:
            return
        page = {"ExclusiveStartKey": reply["LastEvaluatedKey"]}


def _bring_back(item: dict[str, Any], live: TaskTable, *, over: bool, dry_run: bool) -> str:
    """What became of one record; it is written only where nobody was quicker."""
    try:
        kept = task_of(item)
    except ValueError:
        return "unreadable"
    try:
        there = live.get(kept.task_id)
    except TaskNotFoundError:
        there = None
    if there is not None and not over:
        return "there already"
    if dry_run:
        return "would be restored"
    moment = datetime.now(UTC)
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    again = restored(kept, moment, max_attempts=_MOST_ATTEMPTS)
    return "restored" if live.restore(again, over=there) else "changed meanwhile"
