"""`i2v doctor` on a whole stack: healthy, and with one thing after another broken."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from i2v.doctor.checks import RUN, chosen
from i2v.doctor.examined import Examined
from i2v.doctor.findings import Finding, Level
from i2v.doctor.run import CHECKS
from i2v.doctor.runner import run
from i2v.doctor.trial import knows_test_mode
from i2v.emulator import local_session
from i2v.main import app
from tests.e2e.conftest import Running
from tests.support.patience import until

STACK = "image-to-video"
LATE = "2026-01-01T00:00:00.000Z"


@pytest.fixture
def stack(running: Running) -> Iterator[Examined]:
    """The shared stack as the doctor sees it, nothing of it read yet."""
    endpoint = running.emulator.endpoint_url
    examined = Examined(local_session(), STACK, local=True, endpoint_url=endpoint)
    yield examined
    examined.close()


def physical(stack: Examined, name: str) -> str:
    return next(resource.physical for resource in stack.resources if resource.name == name)


def complaints(stack: Examined, *only: str) -> list[Finding]:
    """What the doctor has against a stack, by these checks."""
    found = run(chosen(only, with_run=False), stack)
    return [one for one in found if one.level in (Level.WARNING, Level.PROBLEM)]


# ---------------------------------------------------------------- what can break, and its repair
# Each breaks one thing and takes it back; the doctor must say the words beside it.


@contextmanager
def emptied_secret(stack: Examined) -> Iterator[None]:
    with secret_of(stack, " "):
        yield


@contextmanager
def refused_token(stack: Examined) -> Iterator[None]:
    with secret_of(stack, "sk_" + "wrong"):
        yield


@contextmanager
def secret_of(stack: Examined, text: str) -> Iterator[None]:
    secrets, name = stack.client("secretsmanager"), physical(stack, "A2ETokenSecret")
    before = secrets.get_secret_value(SecretId=name)["SecretString"]
    secrets.put_secret_value(SecretId=name, SecretString=text)
    yield
    secrets.put_secret_value(SecretId=name, SecretString=before)


@contextmanager
def no_tokens(stack: Examined) -> Iterator[None]:
    table = stack.table("TokensTableName")
    items = table.scan()["Items"]
    for item in items:
        table.delete_item(Key={"token_sha256": item["token_sha256"]})
    yield
    for item in items:
        table.put_item(Item=item)


@contextmanager
def blind_authorizer(stack: Examined) -> Iterator[None]:
    with variables(stack, "AuthorizeFunction", TOKENS_TABLE="nowhere"):
        yield


@contextmanager
def broken_environment(stack: Examined) -> Iterator[None]:
    with variables(stack, "StoreVideoFunction", VIDEOS_BUCKET="nowhere"):
        yield


@contextmanager
def variables(stack: Examined, function: str, **changed: str) -> Iterator[None]:
    client, name = stack.client("lambda"), physical(stack, function)
    before = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    publish(client, name, Environment={"Variables": before | changed})
    yield
    publish(client, name, Environment={"Variables": before})
    until(lambda: client.get_function_configuration(FunctionName=name)["State"] == "Active")


def publish(client: Any, name: str, **configuration: Any) -> None:
    """Change a function as a deployment does: its callers name the alias of a version."""
    client.update_function_configuration(FunctionName=name, **configuration)
    version = client.publish_version(FunctionName=name)["Version"]
    client.update_alias(FunctionName=name, Name="live", FunctionVersion=version)


@contextmanager
def switched_off(stack: Examined) -> Iterator[None]:
    client, name = stack.client("lambda"), physical(stack, "RedriveTaskFunction")
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    yield
    client.delete_function_concurrency(FunctionName=name)


@contextmanager
def dead_letter(stack: Examined) -> Iterator[None]:
    sqs, queue = stack.client("sqs"), physical(stack, "PublishEventsDeadLetters")
    sqs.send_message(QueueUrl=queue, MessageBody="{}")
    yield
    sqs.purge_queue(QueueUrl=queue)


@contextmanager
def stuck_task(stack: Examined) -> Iterator[None]:
    """One that nobody revives, because nobody can read its record."""
    table = stack.table("TasksTableName")
    table.put_item(Item={"task_id": "stuck", "open": "3", "next_poll_at": LATE, "event": "none"})
    yield
    table.delete_item(Key={"task_id": "stuck"})


@contextmanager
def disabled_rule(stack: Examined) -> Iterator[None]:
    events, name = stack.client("events"), physical(stack, "ReconcileTasksFunctionSchedule")
    events.disable_rule(Name=name)
    yield
    events.enable_rule(Name=name)


@contextmanager
def disabled_stream(stack: Examined) -> Iterator[None]:
    [mapping] = stack.of_kind("AWS::Lambda::EventSourceMapping")
    client = stack.client("lambda")
    client.update_event_source_mapping(UUID=mapping.physical, Enabled=False)
    yield
    client.update_event_source_mapping(UUID=mapping.physical, Enabled=True)


@contextmanager
def silent_bucket(stack: Examined) -> Iterator[None]:
    s3, bucket = stack.client("s3"), stack.output("ImagesBucketName")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    yield
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )


@contextmanager
def other_role(stack: Examined) -> Iterator[None]:
    with machine(stack, roleArn="arn:aws:iam::123456789012:role/somebody"):
        yield


@contextmanager
def other_function(stack: Examined) -> Iterator[None]:
    client, arn = stack.client("stepfunctions"), stack.output("StateMachineArn")
    definition = client.describe_state_machine(stateMachineArn=arn)["definition"]
    changed = definition.replace(physical(stack, "StoreVideoFunction"), "of-another-stack")
    with machine(stack, definition=changed):
        yield


@contextmanager
def machine(stack: Examined, **changed: str) -> Iterator[None]:
    client, arn = stack.client("stepfunctions"), stack.output("StateMachineArn")
    there = client.describe_state_machine(stateMachineArn=arn)
    client.update_state_machine(stateMachineArn=arn, **changed)
    yield
    client.update_state_machine(stateMachineArn=arn, **{name: there[name] for name in changed})


@contextmanager
def lost_permission(stack: Examined) -> Iterator[None]:
    iam, role = stack.client("iam"), physical(stack, "PollTaskFunctionRole")
    policy = "permissions"
    before = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    changed = json.loads(json.dumps(before).replace('"dynamodb:PutItem"', '"dynamodb:Scan"'))
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(changed))
    yield
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(before))


@contextmanager
def two_layers(stack: Examined) -> Iterator[None]:
    client, name = stack.client("lambda"), physical(stack, "RedriveTaskFunction")
    before = [layer["Arn"] for layer in stack.functions["RedriveTaskFunction"]["Layers"]]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("python/nothing.py", "")
    published = client.publish_layer_version(
        LayerName=before[0].split(":")[6],
        Description="image-to-video 0.0.1",
        Content={"ZipFile": archive.getvalue()},
    )
    publish(client, name, Layers=[published["LayerVersionArn"]])
    stack.__dict__.pop("functions")
    yield
    publish(client, name, Layers=before)
    until(lambda: client.get_function_configuration(FunctionName=name)["State"] == "Active")


@contextmanager
def ringing_alarm(stack: Examined) -> Iterator[None]:
    client, name = stack.client("cloudwatch"), physical(stack, "ApiAlarm")
    client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
    yield
    client.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="a test")


@contextmanager
def other_origin(stack: Examined) -> Iterator[None]:
    """The gateway's answers permit an origin that CorsOrigin does not name."""
    permitted = {"gatewayresponse.header.Access-Control-Allow-Origin": "'https://old.example'"}
    with deployed_answer(stack, "UNAUTHORIZED", responseParameters=permitted):
        yield


