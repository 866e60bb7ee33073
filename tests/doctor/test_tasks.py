"""Findings about tasks, schedules and tokens."""

from datetime import timedelta
from typing import Any

import pytest
from image_to_video.domain.records import iso

from i2v.doctor import tasks
from i2v.doctor.examined import Examined
from tests.doctor.conftest import NOW, Aws, described, found, resources, says

RULE = ("Schedule", "AWS::Events::Rule", "prod-schedule")
FUNCTION = ("ReconcileTasks", "AWS::Lambda::Function", "prod-reconcile")
TARGET = "arn:aws:lambda:eu-central-1:123456789012:function:prod-reconcile"


@pytest.fixture(autouse=True)
def _deployed(aws: Aws) -> None:
    tables = {"TasksTableName": "tasks", "TokensTableName": "tokens"}
    aws.answers["DescribeStacks"] = described(outputs=tables)
    aws.answers["ListStackResources"] = resources(RULE, FUNCTION)
    aws.answers["DescribeRule"] = {"ScheduleExpression": "rate(5 minutes)"}
    aws.answers["ListTargetsByRule"] = {"Targets": [{"Id": "1", "Arn": TARGET}]}
    aws.answers["GetFunctionConfiguration"] = {
        "FunctionName": "prod-reconcile",
        "LoggingConfig": {"LogGroup": "log"},
        "Environment": {"Variables": {"OVERDUE_SECONDS": ""}},
    }


def test_a_stuck_task_is_named(aws: Aws, stack: Examined) -> None:
    # Five minutes for the poll, and two turns of the schedule.
    latest = stack.now() - timedelta(minutes=15)

    def page(query: dict[str, Any]) -> dict[str, Any]:
        part = query["ExpressionAttributeValues"][":part"]
        due = {"t1": latest - timedelta(seconds=1), "t2": latest + timedelta(seconds=1)}
        there = [
            {"task_id": {"S": task_id}, "next_poll_at": {"S": iso(moment)}}
            for task_id, moment in due.items()
        ]
        return {"Items": there if part in ("3", {"S": "3"}) else []}

    aws.answers["Query"] = page
    assert says(tasks.stuck_tasks(stack), "problem", "1 open tasks are stuck, the oldest since 202")


def test_no_task_is_stuck(aws: Aws, stack: Examined) -> None:
    aws.answers["Query"] = {"Items": []}
    assert says(tasks.stuck_tasks(stack), "ok", "overdue by more than 900 s")


def logged(*ages: int) -> dict[str, Any]:
    moments = [NOW - timedelta(seconds=age) for age in ages]
    return {"events": [{"timestamp": int(one.timestamp() * 1000)} for one in moments]}


def counted(errors: float, runs: float) -> Any:
    return lambda asked: {
        "Datapoints": [{"Sum": errors if asked["MetricName"] == "Errors" else runs}]
    }


def test_a_schedule_that_runs(aws: Aws, stack: Examined) -> None:
    aws.answers["FilterLogEvents"] = logged(200, 30)
    aws.answers["GetMetricStatistics"] = counted(0, 3)
    words = "ReconcileTasks ran at 11:59:30"
    assert found(tasks.schedules(stack)) == [("ok", f"{words} (UTC)")]


def test_a_schedule_that_is_silent(aws: Aws, stack: Examined) -> None:
    aws.answers["FilterLogEvents"] = logged()
    assert says(tasks.schedules(stack), "problem", "ReconcileTasks has not run for 0:17:00")


def test_a_schedule_whose_runs_fail(aws: Aws, stack: Examined) -> None:
    aws.answers["FilterLogEvents"] = logged(30)
    aws.answers["GetMetricStatistics"] = counted(2, 3)
    assert says(tasks.schedules(stack), "problem", "2 of its last runs failed")


def test_a_young_stack_need_not_have_run_yet(aws: Aws, stack: Examined) -> None:
    aws.answers["DescribeStacks"] = described(CreationTime=NOW - timedelta(minutes=1))
    assert says(tasks.schedules(stack), "ok", "too young")


def token(**members: str) -> dict[str, Any]:
    usual = {
        "token_sha256": "a" * 64,
        "owner": "anna",
        "name": "i2v",
        "created_at": "2026-01-01T00:00:00.000Z",
    }
    return {name: {"S": value} for name, value in (usual | members).items()}


@pytest.mark.parametrize(
    ("items", "level", "words"),
    [
        ([], "warning", "no valid token"),
        ([token(revoked_at="2026-02-01T00:00:00.000Z")], "warning", "no valid token"),
        ([token(expires_at="2026-11-28T00:00:00.000Z")], "warning", "expire within a week: aaaa"),
        ([token()], "ok", "1 tokens are valid"),
    ],
)
def test_tokens(
    aws: Aws, stack: Examined, items: list[dict[str, Any]], level: str, words: str
) -> None:
    aws.answers["Scan"] = {"Items": items}
    assert says(tasks.tokens(stack), level, words)
