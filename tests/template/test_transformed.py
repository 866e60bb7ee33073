"""What SAM makes of the template is right in every partition and under every condition."""

import json
import re
from collections.abc import Iterator
from typing import Any

import cfnlint.api
import pytest
from cfnlint.config import ManualArgs

from tests.conftest import PROJECT
from tests.template.conftest import transformed

# One of each partition, the oldest region, and two that are newer than most endpoints.
REGIONS = {
    "us-east-1": ["us-east-1", "eu-central-1", "ap-southeast-4", "me-central-1"],
    "us-gov-west-1": ["us-gov-west-1"],
    "cn-north-1": ["cn-north-1"],
}


def faults(template: dict[str, Any], *regions: str) -> list[str]:
    """What cfn-lint finds in a transformed template, whose conditions it takes both ways."""
    found = cfnlint.api.lint(json.dumps(template), config=ManualArgs(regions=list(regions)))
    told = [f"{fault.rule.id} {fault.message}" for fault in found]
    # SAM has put the values of these in: it makes other resources of them.
    spent = [f"W2001 Parameter {name} not used." for name in ("Revision", "DeploymentType")]
    return [fault for fault in told if fault not in spent]


def texts(value: Any) -> Iterator[str]:
    """Every text in a template."""
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from texts(inner)
        case list():
            for inner in value:
                yield from texts(inner)


@pytest.mark.parametrize("region", REGIONS)
def test_cfn_lint_finds_nothing_in_what_cloudformation_receives(
    template: dict[str, Any], region: str
) -> None:
    assert not faults(transformed(template, region), *REGIONS[region])


def test_cfn_lint_finds_there_what_it_does_not_find_in_the_template(
    template: dict[str, Any],
) -> None:
    """A resource that a condition leaves out, in DependsOn."""
    broken = transformed(template)
    del broken["Resources"]["Api"]["Metadata"]["LogAccount"]
    broken["Resources"]["Api"]["DependsOn"] = "ApiGatewayLogAccount"
    [found] = faults(broken, "us-east-1")
    assert found.startswith("E3005 'ApiGatewayLogAccount' will not exist when condition")


def test_the_api_is_made_after_the_role_that_its_stage_logs_with(
    translated: dict[str, Any],
) -> None:
    order = translated["Api"]["Metadata"]["LogAccount"]
    assert order["Fn::If"][:2] == ["SetsApiGatewayLogRole", {"Ref": "ApiGatewayLogAccount"}]
    assert "DependsOn" not in translated["Api"]


def test_no_arn_names_its_partition(template: dict[str, Any]) -> None:
    # What SAM adds names that of the region in which it runs.
    for region, partition in (("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")):
        for text in texts(transformed(template, region)):
            named = set(re.findall(r"\barn:(\$\{[^}]+\}|[^:]+):", text))
            assert named <= {"${AWS::Partition}", partition}, text
    workflow = (PROJECT / "functions" / "generate_video.asl.yaml").read_text()
    assert set(re.findall(r"\barn:(\$\{[^}]+\}|[^:]+):", workflow)) == {"${Partition}"}


def test_each_deploy_publishes_the_api_anew(
    template: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SAM's hash ignores parameters, and the gateway's own responses carry their values."""

    def deployment(at: float, origin: str) -> str:
        monkeypatch.setattr("samtranslator.model.apigateway.time.time", lambda: at)
        resources = transformed(template, CorsOrigin=origin)["Resources"]
        [name] = (n for n, r in resources.items() if r["Type"] == "AWS::ApiGateway::Deployment")
        [stage] = (r for r in resources.values() if r["Type"] == "AWS::ApiGateway::Stage")
        assert stage["Properties"]["DeploymentId"] == {"Ref": name}
        return str(name)

    assert deployment(1.0, "https://a.example") != deployment(2.0, "https://b.example")
