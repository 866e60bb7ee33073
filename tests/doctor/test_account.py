"""Findings about the account: who asks, quotas, and the role for logs."""

import pytest

from i2v.doctor import account
from i2v.doctor.examined import Examined
from tests.doctor.conftest import Aws, Refused, found, says

ROLE = "arn:aws:iam::123456789012:role/gateway-logs"


def limits(total: int, free: int) -> dict[str, dict[str, int]]:
    return {"AccountLimit": {"ConcurrentExecutions": total, "UnreservedConcurrentExecutions": free}}


def test_who_asks_is_told(aws: Aws, stack: Examined) -> None:
    aws.answers["GetCallerIdentity"] = {"Account": "123456789012", "Arn": "arn:aws:iam::1:user/a"}
    assert says(account.identity(stack), "ok", "account 123456789012, region eu-central-1")


@pytest.mark.parametrize(
    ("total", "free", "level"), [(10, 10, "warning"), (1000, 20, "warning"), (1000, 900, "ok")]
)
def test_few_functions_at_once_are_a_warning(
    aws: Aws, stack: Examined, total: int, free: int, level: str
) -> None:
    aws.answers["GetAccountSettings"] = limits(total, free)
    assert says(account.concurrency_quota(stack), level, f"{total}")


def test_quotas_of_step_functions_are_told(aws: Aws, stack: Examined) -> None:
    quotas = [
        {"QuotaName": "StateTransition throttle token refill rate per second", "Value": 800.0},
        {"QuotaName": "Registered state machines", "Value": 10000.0},
    ]
    aws.answers["ListServiceQuotas"] = {"Quotas": quotas}
    assert found(account.workflow_quotas(stack)) == [
        ("ok", "StateTransition throttle token refill rate per second: 800")
    ]


def test_quotas_under_unknown_names_are_skipped(aws: Aws, stack: Examined) -> None:
    aws.answers["ListServiceQuotas"] = {"Quotas": []}
    assert says(account.workflow_quotas(stack), "skipped", "lists none")
    stack.local = True
    assert says(account.workflow_quotas(stack), "skipped", "emulator")


def test_without_a_role_no_access_log_is_kept(aws: Aws, stack: Examined) -> None:
    aws.answers["GetAccount"] = {}
    assert says(account.log_role(stack), "problem", "no role to write logs with")


def test_the_role_must_exist(aws: Aws, stack: Examined) -> None:
    aws.answers["GetAccount"] = {"cloudwatchRoleArn": ROLE}
    aws.answers["GetRole"] = Refused("NoSuchEntity")
    assert says(account.log_role(stack), "problem", "gateway-logs, does not exist any more")
    aws.answers["GetRole"] = {"Role": {"RoleName": "gateway-logs"}}
    assert says(account.log_role(stack), "ok", "gateway-logs")
