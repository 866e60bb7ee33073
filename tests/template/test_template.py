"""What the template and another file both state is the same in both."""

import re
import tomllib
from typing import Any

import pytest
import yaml
from image_to_video import a2e_access
from image_to_video.adapters import safe_download as downloads
from image_to_video.adapters import task_table as table
from image_to_video.contract.asyncapi import event_catalogue
from image_to_video.contract.rest_routes import ROUTES
from image_to_video.domain.errors import SettingsError
from image_to_video.domain.schedule import Schedule
from image_to_video.settings import SHORTEST_LEASE, Settings

import functions.api.app as api
import functions.public.app as public
import functions.receive_hint.app as receive_hint
from tests.conftest import PROJECT
from tests.support.cfn_lint import assert_nothing_found
from tests.support.permissions import statements

PROMPTS = {"DEFAULT_PROMPT", "DEFAULT_NEGATIVE_PROMPT"}
FOLDERS = sorted(path.parent.name for path in PROJECT.glob("functions/*/app.py"))
WORKFLOW = yaml.safe_load((PROJECT / "functions" / "generate_video.asl.yaml").read_text())
# Of a template that is uploaded first, as sam deploy and the demo do; 51,200 of one sent as text:
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MOST_BYTES = 1_000_000


def logical_id(folder: str) -> str:
    """`poll_task` is the resource `PollTaskFunction`."""
    return folder.title().replace("_", "") + "Function"


