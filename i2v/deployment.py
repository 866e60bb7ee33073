"""Deploy the project's own template into an emulator, as `sam deploy` would into AWS."""

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

from i2v.emulator import PATIENCE_SECONDS, Emulator
from i2v.errors import CommandError

PROJECT: Final = Path(__file__).resolve().parent.parent
STACK_NAME: Final = "image-to-video"
_ARTIFACTS: Final = "i2v-artifacts"
_API_ON_AWS: Final = "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/"
# Each worker of the emulator is a process; a refused step is repeated by the workflow, a refused
# batch by the stream. The API has no limit: its callers would see it.
_MOST_WORKERS: Final = {"PollTaskFunction": 8, "StoreVideoFunction": 4, "PublishEventsFunction": 4}
_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options")


def deploy(emulator: Emulator, parameters: dict[str, str]) -> dict[str, str]:
    """Create the stack and return its outputs. Raises `CommandError` with the emulator's reason."""
    template = packaged_template(emulator)
    if unknown := sorted(parameters.keys() - template["Parameters"].keys()):
        raise CommandError(f"template.yaml has no parameter {', '.join(unknown)}.")
    cloudformation = emulator.client("cloudformation")
    cloudformation.create_stack(
        StackName=STACK_NAME,
        # By URL: a template passed as text may have at most 51,200 bytes.
        TemplateURL=_uploaded(emulator, "template.json", json.dumps(template).encode()),
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
        ],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        stack = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
            # Only a deployment made after the gateway responses uses them.
            emulator.client("apigateway").create_deployment(
                restApiId=outputs["ApiId"], stageName="v1"
            )
            return outputs
        if "FAILED" in stack["StackStatus"] or "ROLLBACK" in stack["StackStatus"]:
            break
        time.sleep(0.1)
    events = cloudformation.describe_stack_events(StackName=STACK_NAME)["StackEvents"]
    reasons = [e["ResourceStatusReason"] for e in events if "FAILED" in e["ResourceStatus"]]
    reason = "; ".join(reasons) or "it took too long"
    raise CommandError(f"The stack could not be deployed: {reason}")


def packaged_template(emulator: Emulator) -> dict[str, Any]:
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
        _uploaded(emulator, name, content)
        return f"s3://{_ARTIFACTS}/{name}"

    for name, resource in list(template["Resources"].items()):
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::Serverless::Function":
                content = _zipped(PROJECT / properties["CodeUri"])
                properties["Events"] = _with_methods_listed(properties.get("Events", {}))
                properties["CodeUri"] = upload(f"{name}.zip", content)
                if name in _MOST_WORKERS:
                    properties["ReservedConcurrentExecutions"] = _MOST_WORKERS[name]
            case "AWS::Serverless::LayerVersion":
                content = _zipped(PROJECT / properties["ContentUri"], prefix="python/")
                properties["ContentUri"] = upload(f"{name}.zip", content)
            case "AWS::Serverless::StateMachine":
                path = PROJECT / properties.pop("DefinitionUri")
                properties["Definition"] = yaml.safe_load(path.read_text())
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


def _uploaded(emulator: Emulator, name: str, content: bytes) -> str:
    emulator.client("s3").put_object(Bucket=_ARTIFACTS, Key=name, Body=content)
    return f"{emulator.endpoint_url}/{_ARTIFACTS}/{name}"


def _with_methods_listed(events: dict[str, Any]) -> dict[str, Any]:
    """The same routes without the method `any`, which the emulator does not support."""
    listed, own_methods = dict(events), set()
    for event in events.values():
        if event["Type"] == "Api":
            own_methods.add((event["Properties"]["Path"], event["Properties"]["Method"]))
    for name, event in events.items():
        if event["Type"] == "Api" and event["Properties"]["Method"] == "any":
            del listed[name]
            for method in _METHODS:
                if (event["Properties"]["Path"], method) not in own_methods:
                    properties = event["Properties"] | {"Method": method}
                    listed[f"{name}{method.title()}"] = event | {"Properties": properties}
    return listed


def _zipped(folder: Path, prefix: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.suffix in (".py", ".mp4")):
            name = PurePosixPath(prefix) / path.relative_to(folder).as_posix()
            archive.write(path, str(name))
            if path.suffix == ".py":
                # Or every worker of the emulator would compile it again, and keep nothing.
                archive.writestr(importlib.util.cache_from_source(str(name)), _compiled(path))
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
