"""The pipeline that deploys: what it may, what it runs, and the role that it assumes."""

import re
import subprocess
import tomllib
from typing import Any

import pytest
import yaml
from samtranslator.yaml_helper import yaml_parse

from tests.conftest import PROJECT
from tests.support.cfn_lint import assert_nothing_found
from tests.support.patience import PATIENCE

TEXT = (PROJECT / ".github" / "workflows" / "deploy.yml").read_text()
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXT)
ACTION = yaml.safe_load(
    (PROJECT / ".github" / "actions" / "assume-role" / "action.yml").read_text()
)
ROLE: dict[str, Any] = yaml_parse((PROJECT / ".github" / "deploy-role.yaml").read_text())
CONFIG = tomllib.loads((PROJECT / "samconfig.toml").read_text())


def commands(job: str) -> list[str]:
    return [step["run"] for step in WORKFLOW["jobs"][job]["steps"] if "run" in step]


def test_prod_follows_dev_and_dev_follows_the_tests() -> None:
    jobs = WORKFLOW["jobs"]
    assert (jobs["dev"]["needs"], jobs["prod"]["needs"]) == ("test", "dev")
    assert commands("test") == ["make test"]
    # Approvals, variables and secrets belong to an environment.
    assert [jobs[name]["environment"] for name in ("dev", "prod")] == ["dev", "prod"]


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_a_deployment_is_unattended_and_then_examined(name: str) -> None:
    deploy, doctor = commands(name)
    assert deploy == f'make deploy ARGS="--yes --no-input --config-env {name}"'
    stack = CONFIG[name]["global"]["parameters"]["stack_name"]
    assert doctor == f".venv/bin/i2v doctor --run --stack-name {stack}"


def test_only_jobs_that_deploy_may_have_an_identity_and_actions_are_fixed() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    for name, job in WORKFLOW["jobs"].items():
        rights = {"contents": "read", "id-token": "write"} if name != "test" else None
        assert job.get("permissions") == rights
        assert job["timeout-minutes"]
    for action, version in re.findall(r"uses: (\S+)(.*)", TEXT):
        if not action.startswith("./"):
            assert re.search(r"@[0-9a-f]{40}$", action), action
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", version), action
    assert not re.search(r"AWS_(ACCESS|SECRET)", TEXT), "no key is stored"


def test_the_shell_of_the_action_is_valid_and_takes_no_text_into_its_code() -> None:
    [step] = ACTION["runs"]["steps"]
    assert "${{" not in step["run"]
    checked = subprocess.run(
        ["bash", "-n"], input=step["run"], text=True, check=False, timeout=PATIENCE
    )
    assert checked.returncode == 0


@pytest.mark.parametrize("template", [".github/deploy-role.yaml", "examples/budget.yaml"])
def test_a_template_beside_the_application_s_passes_the_linter(template: str) -> None:
    assert_nothing_found(template)


def test_the_role_is_assumed_by_one_environment_of_one_repository() -> None:
    role = ROLE["Resources"]["DeployRole"]["Properties"]
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    asked = trust["Condition"]["StringEquals"]
    assert asked["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
    subject = asked["token.actions.githubusercontent.com:sub"]["Fn::Sub"]
    assert subject == "repo:${Repository}:environment:${Environment}"
    for statement in role["Policies"][0]["PolicyDocument"]["Statement"]:
        actions = statement["Action"]
        if statement["Resource"] == "*":
            assert not [action for action in actions if "*" in action or action.startswith("iam:")]
        if "iam:PassRole" in actions:
            assert statement["Resource"]["Fn::Sub"].endswith(":role/${StackName}-*")


def test_each_environment_has_a_stack_of_its_own_and_tags() -> None:
    names = [
        CONFIG[name]["global"]["parameters"]["stack_name"] for name in ("default", "dev", "prod")
    ]
    assert len(set(names)) == 3
    for name in ("default", "dev", "prod"):
        deploy = CONFIG[name]["deploy"]["parameters"]
        assert "application=image-to-video" in deploy["tags"]
        assert deploy["confirm_changeset"] is (name != "dev")
        assert deploy["capabilities"] == "CAPABILITY_IAM"
