"""All checks, in the order in which they are run; each group can be asked for alone."""

from collections.abc import Iterable
from typing import Final

from i2v.doctor import a2e as a2e_checks
from i2v.doctor import account, alarms, api, deployment, events, functions, run, tasks
from i2v.doctor.examined import Examined
from i2v.doctor.findings import Check
from i2v.errors import CommandError

type StackCheck = Check[Examined]

GROUPS: Final[dict[str, tuple[StackCheck, ...]]] = {
    name: tuple(Check(examine) for examine in examines)
    for name, examines in {
        "account": (
            account.identity,
            account.concurrency_quota,
            account.workflow_quotas,
            account.log_role,
        ),
        "stack": (
            deployment.stack_status,
            deployment.protection,
            deployment.permissions,
            deployment.versions,
        ),
        "functions": (
            functions.function_state,
            functions.aliases,
            functions.environment,
            functions.workflow,
        ),
        "a2e": (a2e_checks.secrets, a2e_checks.a2e_account),
        "events": (events.dead_letters, events.rules, events.stream, events.bucket_events),
        "alarms": (alarms.alarm_state, alarms.alarm_mail, alarms.event_subscribers),
        "tasks": (tasks.stuck_tasks, tasks.schedules, tasks.tokens),
        "api": (api.health, api.refusals, api.open_routes, api.cors, api.contract),
        "drift": (deployment.drift,),
    }.items()
}
RUN: Final[tuple[StackCheck, ...]] = (Check(run.run_tasks), Check(alarms.alarm_metrics))
"""What `--run` adds; the first runs `run.CHECKS`."""


def chosen(only: Iterable[str], *, with_run: bool) -> list[StackCheck]:
    """The checks of these groups or names, or all. Raises `CommandError` for an unknown one."""
    asked = set(only)
    known = {*GROUPS, *(check.name for group in GROUPS.values() for check in group)}
    if unknown := sorted(asked - known):
        raise CommandError(
            f"There is no check {', '.join(unknown)}; the groups are {', '.join(GROUPS)}."
        )
    found = [
        check
        for name, group in GROUPS.items()
        for check in group
        if not asked or asked & {name, check.name}
    ]
    return [*found, *(RUN if with_run else ())]
