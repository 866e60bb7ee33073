"""Checks of the account and region: who asks, and the quotas and settings that all share."""

from typing import Any, Final

from i2v.doctor.examined import Examined
from i2v.doctor.findings import Findings, ok, problem, skipped, warning

# A new account may have 10. The API, its authorizer, uploads and steps run at the same time.
_FEW_EXECUTIONS: Final = 100
# What the largest default of Step Functions means is said in docs/operations.md, "Scale".
_STATES_QUOTAS: Final = ("statetransition", "startexecution")


def identity(stack: Examined) -> Findings:
    """Who asks, in which account and region."""
    caller = stack.client("sts").get_caller_identity()
    region = stack.session.region_name
    yield ok(f"account {caller['Account']}, region {region}, as {caller['Arn']}")


def concurrency_quota(stack: Examined) -> Findings:
    """How many functions the account may run at once."""
    limit = stack.client("lambda").get_account_settings()["AccountLimit"]
    all_of_them, free = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    if free < _FEW_EXECUTIONS:
        yield warning(
            f"the account runs {all_of_them} functions at once, {free} without a reservation: "
            "a few uploads or videos at once make the API answer 429 or 503",
            do="Ask for 1,000 in Service Quotas: AWS Lambda, Concurrent executions (L-B99A9384).",
        )
    else:
        yield ok(f"{all_of_them} functions may run at once, {free} of them unreserved")


def workflow_quotas(stack: Examined) -> Findings:
    """What Step Functions permits in this account."""
    if stack.local:
        yield skipped("the emulator has no quotas")
        return
    client = stack.client("service-quotas")
    quotas: list[dict[str, Any]] = []
    page: dict[str, Any] = {}
    for _ in range(10):
        reply = client.list_service_quotas(ServiceCode="states", MaxResults=100, **page)
        quotas += reply["Quotas"]
        if "NextToken" not in reply:
            break
        page = {"NextToken": reply["NextToken"]}
    told = [
        f"{quota['QuotaName']}: {quota['Value']:g}"
        for quota in quotas
        if any(word in quota["QuotaName"].lower().replace(" ", "") for word in _STATES_QUOTAS)
    ]
    if told:
        yield ok("; ".join(sorted(told)))
    else:
        yield skipped("Service Quotas lists none for StateTransition and StartExecution")


def log_role(stack: Examined) -> Findings:
    """The role with which API Gateway writes logs in this account and region."""
    role = stack.client("apigateway").get_account().get("cloudwatchRoleArn")
    do = "Deploy with SetApiGatewayLogRole=true, or set a role: aws apigateway update-account"
    if not role:
        yield problem("API Gateway has no role to write logs with: no access log is kept", do=do)
        return
    client = stack.client("iam")
    name = role.rpartition("/")[2]
    try:
        client.get_role(RoleName=name)
    except client.exceptions.NoSuchEntityException:
        yield problem(f"API Gateway's role for logs, {name}, does not exist any more", do=do)
        return
    yield ok(f"API Gateway writes logs as {name}")