@pytest.fixture(scope="session")
def functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each function's properties, Globals included, by its logical id."""
    common = template["Globals"]["Function"]
    return {
        name: common | resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def actions(template: dict[str, Any], function: str) -> set[str]:
    """Everything a function may do."""
    role = template["Resources"][f"{function}Role"]
    return {action for statement in statements(role) for action in statement["Action"]}


def test_cfn_lint_finds_nothing() -> None:
    assert_nothing_found("template.yaml")


def test_the_template_is_uploaded_and_small_enough_for_that() -> None:
    deploy = tomllib.loads((PROJECT / "samconfig.toml").read_text())["default"]["deploy"]
    assert deploy["parameters"]["resolve_s3"] is True
    assert (PROJECT / "template.yaml").stat().st_size <= MOST_BYTES


def test_every_variable_is_a_setting_and_every_setting_a_variable(template: dict[str, Any]) -> None:
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    own = {"EVENT_SCHEMA_URL", "TOPIC_ARN", "API_ID", *PROMPTS}
    assert set(variables) | own == Settings.variables()


def test_variables_that_few_functions_need_are_theirs_alone(template: dict[str, Any]) -> None:
    own = {
        name: set(resource["Properties"]["Environment"]["Variables"])
        for name, resource in template["Resources"].items()
        if "Environment" in resource.get("Properties", {})
    }
    assert own == {
        "PublishEventsFunction": {"EVENT_SCHEMA_URL", "TOPIC_ARN"},
        "ApiFunction": PROMPTS,
        "OnImageUploadedFunction": {"API_ID", *PROMPTS},
        "PollTaskFunction": {"API_ID"},
    }


def test_hints_come_to_the_stack_s_own_api_unless_an_operator_says_otherwise(
    template: dict[str, Any],
) -> None:
    address = template["Globals"]["Function"]["Environment"]["Variables"]["HINTS_URL"]
    condition, own, given = address["Fn::If"]
    assert template["Conditions"][condition] == {"Fn::Equals": [{"Ref": "HintsUrl"}, "own"]}
    assert template["Parameters"]["HintsUrl"]["Default"] == "own"
    assert given == {"Ref": "HintsUrl"}
    # As the output names it, with the part that the code fills in.
    output = template["Outputs"]["ApiUrl"]["Value"]["Fn::Sub"]
    assert own["Fn::Sub"].replace("{api}", "${Api}") == output


def test_what_anybody_may_call_is_throttled_most(
    template: dict[str, Any], functions: dict[str, dict[str, Any]]
) -> None:
    every, *others = template["Resources"]["Api"]["Properties"]["MethodSettings"]
    assert (every["ResourcePath"], every["HttpMethod"]) == ("/*", "*")
    limits = {
        (setting["ResourcePath"].removeprefix("/").replace("~1", "/"), setting["HttpMethod"]): (
            setting["ThrottlingRateLimit"]
        )
        for setting in others
    }
    owners = {
        (route["Path"], route["Method"].upper()) for route in routes(functions["ApiFunction"])
    }
    assert set(limits) == owners | {("/hints/{task_id}", "POST")}
    assert all(limits[route] > every["ThrottlingRateLimit"] for route in limits)
    # So that hints leave room for what owners ask.
    assert limits.pop(("/hints/{task_id}", "POST")) < min(limits.values())


def test_events_say_that_their_schema_is_where_the_api_shows_it(
    functions: dict[str, dict[str, Any]],
) -> None:
    variables = functions["PublishEventsFunction"]["Environment"]["Variables"]
    base, _, pointer = variables["EVENT_SCHEMA_URL"]["Fn::Sub"].partition("#")
    assert base.endswith("/v1/asyncapi.json")
    *_, components, schemas, name = pointer.split("/")
    assert name in event_catalogue()[components][schemas]


def test_a_parameter_s_value_reaches_the_variable_of_its_name(template: dict[str, Any]) -> None:
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    for variable, value in variables.items():
        reference = value.get("Ref", "")
        if reference in template["Parameters"]:
            assert reference.upper() == variable.replace("_", "")


def test_every_waiting_time_can_be_set(template: dict[str, Any]) -> None:
    parameters = {name.upper() for name in template["Parameters"]}
    assert {field.upper().replace("_", "") for field in Schedule.model_fields} <= parameters


def test_every_parameter_and_output_is_described(template: dict[str, Any]) -> None:
    for described in (*template["Parameters"].values(), *template["Outputs"].values()):
        assert described["Description"].strip()


def test_every_parameter_is_in_one_group_of_the_console(template: dict[str, Any]) -> None:
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    # In the same order, so that the file reads like the console.
    assert grouped == list(template["Parameters"])
    labels = [group["Label"]["default"] for group in groups]
    assert len(set(labels)) == len(labels)


def test_every_parameter_is_used(template: dict[str, Any]) -> None:
    text = "".join(str(template[part]) for part in ("Conditions", "Globals", "Resources"))
    unused = [name for name in template["Parameters"] if f"'Ref': '{name}'" not in text]
    assert not unused


def test_defaults_are_settings_that_work(settings: Settings) -> None:
    assert settings.schedule.poll_pace.steps[0][0] == 0
    assert settings.permit_loopback is False


def routes(function: dict[str, Any]) -> list[dict[str, Any]]:
    """The routes that a function answers, in the template's order."""
    events = function.get("Events", {}).values()
    return [event["Properties"] for event in events if event["Type"] == "Api"]


def test_the_routes_are_those_the_functions_answer(functions: dict[str, dict[str, Any]]) -> None:
    answering = {
        "ApiFunction": api.app,
        "ReceiveHintFunction": receive_hint.app,
        "PublicFunction": public.app,
    }
    answered: dict[str, set[str]] = {}
    for name, app in answering.items():
        own = {(path, method.lower()) for path, names in app.methods.items() for method in names}
        # As well as its own methods each path has one for all others: OPTIONS, and 405.
        others = {(path, "any") for path in ROUTES} if app is public.app else set()
        assert {(r["Path"], r["Method"]) for r in routes(functions[name])} == own | others
        for path, names in app.methods.items():
            assert not answered.get(path, set()) & names, "two functions answer the same"
            answered[path] = answered.get(path, set()) | names
    assert answered == ROUTES
    assert {name for name, function in functions.items() if routes(function)} == set(answering)


def test_the_routes_are_ordered_by_path_and_method(functions: dict[str, dict[str, Any]]) -> None:
    for function in functions.values():
        keys = [(r["Path"], r["Method"] == "any", r["Method"]) for r in routes(function)]
        assert keys == sorted(keys)


def test_only_public_routes_need_no_token(
    template: dict[str, Any], functions: dict[str, dict[str, Any]]
) -> None:
    assert template["Resources"]["Api"]["Properties"]["Auth"]["DefaultAuthorizer"] == "BearerToken"
    all_routes = [route for function in functions.values() for route in routes(function)]
    free = {route["Path"] for route in all_routes if "Auth" in route and route["Method"] != "any"}
    assert "/health" in free
    assert free <= {"/", "/openapi.json", "/asyncapi.json", "/health", "/hints/{task_id}"}
    assert all(route["Auth"] == {"Authorizer": "NONE"} for route in all_routes if "Auth" in route)
    # Whoever has no token wakes nothing that may spend.
    assert all("Auth" not in route for route in routes(functions["ApiFunction"]))


def test_every_function_folder_is_a_resource_and_every_resource_a_folder(
    functions: dict[str, dict[str, Any]],
) -> None:
    code = {name: function["CodeUri"] for name, function in functions.items()}
    assert code == {logical_id(folder): f"functions/{folder}" for folder in FOLDERS}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_function_has_a_log_group_samples_and_a_test(
    template: dict[str, Any], functions: dict[str, dict[str, Any]], folder: str
) -> None:
    group = functions[logical_id(folder)]["LoggingConfig"]["LogGroup"]["Ref"]
    assert group == logical_id(folder).removesuffix("Function") + "LogGroup"
    assert template["Resources"][group]["Properties"]["RetentionInDays"]
    assert list((PROJECT / "events" / folder).glob("*.json"))
    assert (PROJECT / "tests" / "handlers" / f"test_{folder}.py").is_file()


def test_every_sample_belongs_to_a_function() -> None:
    assert sorted(path.name for path in (PROJECT / "events").iterdir()) == FOLDERS


def test_every_log_is_kept_for_a_stated_time(template: dict[str, Any]) -> None:
    groups = [r for r in template["Resources"].values() if r["Type"] == "AWS::Logs::LogGroup"]
    assert len(groups) >= len(FOLDERS) + 1
    assert all(group["Properties"]["RetentionInDays"] for group in groups)


def test_the_layer_is_built_for_what_the_functions_run_on(template: dict[str, Any]) -> None:
    layer, common = template["Resources"]["CoreLayer"], template["Globals"]["Function"]
    assert [layer["Metadata"]["BuildArchitecture"]] == common["Architectures"]
    assert layer["Properties"]["CompatibleArchitectures"] == common["Architectures"]
    makefile = (PROJECT / layer["Properties"]["ContentUri"] / "Makefile").read_text()
    assert layer["Metadata"]["BuildMethod"] == "makefile"
    assert f"--python-version {common['Runtime'].removeprefix('python')} " in makefile
    assert layer["Properties"]["CompatibleRuntimes"] == [common["Runtime"]]
    assert common["Layers"] == [{"Ref": "CoreLayer"}]


def test_a_lease_outlives_every_function_that_may_start(
    template: dict[str, Any], functions: dict[str, dict[str, Any]]
) -> None:
    # A start at A2E needs its token.
    starting = {
        name: function["Timeout"]
        for name, function in functions.items()
        if {"secretsmanager:GetSecretValue", "dynamodb:PutItem"} <= set(actions(template, name))
    }
    assert {"ApiFunction", "OnImageUploadedFunction", "PollTaskFunction"} <= set(starting)
    assert max(starting.values()) < SHORTEST_LEASE


def test_a_start_ends_before_the_function_and_the_function_before_its_caller(
    functions: dict[str, dict[str, Any]], environment: dict[str, str]
) -> None:
    longest = 24
    Settings.read(environment | {"START_TIMEOUT_SECONDS": f"{longest}"})
    with pytest.raises(SettingsError):
        Settings.read(environment | {"START_TIMEOUT_SECONDS": f"{longest + 1}"})
    # API Gateway waits for 29 s.
    assert longest < functions["ApiFunction"]["Timeout"] <= 29


@pytest.mark.parametrize(
    ("state", "name"), [("PollTask", "PollTaskFunction"), ("StoreVideo", "StoreVideoFunction")]
)
def test_a_step_s_function_ends_before_its_state(
    functions: dict[str, dict[str, Any]], state: str, name: str
) -> None:
    assert functions[name]["Timeout"] < WORKFLOW["States"][state]["TimeoutSeconds"]


def test_a_transfer_ends_before_the_function_that_stores_it(
    functions: dict[str, dict[str, Any]],
) -> None:
    assert functions["StoreVideoFunction"]["Timeout"] > downloads.MAX_SECONDS
    room = functions["StoreVideoFunction"]["EphemeralStorage"]["Size"]
    assert room * 1024 * 1024 > downloads.MAX_BYTES


def test_no_library_retries_a_paid_start(settings: Settings) -> None:
    generator: Any = a2e_access.generator(settings)
    transport = generator._client._transport
    assert transport._pool._retries == 0
    assert transport._pool._max_keepalive_connections == 0
    assert not generator._client.follow_redirects


def test_the_indexes_are_those_the_code_queries(template: dict[str, Any]) -> None:
    properties = template["Resources"]["TasksTable"]["Properties"]
    indexes = {
        index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"]]
        for index in properties["GlobalSecondaryIndexes"]
    }
    assert indexes == {
        table.OWNER_INDEX: ["owner", "created_at"],
        table.STATUS_INDEX: [table._OWNER_STATUS, "created_at"],
        table.OPEN_INDEX: [table._OPEN, "next_poll_at"],
    }
    ttl = properties["TimeToLiveSpecification"]
    assert ttl == {"AttributeName": table._EXPIRES_AT, "Enabled": True}


def test_the_state_machine_has_the_name_in_its_arn(template: dict[str, Any]) -> None:
    name = template["Resources"]["GenerateVideo"]["Properties"]["Name"]["Fn::Sub"]
    arn = template["Globals"]["Function"]["Environment"]["Variables"]["STATE_MACHINE_ARN"]
    assert arn["Fn::Sub"].endswith(f":stateMachine:{name}")
    assert (PROJECT / "template.yaml").read_text().count(":stateMachine:$") == 1


def test_uploads_arrive_from_the_prefix_that_the_code_reads(
    functions: dict[str, dict[str, Any]],
) -> None:
    from image_to_video.lifecycle.uploads import PREFIX

    (event,) = functions["OnImageUploadedFunction"]["Events"].values()
    pattern = event["Properties"]["Pattern"]
    assert pattern["source"] == ["aws.s3"]
    assert pattern["detail-type"] == ["Object Created"]
    assert pattern["detail"]["object"]["key"] == [{"prefix": PREFIX}]
    assert pattern["detail"]["bucket"]["name"] == [{"Ref": "ImagesBucket"}]


def test_a_wildcard_in_a_policy_is_explained_by_a_comment(template: dict[str, Any]) -> None:
    lines = [line.strip() for line in (PROJECT / "template.yaml").read_text().splitlines()]
    begin, wide = 0, []
    for number, line in enumerate(lines):
        if re.match(r"- (Sid|Effect|<<):", line):
            begin = number
        if re.match(r"""(Resource|Action|-) ?:? ?\[?["']?\*["']?\]?$|Action:.*:\*""", line):
            wide.append(begin)

    # The statement that `*tls_only` names denies; the parsed template shows that each use does.
    permitting = [
        begin
        for begin in wide
        if lines[begin] != "- <<: *tls_only" and "Effect: Deny" not in lines[begin : begin + 3]
    ]
    assert permitting
    assert all(lines[number - 1].startswith("#") for number in permitting)
    effects = [
        statement["Effect"]
        for resource in template["Resources"].values()
        for statement in resource.get("Properties", {})
        .get("PolicyDocument", {})
        .get("Statement", [])
        if statement.get("Sid") == "TlsOnly"
    ]
    assert effects == ["Deny"] * sum("&tls_only" in line or "*tls_only" in line for line in lines)
