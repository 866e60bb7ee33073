"""Deploy the project's own template into an emulator, as `sam deploy` would into AWS."""

import hashlib
import importlib.util
import io
import json
import marshal
import time
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml
from samtranslator.yaml_helper import yaml_parse

from i2v.emulator import PATIENCE_SECONDS, Reached
from i2v.errors import CommandError

PROJECT: Final = Path(__file__).resolve().parent.parent
STACK_NAME: Final = "image-to-video"
_ARTIFACTS: Final = "i2v-artifacts"
_API_ON_AWS: Final = "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/"
# Each worker of the emulator is a process; a refused step is repeated by the workflow, a refused
# batch by the stream. The API has no limit: its callers would see it.
_MOST_WORKERS: Final = {"PollTaskFunction": 8, "StoreVideoFunction": 4, "PublishEventsFunction": 4}
_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options")


def deploy(
    emulator: Reached, parameters: dict[str, str], *, a2e_token: str | None = None
) -> dict[str, str]:
    """Create the stack and return its outputs; a token is put where the command puts it.

    Raises `CommandError` with the emulator's reason.
    """
    cloudformation = emulator.client("cloudformation")
    cloudformation.create_stack(StackName=STACK_NAME, **deployable(emulator, parameters))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        stack = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
            publish_api(emulator, outputs["ApiId"])
            if a2e_token is not None:
                emulator.client("secretsmanager").put_secret_value(
                    SecretId=outputs["A2ETokenSecretArn"], SecretString=a2e_token
                )
            return outputs
        if "FAILED" in stack["StackStatus"] or "ROLLBACK" in stack["StackStatus"]:
            break
        time.sleep(0.1)
    events = cloudformation.describe_stack_events(StackName=STACK_NAME)["StackEvents"]
    reasons = [e["ResourceStatusReason"] for e in events if "FAILED" in e["ResourceStatus"]]
    reason = "; ".join(reasons) or "it took too long"
    raise CommandError(f"The stack could not be deployed: {reason}")


def deployable(emulator: Reached, parameters: dict[str, str]) -> dict[str, Any]:
    """What a stack or a change set of the project's template is made with, its code uploaded."""
    template = packaged_template(emulator)
    if unknown := sorted(parameters.keys() - template["Parameters"].keys()):
        raise CommandError(f"template.yaml has no parameter {', '.join(unknown)}.")
    return {
        # By URL: a template passed as text may have at most 51,200 bytes.
        "TemplateURL": _uploaded(emulator, "template.json", json.dumps(template).encode()),
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
        ],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    }


def publish_api(emulator: Reached, api_id: str) -> None:
    """Deploy the API once more: only a deployment made after the gateway responses uses them."""
    emulator.client("apigateway").create_deployment(restApiId=api_id, stageName="v1")


