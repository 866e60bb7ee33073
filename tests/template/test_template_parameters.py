"""Parameters: the template and the functions refuse the same, and all of it fits into Lambda."""

import json
import re
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_to_video.domain.errors import SettingsError
from image_to_video.domain.schedule import Schedule
from image_to_video.settings import A2E_ADDRESS, Settings

from i2v.deploy.parameters import faults, project_template, variables
from tests.conftest import PROJECT

PARAMETERS: dict[str, dict[str, Any]] = project_template()["Parameters"]
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MOST_BYTES = 4096
# For variables that a release may add.
ROOM = 250
LONGEST_STACK_NAME = 128
VARIABLES = project_template()["Globals"]["Function"]["Environment"]["Variables"]
OWN = {"DefaultPrompt": "DEFAULT_PROMPT", "DefaultNegativePrompt": "DEFAULT_NEGATIVE_PROMPT"}
# The variable of each parameter that functions see.
SEEN = {value["Ref"]: name for name, value in VARIABLES.items() if value.get("Ref") in PARAMETERS}
SEEN |= OWN
WHOLE = sorted(
    name
    for name, variable in SEEN.items()
    if Settings.released().get(variable, "").isdigit()
    or name in {"MaxGenerating", "DailyCoinLimit", "OwnerDailyCoinLimit", "TaskRetentionDays"}
)
PACES = sorted(name for name in SEEN if name.endswith("Pace"))


def template_takes(name: str, value: str) -> bool:
    """Whether CloudFormation would, by the constraints of the parameter."""
    described = PARAMETERS[name]
    pattern = described.get("AllowedPattern", r"[\s\S]*")
    if str(value) not in [str(one) for one in described.get("AllowedValues", [value])]:
        return False
    return bool(re.fullmatch(pattern, value)) and len(value) <= described.get("MaxLength", 4096)


def functions_take(name: str, value: str) -> bool:
    """Whether a function would start."""
    try:
        Settings.read(variables(project_template(), {name: value}))
    except SettingsError:
        return False
    return True


NUMBERS = [
    *("0", "1", "2", "5", "6", "24", "25", "59", "60", "119", "120", "1000", "1001", "99999"),
    *(
        "",
        " ",
        "01",
        "007",
        "-1",
        "+5",
        "1.5",
        "5.0",
        "1e3",
        "1_000",
        "ten",
        "10 ",
        " 10",
        "\N{ARABIC-INDIC DIGIT ONE}",
    ),
    *("9999999", "10000000", "999999999", "1000000000", "9" * 30, "nan", "0x10", "10s", "None"),
]
TEXTS_OF_PACES = [
    *("", "0=10", "0=10,180=20", "0=1,5=2,9=3", "0=10,600=60,180=20", "0=10,180=20,180=30"),
    *("0", "10", "=", "0=", "=10", "5=10", "0=0", "0=10,", ",0=10", "0=10,,5=5", "0=10,5=0"),
    *("0=10;5=20", "0:10", "0=1.5", "0=-1", "-1=5", "0=10,0=20", "0=10000000", "0=10,9999999=1"),
    *("0=10 ", " 0=10", "0 = 10", "a=b", "0=10=20", "0=\N{ARABIC-INDIC DIGIT ONE}"),
]
PRICES = [
    *("", "a2e=6", "a2e=6,a2e-v2=12", "a2e-v2=1,a2e=2,a2e-v2-flash=9999", "a2e=6,a2e=7"),
    *("a2e", "a2e=", "=6", "a2e=0", "a2e=-1", "a2e=1.5", "a2e=10000", "a3e=6", "a2e=6,", ","),
    *("a2e=6;a2e-v2=12", "a2e = 6", "a2e=6, a2e-v2=12", "a2e=6,x", "A2E=6", "a2e=06"),
]
ADDRESSES = [
    *("https://video.a2e.ai", "https://a.b:8443/api", "http://127.0.0.1:8001", "http://localhost"),
    *("", "https://", "https://a b", "http://video.a2e.ai", "https://a/", "https://a?x", "a.b"),
    *("https://:80", "https://a:b@c", "https://a:99999", "https://a..b", "https://-a", "ftp://a"),
    *("http://localhost.example.com", "http://127.0.0.1@example.com", "https://a\n", "https://ä"),
]
CASES = [
    *((name, value) for name in WHOLE for value in NUMBERS),
    *((name, value) for name in PACES for value in TEXTS_OF_PACES),
    *(("CoinsPerSecond", value) for value in PRICES),
    *(("A2EUrl", value) for value in ADDRESSES),
]


