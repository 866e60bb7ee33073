"""The template as SAM translates it."""

import copy
from typing import Any

import pytest
from samtranslator.translator.transform import transform


class NoManagedPolicies:
    """SAM asks AWS for the names of managed policies; the template uses none by name."""

    def load(self) -> dict[str, str]:
        return {}


@pytest.fixture(scope="session")
def translated(template: dict[str, Any]) -> dict[str, Any]:
    """The resources that CloudFormation receives, as if the code were uploaded already."""
    source = copy.deepcopy(template)
    for resource in source["Resources"].values():
        for place in {"CodeUri", "ContentUri", "DefinitionUri"} & set(resource["Properties"]):
            resource["Properties"][place] = "s3://artifacts/code"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        translated: dict[str, Any] = transform(source, {}, NoManagedPolicies())
    resources: dict[str, Any] = translated["Resources"]
    return resources