def packaged_template(emulator: Reached) -> dict[str, Any]:
    """The template with its local paths replaced by the addresses of uploaded archives.

    The layer contains no third-party packages: the emulator runs functions with its own
    interpreter, which has them.
    """
    # The emulator serves APIs below its own address, and the template names the API's on AWS.
    here = f"{emulator.endpoint_url}/_aws/execute-api/${{Api}}/"
    template: dict[str, Any] = yaml_parse(
        (PROJECT / "template.yaml").read_text().replace(_API_ON_AWS, here)
    )
    emulator.client("s3").create_bucket(Bucket=_ARTIFACTS)

    def upload(name: str, content: bytes) -> str:
        # Named by its content, so that an update of a stack sees a change.
        name = f"{hashlib.sha256(content).hexdigest()[:16]}-{name}"
        _uploaded(emulator, name, content)
        return f"s3://{_ARTIFACTS}/{name}"

    routes = {
        (event["Properties"]["Path"], event["Properties"]["Method"])
        for resource in template["Resources"].values()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "Api"
    }
    for name, resource in list(template["Resources"].items()):
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::Serverless::Function":
                content = _zipped(PROJECT / properties["CodeUri"])
                properties["Events"] = _with_methods_listed(properties.get("Events", {}), routes)
                properties["CodeUri"] = upload(f"{name}.zip", content)
                # The emulator has no CodeDeploy: the alias goes over at once.
                properties.pop("DeploymentPreference", None)
                if name in _MOST_WORKERS:
                    properties["ReservedConcurrentExecutions"] = _MOST_WORKERS[name]
            case "AWS::Serverless::LayerVersion":
                content = _zipped(PROJECT / properties["ContentUri"], prefix="python/")
                properties["ContentUri"] = upload(f"{name}.zip", content)
            case "AWS::Serverless::StateMachine":
                path = PROJECT / properties.pop("DefinitionUri")
                properties["Definition"] = yaml.safe_load(path.read_text())
            # Saved queries and alarms on computed metrics: the emulator has neither.
            case "AWS::Logs::QueryDefinition":
                del template["Resources"][name]
            case "AWS::CloudWatch::Alarm" if "Metrics" in properties:
                del template["Resources"][name]
            # The emulator serves plain http, so a policy that denies it would deny everything.
            case kind if "PolicyDocument" in properties and kind.endswith("Policy"):
                document = properties["PolicyDocument"]
                document["Statement"] = [
                    statement
                    for statement in document["Statement"]
                    if statement.get("Sid") != "TlsOnly"
                ]
                if not document["Statement"]:
                    del template["Resources"][name]
            case "AWS::Serverless::Api":
                template["Resources"] |= _gateway_responses(name, properties["GatewayResponses"])
    return template


def _gateway_responses(api: str, answers: dict[str, Any]) -> dict[str, Any]:
    """The gateway responses as resources; the emulator ignores them in the OpenAPI document."""
    return {
        f"Answer{kind.title().replace('_', '')}": {
            "Type": "AWS::ApiGateway::GatewayResponse",
            "Properties": {
                "RestApiId": {"Ref": api},
                "ResponseType": kind,
                "StatusCode": str(answer["StatusCode"]),
                "ResponseParameters": {
                    f"gatewayresponse.header.{header}": value
                    for header, value in answer["ResponseParameters"]["Headers"].items()
                },
                "ResponseTemplates": answer["ResponseTemplates"],
            },
        }
        for kind, answer in answers.items()
    }


def _uploaded(emulator: Reached, name: str, content: bytes) -> str:
    emulator.client("s3").put_object(Bucket=_ARTIFACTS, Key=name, Body=content)
    return f"{emulator.endpoint_url}/{_ARTIFACTS}/{name}"


def _with_methods_listed(events: dict[str, Any], routes: set[tuple[str, str]]) -> dict[str, Any]:
    """The same routes without the method `any`, which the emulator does not support.

    `routes` are those of all functions: `any` means what none of them names.
    """
    listed = dict(events)
    for name, event in events.items():
        if event["Type"] == "Api" and event["Properties"]["Method"] == "any":
            del listed[name]
            for method in _METHODS:
                if (event["Properties"]["Path"], method) not in routes:
                    properties = event["Properties"] | {"Method": method}
                    listed[f"{name}{method.title()}"] = event | {"Properties": properties}
    return listed


def _zipped(folder: Path, prefix: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.suffix in (".py", ".json", ".mp4")):
            name = PurePosixPath(prefix) / path.relative_to(folder).as_posix()
            # Without their times, so that the same code makes the same archive.
            archive.writestr(zipfile.ZipInfo(str(name)), path.read_bytes())
            if path.suffix != ".py":
                continue
            # Or every worker of the emulator would compile it again, and keep nothing.
            compiled = importlib.util.cache_from_source(str(name))
            archive.writestr(zipfile.ZipInfo(compiled), _compiled(path))
    return buffer.getvalue()


def _compiled(path: Path) -> bytes:
    """A module's bytecode, never compared with its source again (PEP 552)."""
    source = path.read_bytes()
    code = compile(source, str(path), "exec", dont_inherit=True)
    return (
        importlib.util.MAGIC_NUMBER
        + (1).to_bytes(4, "little")
        + importlib.util.source_hash(source)
        + marshal.dumps(code)
    )
