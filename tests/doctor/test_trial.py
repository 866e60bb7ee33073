"""A trial starts nothing that may be paid, and takes away what it made."""

from typing import Any

import httpx
import pytest

from i2v.doctor.examined import Examined
from i2v.doctor.findings import Check, Level
from i2v.doctor.run import CHECKS, run_tasks
from i2v.doctor.runner import run
from i2v.doctor.trial import Trial, refusal
from tests.doctor.conftest import Aws, Refused, Web, described, resources

FUNCTIONS = [(name, "AWS::Lambda::Function", name) for name in ("api", "upload")]
TABLES = {"TasksTableName": "tasks", "TokensTableName": "tokens"}


def contract(web: Web, *properties: str) -> None:
    schemas = {"TaskView": {"properties": dict.fromkeys(properties, "")}}
    answer = httpx.Response(200, json={"components": {"schemas": schemas}})
    web.answers["GET", "/v1/openapi.json"] = answer


def functions(aws: Aws, a2e: str = "https://a2e.example", **layers: str) -> None:
    aws.answers["ListStackResources"] = resources(*FUNCTIONS)
    aws.answers["GetFunctionConfiguration"] = lambda asked: {
        "FunctionName": asked["FunctionName"],
        "Layers": [{"Arn": layers.get(asked["FunctionName"], "layer:1")}],
        "Environment": {"Variables": {"A2E_URL": a2e}},
    }


def test_a_release_without_test_mode_is_refused(aws: Aws, web: Web, stack: Examined) -> None:
    contract(web, "task_id")
    functions(aws)
    [found] = run([Check(run_tasks)], stack)
    assert found.level is Level.PROBLEM
    assert "nothing was started: this release knows no test mode" in found.says
    assert {one.method for one in web.asked} == {"GET"}
    assert "PutItem" not in aws.asked


def test_so_is_one_here_that_has_the_real_a2e(aws: Aws, web: Web, stack: Examined) -> None:
    stack.local = True
    contract(web, "task_id")
    functions(aws)
    assert refusal(stack)


def test_so_is_one_of_two_releases(aws: Aws, web: Web, stack: Examined) -> None:
    contract(web, "task_id", "test")
    functions(aws, upload="layer:2")
    found = refusal(stack)
    assert found
    assert "of different releases" in found.says


def test_so_is_one_that_is_being_shifted(aws: Aws, web: Web, stack: Examined) -> None:
    contract(web, "task_id", "test")
    functions(aws)
    alias = "arn:aws:lambda:eu-central-1:123456789012:function:api:live"
    aws.answers["ListStackResources"] = resources(
        *FUNCTIONS, ("ApiAliaslive", "AWS::Lambda::Alias", alias)
    )
    aws.answers["GetAlias"] = {}
    assert refusal(stack) is None
    aws.answers["GetAlias"] = {"RoutingConfig": {"AdditionalVersionWeights": {"2": 0.1}}}
    assert refusal(stack)


def test_so_is_one_that_is_being_deployed(aws: Aws, web: Web, stack: Examined) -> None:
    contract(web, "task_id", "test")
    functions(aws)
    aws.answers["DescribeStacks"] = described("UPDATE_IN_PROGRESS")
    assert refusal(stack)


def test_test_mode_or_a_simulated_a2e_is_enough(aws: Aws, web: Web, stack: Examined) -> None:
    contract(web, "task_id", "test")
    functions(aws)
    assert refusal(stack) is None
    stack.local = True
    contract(web, "task_id")
    functions(aws, a2e="http://127.0.0.1:9")
    del stack.functions
    web.answers["GET", "/_simulator/health"] = httpx.Response(200)
    assert refusal(stack) is None


@pytest.fixture
def trial(aws: Aws, stack: Examined) -> Trial:
    aws.answers |= {"DescribeStacks": described(outputs=TABLES), "PutObject": {}}
    return Trial(
        stack=stack,
        name="trial",
        token="a token",
        revoked_token="another",
        queue_url="https://sqs.example/1/q",
        in_test_mode=True,
        deadline=0,
    )


def test_a_task_that_is_no_test_is_canceled_and_ends_the_trial(web: Web, trial: Trial) -> None:
    web.answers["POST", "/v1/tasks"] = httpx.Response(202, json={"task_id": "t1"})
    starts = [check for check in CHECKS if check.name in ("run-rest", "run-upload", "run-form")]
    found = list(run(starts, trial))
    assert "a task of a test token is no test" in found[0].says
    assert ("POST", "/v1/tasks/t1/cancel") in [(one.method, one.url.path) for one in web.asked]
    assert [one.level for one in found if one.check != "run-rest"] == [Level.SKIPPED] * 2
    # The picture that POST /tasks was to read; nothing under uploads/, which would be a task.
    assert [key for _, key in trial.objects] == ["lent/trial.png"]


def test_an_upload_is_marked_as_a_test(aws: Aws, web: Web, trial: Trial) -> None:
    sent: list[dict[str, Any]] = []

    def put(asked: dict[str, Any]) -> dict[str, Any]:
        sent.append(asked)
        return {}

    aws.answers["PutObject"] = put
    trial.tasks["rest"] = "t1"
    web.answers["GET", "/v1/tasks"] = httpx.Response(500, json={})
    list(run([check for check in CHECKS if check.name == "run-upload"], trial))
    assert [one["Metadata"]["test"] for one in sent] == ["true"]


def test_what_cannot_be_taken_away_is_told(aws: Aws, web: Web, stack: Examined) -> None:
    contract(web, "task_id")
    stack.local = True
    functions(aws, a2e="http://127.0.0.1:9")
    web.answers["GET", "/_simulator/health"] = httpx.Response(200)
    topic = "arn:aws:sns:eu-central-1:123456789012:events:1"
    aws.answers |= {
        "DescribeStacks": described(outputs=TABLES),
        "PutItem": {},
        "UpdateItem": {},
        "GetItem": {},
        "Scan": {"Items": []},
        "CreateQueue": {"QueueUrl": "https://sqs.example/1/q"},
        "GetQueueAttributes": {"Attributes": {"QueueArn": "arn:q"}},
        "SetQueueAttributes": {},
        "Subscribe": {"SubscriptionArn": topic},
        "PutObject": {},
        "DeleteObject": {},
        "Unsubscribe": {},
        "DeleteQueue": Refused("AccessDenied"),
        "ReceiveMessage": {},
        "Invoke": {},
    }
    found = list(run([Check(run_tasks)], stack))
    assert found[-1].says == "left behind: the queue https://sqs.example/1/q"
    assert {"Unsubscribe", "DeleteQueue", "DeleteObject"} <= set(aws.asked)
    assert next(one.check for one in found if one.level is Level.PROBLEM) == "run-rest"