@contextmanager
def other_answer(stack: Examined) -> Iterator[None]:
    """The stage serves a deployment whose answers are not the template's."""
    with deployed_answer(stack, "MISSING_AUTHENTICATION_TOKEN", statusCode="403"):
        yield


@contextmanager
def deployed_answer(stack: Examined, kind: str, **changed: Any) -> Iterator[None]:
    gateway, api = stack.client("apigateway"), stack.output("ApiId")
    answer = {"restApiId": api, "responseType": kind}
    there = gateway.get_gateway_response(**answer)
    kept = {n: there[n] for n in ("statusCode", "responseTemplates", "responseParameters")}
    for values in (kept | changed, kept):
        gateway.put_gateway_response(**answer, **values)
        gateway.create_deployment(restApiId=api, stageName="v1")
        if values != kept:
            yield


BROKEN: dict[Callable[[Examined], Any], tuple[str, str]] = {
    emptied_secret: ("secrets", "A2ETokenSecret is empty"),
    refused_token: ("a2e-account", "refuses the token"),
    no_tokens: ("tokens", "no valid token"),
    blind_authorizer: ("refusals", "instead of 401"),
    broken_environment: ("environment", "StoreVideoFunction has other or invalid variables: VID"),
    switched_off: ("function-state", "RedriveTaskFunction is switched off"),
    dead_letter: ("dead-letters", "PublishEventsDeadLetters holds 1"),
    stuck_task: ("stuck-tasks", "1 open tasks are stuck, the oldest since 2026-01-01"),
    disabled_rule: ("rules", "ReconcileTasksFunctionSchedule is disabled"),
    disabled_stream: ("stream", "no events are sent"),
    silent_bucket: ("bucket-events", "uploads become no tasks"),
    other_role: ("workflow", "runs as somebody"),
    other_function: ("workflow", "calls of-another-stack"),
    lost_permission: ("permissions", "PollTaskFunctionRole lacks dynamodb:PutItem"),
    two_layers: ("versions", "different versions of the layer"),
    ringing_alarm: ("alarm-state", "ApiAlarm rings"),
    other_answer: ("refusals", "GET /no-such-route is answered by 403 instead of 404"),
    other_origin: ("cors", "the gateway's own 401 permits https://old.example"),
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_what_is_broken_is_named(stack: Examined, broken: Callable[[Examined], Any]) -> None:
    check, words = BROKEN[broken]
    assert not complaints(stack, check), "before"
    fresh = Examined(stack.session, STACK, local=True, endpoint_url=stack.endpoint_url)
    with broken(stack):
        found = complaints(fresh, check)
    assert words in " | ".join(one.says for one in found)
    assert all(one.do for one in found)
    again = Examined(stack.session, STACK, local=True, endpoint_url=stack.endpoint_url)
    assert not complaints(again, check), "after its repair"


# ------------------------------------------------------------------ through the command line


@pytest.fixture
def stack_file(running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shared stack is the one that `i2v up` is said to run."""
    file = tmp_path / "stack.json"
    file.write_text(json.dumps(running.stack.as_dict()))
    monkeypatch.setattr("i2v.doctor.examined.STACK_FILE", file)


@pytest.mark.usefixtures("stack_file")
def test_a_healthy_stack_runs_tasks_through_each_way_in(running: Running, stack: Examined) -> None:
    queues = running.emulator.client("sqs").list_queues()["QueueUrls"]
    before = running.ledger()

    result = CliRunner().invoke(app, ["doctor", "--local", "--run", "--json"])

    told = json.loads(result.stdout)
    assert [one for one in told["findings"] if one["level"] == "problem"] == []
    assert result.exit_code == 0
    ok = {one["check"] for one in told["findings"] if one["level"] == "ok"}
    assert {check.name for check in CHECKS} <= ok
    videos = [one for one in told["findings"] if one["check"] == "run-video"]
    assert len(videos) == 3
    assert running.emulator.client("sqs").list_queues()["QueueUrls"] == queues
    # In test mode none is charged.
    assert len(running.ledger()) <= len(before) + (0 if knows_test_mode(stack) else 4)
    tokens = running.emulator.table(running.stack.tokens_table).scan()["Items"]
    made = [item for item in tokens if item["owner"] == "i2v-doctor"]
    assert len(made) == 2
    assert all("revoked_at" in item for item in made)


@pytest.mark.usefixtures("stack_file")
def test_five_things_are_broken_and_all_five_are_named(stack: Examined) -> None:
    five = [emptied_secret, dead_letter, disabled_rule, silent_bucket, lost_permission]
    with ExitStack() as broken_now:
        for broken in five:
            broken_now.enter_context(broken(stack))
        result = CliRunner().invoke(app, ["doctor", "--local"])
    assert result.exit_code == 1
    lines = [line for line in result.stdout.splitlines() if line.startswith("problem")]
    for broken in five:
        check, words = BROKEN[broken]
        assert [line for line in lines if f" {check}: " in line and words in line], broken
    assert len(lines) == len(five)


@pytest.mark.usefixtures("stack_file")
def test_a_warning_fails_only_where_it_is_asked_for() -> None:
    for arguments, code in (([], 0), (["--strict"], 1)):
        asked = ["doctor", "--local", "--only", "alarm-mail", *arguments]
        result = CliRunner().invoke(app, asked)
        assert "warning  alarm-mail: the alarms reach nobody" in result.stdout
        assert result.exit_code == code


@pytest.mark.usefixtures("stack_file")
def test_what_is_no_stack_is_not_examined() -> None:
    result = CliRunner().invoke(app, ["doctor", "--local", "--stack-name", "nothing"])
    assert result.exit_code == 2
    assert "There is no stack nothing here" in result.stderr


def test_a_trial_where_uploads_are_lost_ends_and_says_so(stack: Examined) -> None:
    stack.patience = 1
    with silent_bucket(stack):
        found = list(run(RUN[:1], stack))
    told = {one.check: one.says for one in found if one.level is Level.PROBLEM}
    assert "a picture in the bucket became no task" in told["run-upload"]
    assert "run-form" not in told
    assert not [one for one in found if one.says.startswith("left behind")]


def test_nothing_is_started_where_it_might_be_paid(
    stack: Examined, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack that is none of this machine, and knows no test mode."""
    monkeypatch.setattr("i2v.doctor.trial.knows_test_mode", lambda _: False)
    stack.local = False
    found = list(run(RUN[:1], stack))
    assert [(one.check, one.level) for one in found] == [("run-tasks", Level.PROBLEM)]
    assert "was refused and nothing was started" in found[0].says