def test_the_lists_hold_every_parameter_that_functions_read_as_more_than_a_text() -> None:
    texts = {"CorsOrigin", "PermitLoopback", *OWN}
    assert set(WHOLE) | set(PACES) | texts | {"CoinsPerSecond", "A2EUrl"} == set(SEEN)


def test_the_template_and_the_functions_agree_about_every_value() -> None:
    verdicts = {case: template_takes(*case) for case in CASES}
    assert sum(verdicts.values()) > len(WHOLE)
    assert not all(verdicts.values())
    differing = [case for case, taken in verdicts.items() if functions_take(*case) is not taken]
    assert not differing


def test_the_check_before_a_deployment_says_the_same() -> None:
    for name, value in CASES:
        taken = template_takes(name, value)
        assert (not faults(project_template(), {name: value})) is taken, (name, value)


@pytest.mark.parametrize("name", sorted(SEEN))
@given(data=st.data())
def test_no_function_dies_of_what_the_template_permits(name: str, data: st.DataObject) -> None:
    described = PARAMETERS[name]
    if "AllowedValues" in described:
        texts = st.sampled_from(described["AllowedValues"])
    else:
        texts = st.from_regex(described["AllowedPattern"], fullmatch=True)
    value = data.draw(texts.filter(lambda text: template_takes(name, text)))
    assert functions_take(name, value)


def test_no_parameter_is_a_number_that_may_have_a_fraction() -> None:
    for name, described in PARAMETERS.items():
        assert described["Type"] == "String" or "AllowedValues" in described, name
        assert {"AllowedPattern", "AllowedValues"} & set(described), name


def test_the_address_of_a2e_is_one_pattern() -> None:
    assert PARAMETERS["A2EUrl"]["AllowedPattern"] == A2E_ADDRESS


# ---------------------------------------------------------------- the values of a release


def parameter_of(variable: str) -> str:
    [name] = [name for name, seen in SEEN.items() if seen == variable]
    return str(name)


@pytest.mark.parametrize(("variable", "value"), Settings.released().items())
def test_a_release_s_value_stands_in_the_code_and_is_shown_elsewhere(
    variable: str, value: str
) -> None:
    """A default of the template would never reach a stack that exists."""
    described = PARAMETERS[parameter_of(variable)]
    assert described["Default"] == ""
    assert described["Description"].endswith(f" Empty: {value.rstrip('.')}.")
    # As a code span.
    page = (PROJECT / "docs" / "deploy.md").read_text()
    row = rf"^\| `{parameter_of(variable)}` \| `{re.escape(value)}` \|"
    assert re.search(row, page, re.M), f"docs/deploy.md needs the row: {row}"


def test_every_waiting_time_has_a_release_s_value() -> None:
    assert {name.upper() for name in Schedule.model_fields} < set(Settings.released())


def test_what_the_template_itself_needs_it_has_by_a_condition() -> None:
    template = project_template()
    described = PARAMETERS["ReconcileRate"]
    events = template["Resources"]["ReconcileTasksFunction"]["Properties"]["Events"]
    condition, given_one, released = events["Schedule"]["Properties"]["Schedule"]["Fn::If"]
    assert given_one == {"Ref": "ReconcileRate"}
    is_empty = {"Fn::Equals": [{"Ref": "ReconcileRate"}, ""]}
    assert template["Conditions"][condition] == {"Fn::Not": [is_empty]}
    assert described["Description"].endswith(f" Empty: {released}.")
    assert described["Default"] == ""


