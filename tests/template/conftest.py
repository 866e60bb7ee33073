"""The template as SAM translates it."""

import copy
from typing import Any

import pytest
from samtranslator.translator.arn_generator import ArnGenerator
from samtranslator.translator.transform import transform


class NoManagedPolicies:
    """SAM asks AWS for the names of managed policies; the template uses none by name."""

    def load(self) -> dict[str, str]:
        return {}


def transformed(
    template: dict[str, Any], region: str = "us-east-1", **parameters: str
) -> dict[str, Any]:
    """The whole template that CloudFormation receives, as if the code were uploaded already."""
    source = copy.deepcopy(template)
    for resource in source["Resources"].values():
        for place in {"CodeUri", "ContentUri", "DefinitionUri"} & set(resource["Properties"]):
            resource["Properties"][place] = "s3://artifacts/code"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ArnGenerator, "BOTO_SESSION_REGION_NAME", region)
        patch.setenv("AWS_DEFAULT_REGION", region)
        translated: dict[str, Any] = transform(source, parameters, NoManagedPolicies())
    return translated


@pytest.fixture(scope="session")
def translated(template: dict[str, Any]) -> dict[str, Any]:
    """The resources that CloudFormation receives."""
    resources: dict[str, Any] = transformed(template)["Resources"]
    return resources
