"""Every function is called by its alias, and every change of it publishes a version."""

import copy
import re
from typing import Any

import pytest
from samtranslator.translator.transform import transform

from i2v.revision import revision_of
from tests.conftest import PROJECT
from tests.template.conftest import NoManagedPolicies
from tests.template.test_template_safety import of_type

type Resources = dict[str, Any]


def versions(template: dict[str, Any], parameters: dict[str, str], code: str = "code") -> set[str]:
    """The versions that a deployment publishes, by their logical ids."""
    source = copy.deepcopy(template)
    for name, resource in source["Resources"].items():
        for place in {"CodeUri", "ContentUri", "DefinitionUri"} & set(resource["Properties"]):
            resource["Properties"][place] = f"s3://artifacts/{name}-{code}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        resources = transform(source, parameters, NoManagedPolicies())["Resources"]
    return set(of_type(resources, "Lambda::Version"))


def functions(translated: Resources) -> set[str]:
    return set(of_type(translated, "Lambda::Function"))


def test_every_function_has_a_version_and_an_alias(translated: Resources) -> None:
    aliases = of_type(translated, "Lambda::Alias")
    assert set(aliases) == {f"{name}Aliaslive" for name in functions(translated)}
    for version in of_type(translated, "Lambda::Version").values():
        assert version["DeletionPolicy"] == "Retain", "a version that is left can be gone back to"


def test_nothing_calls_a_function_but_by_its_alias(translated: Resources) -> None:
    """Roles, alarms and what makes versions name the function itself; nothing else may."""
    harmless = ("Lambda::", "IAM::Role", "CloudWatch::", "Logs::")
    own = functions(translated)
    for name, resource in translated.items():
        kind = resource["Type"].removeprefix("AWS::")
        mapping = kind in ("Lambda::EventSourceMapping", "Lambda::Permission")
        if kind.startswith(harmless) and not mapping:
            continue
        assert not own & set(_referred(resource)), name


def test_another_revision_publishes_a_version_of_every_function(
    template: dict[str, Any], translated: Resources
) -> None:
    first, second = (
        versions(template, {"Revision": text}) for text in ("0a1b2c3d4e", "5f6a7b8c9d")
    )
    assert not first & second
    assert len(first) == len(functions(translated))


def test_without_a_revision_other_code_publishes_versions(template: dict[str, Any]) -> None:
    assert not versions(template, {}) & versions(template, {}, "other")


def test_sam_sees_no_other_value_of_a_parameter(template: dict[str, Any]) -> None:
    """Why there is a revision: once SAM sees it, the parameter can go."""
    assert versions(template, {}) == versions(template, {"MaxGenerating": "7"})


def test_a_revision_tells_code_and_parameters_apart() -> None:
    """And is the same for the same ones; it is no parameter of itself."""
    revisions = [
        revision_of(PROJECT, parameters)
        for parameters in ({}, {"MaxGenerating": "7"}, {"MaxGenerating": "8"}, {"Tracing": "7"})
    ]
    assert len(set(revisions)) == len(revisions)
    assert revision_of(PROJECT, {"Revision": "old"}) == revisions[0]
    assert all(len(revision) == 10 and revision.isalnum() for revision in revisions)


def test_the_api_goes_over_by_a_canary_that_its_alarm_takes_back(translated: Resources) -> None:
    [group] = of_type(translated, "CodeDeploy::DeploymentGroup").values()
    assert group["Properties"]["ServiceRoleArn"] == {"Fn::GetAtt": ["CanaryRole", "Arn"]}
    alarms = group["Properties"]["AlarmConfiguration"]["Alarms"]
    assert [translated[alarm["Name"]["Ref"]]["Type"] for alarm in alarms] == [
        "AWS::CloudWatch::Alarm"
    ]
    alias = translated["ApiFunctionAliaslive"]
    assert "CodeDeployLambdaAliasUpdate" in alias["UpdatePolicy"]


def test_codedeploy_may_turn_no_other_alias(translated: Resources) -> None:
    role = translated["CanaryRole"]["Properties"]
    assert "ManagedPolicyArns" not in role
    [policy] = role["Policies"]
    turning, alarms = policy["PolicyDocument"]["Statement"]
    assert "lambda:UpdateAlias" in turning["Action"]
    assert set(_referred(turning)) == {"ApiFunction"}
    assert alarms["Action"] == ["cloudwatch:DescribeAlarms"]


def test_layers_of_earlier_versions_are_kept(translated: Resources) -> None:
    for layer in of_type(translated, "Lambda::LayerVersion").values():
        assert layer["DeletionPolicy"] == "Retain"


def _referred(part: Any) -> list[str]:
    """The logical ids that a part of the template refers to."""
    found: list[str] = []
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "Ref":
                found.append(str(value))
            elif key == "Fn::GetAtt":
                found.append(str(value[0] if isinstance(value, list) else value.split(".")[0]))
            elif key == "Fn::Sub":
                text = value[0] if isinstance(value, list) else value
                found += [name.split(".")[0] for name in re.findall(r"\$\{([\w.:]+)\}", text)]
                found += _referred(value[1]) if isinstance(value, list) else []
            else:
                found += _referred(value)
    elif isinstance(part, list):
        for value in part:
            found += _referred(value)
    return found