def test_samconfig_pins_no_value_of_a_release() -> None:
    config = tomllib.loads((PROJECT / "samconfig.toml").read_text())
    tuned = {parameter_of(variable) for variable in Settings.released()} | {"ReconcileRate"}
    for environment in config.values():
        assert not [name for name in tuned if name in str(environment)]


# ---------------------------------------------------------------- Lambda's 4 KB


def worst_parameter(name: str) -> str:
    """The permitted value with the most bytes."""
    described = PARAMETERS[name]
    if "AllowedValues" in described:
        return str(max(map(str, described["AllowedValues"]), key=len))
    pattern = described["AllowedPattern"]
    if name in OWN:
        worst = "\N{CINEMA}" * 100
        assert template_takes(name, worst)
        assert not template_takes(name, worst + "a")
        assert template_takes(name, "a" * 300)
        assert not template_takes(name, "a" * 301)
        return worst
    # So that a character is a byte.
    assert pattern.isascii()
    assert "[^" not in pattern
    assert "." not in re.sub(r"\\\.|\[[^]]*\]", "", pattern)
    parsed: Any = re._parser.parse(pattern)
    _, longest = parsed.getwidth()
    return "x" * min(int(longest), int(described.get("MaxLength", longest)))


def worst_name(resource: str, stack: str) -> str:
    """The longest name, or ARN where a reference gives that, that CloudFormation makes."""
    name = f"{stack}-{resource}-{'X' * 13}"
    region, account = "ap-southeast-4", "1" * 12
    match project_template()["Resources"][resource]["Type"]:
        case "AWS::S3::Bucket":
            return "x" * 63
        case "AWS::DynamoDB::Table":
            return name[:255]
        case "AWS::SNS::Topic":
            return f"arn:aws-us-gov:sns:{region}:{account}:{name}"
        case "AWS::SecretsManager::Secret":
            # Named after the resource alone.
            name = f"{resource}-{'X' * 12}-XXXXXX"
            return f"arn:aws-us-gov:secretsmanager:{region}:{account}:secret:{name}"
        case kind:
            assert kind == "AWS::Serverless::Api", f"{resource}: how long is its name?"
            return "x" * 10


def worst(value: Any, stack: str) -> str:
    """The longest that a variable can become."""
    pseudo = {
        "AWS::StackName": stack,
        "AWS::Region": "ap-southeast-4",
        "AWS::Partition": "aws-us-gov",
        "AWS::AccountId": "1" * 12,
        "AWS::URLSuffix": "amazonaws.com.cn",
        "Api": "x" * 10,
    }
    match value:
        case {"Ref": name} if name in PARAMETERS:
            return worst_parameter(name)
        case {"Ref": name}:
            return pseudo.get(name) or worst_name(name, stack)
        case {"Fn::Sub": text}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: pseudo[found[1]], text)
        case {"Fn::If": [_, one, other]}:
            return max(worst(one, stack), worst(other, stack), key=lambda text: len(text.encode()))
        case str():
            return value
        case _:
            raise AssertionError(f"how long is {value}?")


def worst_bytes(function: str) -> tuple[int, int]:
    """Keys and values of a function's variables at their longest, and the same as JSON."""
    properties = project_template()["Resources"][function]["Properties"]
    own = properties.get("Environment", {}).get("Variables", {})
    stack = "x" * LONGEST_STACK_NAME
    values = {name: worst(value, stack) for name, value in (VARIABLES | own).items()}
    plain = sum(len(name) + len(value.encode()) for name, value in values.items())
    # Fewer bytes, but escaped they are more.
    quoted = {name: '"' * 300 if name in OWN.values() else text for name, text in values.items()}
    as_json = json.dumps(quoted, ensure_ascii=False, separators=(",", ":"))
    return plain, len(as_json.encode())


FUNCTIONS = [
    name
    for name, resource in project_template()["Resources"].items()
    if resource["Type"] == "AWS::Serverless::Function"
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_longest_permitted_variables_fit_into_lambda_s_four_kilobytes(function: str) -> None:
    plain, as_json = worst_bytes(function)
    assert 1500 < plain <= MOST_BYTES - ROOM, plain
    assert plain < as_json <= MOST_BYTES, as_json
