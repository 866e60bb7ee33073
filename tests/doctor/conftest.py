"""A stack of which the test says how AWS and its API answer, held against AWS's own models."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
import httpx
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.model import OperationModel
from botocore.validate import ParamValidator

from i2v.doctor.examined import Examined
from i2v.doctor.findings import Finding, Findings, Level

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
API = "https://api.example.com/v1"
type Answer = dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]]


class Refused(Exception):  # noqa: N818 - what AWS answers, by its code
    """AWS refuses a call with this code."""

    def __init__(self, code: str, message: str = "refused") -> None:
        super().__init__(message)
        self.answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {}}


@dataclass
class Aws:
    """Answers calls by their operation; what has no answer fails the test."""

    answers: dict[str, Answer | Refused] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    _parameters: dict[str, Any] = field(default_factory=dict)

    def remember(self, params: dict[str, Any], **_: Any) -> None:
        self._parameters = params

    def answer(self, model: OperationModel, **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        self.asked.append(model.name)
        answer = self.answers[model.name]
        try:
            given = answer(self._parameters) if callable(answer) else answer
            if isinstance(given, Refused):
                raise given
        except Refused as refused:
            return AWSResponse("", 400, HTTPHeaders(), None), refused.answer
        if model.output_shape is not None:
            report = ParamValidator().validate(given, model.output_shape)
            # Members that AWS always sends and a test has no use for may be left out.
            assert "Unknown" not in report.generate_report(), report.generate_report()
        return AWSResponse("", 200, HTTPHeaders(), None), {**given, "ResponseMetadata": {}}


class Web:
    """Answers requests to the API and to A2E by method and path, or else by 404."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], httpx.Response | Exception] = {}
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.get((request.method, request.url.path), httpx.Response(404))
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


@pytest.fixture
def aws() -> Aws:
    return Aws({"DescribeStacks": described(), "ListStackResources": resources()})


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.fixture
def stack(aws: Aws, web: Web) -> Iterator[Examined]:
    """A stack on AWS with one resource of each kind that tests name themselves."""
    session = boto3.Session(region_name="eu-central-1")
    hooks: Any = session.events
    hooks.register("provide-client-params", aws.remember)
    hooks.register("before-call", aws.answer)
    examined = Examined(
        session,
        "prod",
        patience=1.0,
        now=lambda: NOW,
        transport=httpx.MockTransport(web),
    )
    yield examined
    examined.close()


def described(status: str = "CREATE_COMPLETE", **members: Any) -> dict[str, Any]:
    """The answer of DescribeStacks; `outputs` and `parameters` by their names."""
    outputs = {
        "ApiUrl": API,
        "ApiId": "api1",
        "Version": "0.1.0",
        "AlarmsTopicArn": "arn:aws:sns:eu-central-1:123456789012:alarms",
        "TaskEventsTopicArn": "arn:aws:sns:eu-central-1:123456789012:events",
        "StateMachineArn": "arn:aws:states:eu-central-1:123456789012:stateMachine:prod",
        "ImagesBucketName": "images",
    } | members.pop("outputs", {})
    stack = {
        "StackName": "prod",
        "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
        "StackStatus": status,
        "Outputs": [
            {"OutputKey": name, "OutputValue": value}
            for name, value in outputs.items()
            if value is not None
        ],
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in members.pop("parameters", {}).items()
        ],
    }
    return {"Stacks": [stack | members]}


def resources(*listed: tuple[str, str, str], status: str = "CREATE_COMPLETE") -> dict[str, Any]:
    """The answer of ListStackResources: name, type and name at AWS of each."""
    return {
        "StackResourceSummaries": [
            {
                "LogicalResourceId": name,
                "ResourceType": kind,
                "PhysicalResourceId": physical,
                "ResourceStatus": status,
                "LastUpdatedTimestamp": NOW,
            }
            for name, kind, physical in listed
        ]
    }


def found(findings: Findings) -> list[tuple[str, str]]:
    """Level and text of each finding; whoever complains must say what to do."""
    listed: list[Finding] = list(findings)
    assert all(one.do for one in listed if one.level in (Level.WARNING, Level.PROBLEM))
    return [(one.level.value, one.says) for one in listed]


def says(findings: Findings, level: str, words: str) -> bool:
    """Whether there is a finding of this level with these words."""
    listed = found(findings)
    assert any(one == level and words in text for one, text in listed), listed
    return True
