"""API Gateway's own responses read like the API's own problem documents."""

import json
import re
from http import HTTPStatus
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.event_handler.api_gateway import BaseRouter
from image_to_video.contract import rest_errors
from image_to_video.contract.problem_details import Problem

import functions.public.app as public

# https://docs.aws.amazon.com/apigateway/latest/api/API_PutGatewayResponse.html, as botocore has it.
_OPERATION = (
    boto3.session.Session()
    .client("apigateway", region_name="us-east-1")
    .meta.service_model.operation_model("PutGatewayResponse")
)
KINDS: list[str] = list(_OPERATION.input_shape.members["responseType"].enum)
# What API Gateway puts in place of its variables.
CONTEXT = {"$context.requestId": "0a975662-2b68-4fc2-b74b-5d37c39de701"}
VARIABLE = re.compile(r"\$[A-Za-z][\w.]*")
# A code that both sides answer comes with the status it has in the API; 413 is the gateway's alone.
STATUSES = {
    "unauthorized": {401},
    "forbidden": {403},
    "route_not_found": {404},
    "malformed_request": {400, 413},
    "too_many_requests": {429},
    "temporarily_unavailable": {503},
}


@pytest.fixture(scope="module")
def answers(translated: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The gateway responses, as API Gateway imports them."""
    (rest_api,) = (r for r in translated.values() if r["Type"] == "AWS::ApiGateway::RestApi")
    found: dict[str, dict[str, Any]] = rest_api["Properties"]["Body"][
        "x-amazon-apigateway-gateway-responses"
    ]
    return found


def problem(answer: dict[str, Any]) -> dict[str, Any]:
    """The body, once API Gateway has filled it in."""
    ((kind, text),) = answer["responseTemplates"].items()
    # API Gateway takes the template of this type whatever the caller accepts.
    assert kind == "application/json"
    filled = VARIABLE.sub(lambda variable: CONTEXT[variable.group()], text)
    body: dict[str, Any] = json.loads(filled)
    return body


def header(answer: dict[str, Any], name: str) -> Any:
    return answer["responseParameters"].get(f"gatewayresponse.header.{name}")


def test_every_kind_of_response_is_set(answers: dict[str, dict[str, Any]]) -> None:
    assert len(KINDS) > 20
    assert set(answers) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_a_problem_document(answers: dict[str, dict[str, Any]], kind: str) -> None:
    answer = answers[kind]
    body = problem(answer)
    assert set(body) == set(Problem.model_fields)
    Problem.model_validate(body, strict=True)
    assert body["type"] == "about:blank"
    assert str(body["status"]) == str(answer["statusCode"])
    assert body["title"] == HTTPStatus(body["status"]).phrase
    assert body["status"] in STATUSES[body["code"]]
    assert body["detail"]
    assert body["request_id"] == CONTEXT["$context.requestId"]
    assert header(answer, "Content-Type") == "'application/problem+json'"


def test_a_problem_that_the_api_has_too_is_the_same(
    answers: dict[str, dict[str, Any]],
) -> None:
    both = {
        "DEFAULT_4XX": public.app.answer_no_route,
        "BAD_REQUEST_BODY": rest_errors.answer_unreadable,
        "DEFAULT_5XX": rest_errors.answer_unexpected,
    }

    class Request:
        path = "/nowhere"
        path_parameters = None

        class request_context:  # noqa: N801 - named as Powertools names it
            request_id = "id"
            path = "/v1/nowhere"

    for kind, answer in both.items():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(BaseRouter, "current_event", Request, raising=False)
            patch.setattr(rest_errors, "count", lambda _name: None)
            said = answer(None)
        own, gateway = json.loads(said.body), problem(answers[kind])
        for member in ("type", "title", "status", "code"):
            assert own[member] == gateway[member], kind
        assert said.headers.get("Content-Type", said.content_type) == "application/problem+json"


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("UNAUTHORIZED", 401, "unauthorized"),
        ("ACCESS_DENIED", 403, "forbidden"),
        ("MISSING_AUTHENTICATION_TOKEN", 404, "route_not_found"),
        ("THROTTLED", 429, "too_many_requests"),
        ("QUOTA_EXCEEDED", 429, "too_many_requests"),
        ("REQUEST_TOO_LARGE", 413, "malformed_request"),
        ("AUTHORIZER_FAILURE", 503, "temporarily_unavailable"),
        ("INTEGRATION_TIMEOUT", 503, "temporarily_unavailable"),
    ],
)
def test_the_common_ones_are_as_in_the_contract(
    answers: dict[str, dict[str, Any]], kind: str, status: int, code: str
) -> None:
    body = problem(answers[kind])
    assert (body["status"], body["code"]) == (status, code)


@pytest.mark.parametrize("kind", KINDS)
def test_only_temporary_problems_name_a_wait(answers: dict[str, dict[str, Any]], kind: str) -> None:
    wait = header(answers[kind], "Retry-After")
    if problem(answers[kind])["status"] in (429, 503):
        assert int(wait.strip("'")) > 0
    else:
        assert wait is None


def test_only_a_missing_token_names_its_scheme(answers: dict[str, dict[str, Any]]) -> None:
    named = {kind for kind in KINDS if header(answers[kind], "WWW-Authenticate")}
    assert named == {"UNAUTHORIZED"}
    assert header(answers["UNAUTHORIZED"], "WWW-Authenticate") == "'Bearer'"


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_request_is_repeated(answers: dict[str, dict[str, Any]], kind: str) -> None:
    """API Gateway does not escape what it inserts, and its reasons repeat the token."""
    (text,) = answers[kind]["responseTemplates"].values()
    assert set(VARIABLE.findall(text)) <= set(CONTEXT)
    values = str(answers[kind]["responseParameters"].values())
    assert "method.request" not in values


@pytest.mark.parametrize("kind", KINDS)
def test_browsers_may_read_it_only_where_an_origin_is_set(
    answers: dict[str, dict[str, Any]], kind: str
) -> None:
    allowed = header(answers[kind], "Access-Control-Allow-Origin")
    assert allowed == {
        "Fn::If": ["PermitsBrowsers", {"Fn::Sub": "'${CorsOrigin}'"}, {"Ref": "AWS::NoValue"}]
    }
    exposed = header(answers[kind], "Access-Control-Expose-Headers")
    assert exposed["Fn::If"][0] == "PermitsBrowsers"
    assert exposed["Fn::If"][2] == {"Ref": "AWS::NoValue"}


def test_the_condition_is_the_parameter(template: dict[str, Any]) -> None:
    empty = {"Fn::Not": [{"Fn::Equals": [{"Ref": "CorsOrigin"}, ""]}]}
    assert template["Conditions"]["PermitsBrowsers"] == empty
    assert template["Parameters"]["CorsOrigin"]["Default"] == ""


def test_the_access_log_names_no_header_and_no_query(translated: dict[str, Any]) -> None:
    (stage,) = (r for r in translated.values() if r["Type"] == "AWS::ApiGateway::Stage")
    setting = stage["Properties"]["AccessLogSetting"]
    assert setting["DestinationArn"] == {"Fn::GetAtt": ["ApiAccessLogGroup", "Arn"]}
    fields = json.loads(setting["Format"])
    assert {"request_id", "time", "owner", "route", "status"} <= set(fields)
    harmless = {
        "$context.authorizer.owner_in_json",
        "$context.authorizer.test_owner_in_json",
        "$context.error.responseType",
        "$context.extendedRequestId",
        "$context.httpMethod",
        "$context.identity.sourceIp",
        "$context.requestId",
        "$context.requestTime",
        "$context.resourcePath",
        "$context.responseLatency",
        "$context.responseLength",
        "$context.status",
    }
    assert set(fields.values()) == harmless


def test_every_call_is_throttled(translated: dict[str, Any]) -> None:
    (stage,) = (r for r in translated.values() if r["Type"] == "AWS::ApiGateway::Stage")
    every, *_ = settings = stage["Properties"]["MethodSettings"]
    assert (every["ResourcePath"], every["HttpMethod"]) == ("/*", "*")
    for setting in settings:
        assert setting["ThrottlingRateLimit"] > 0
        assert setting["ThrottlingBurstLimit"] > 0


def test_pages_may_send_forms_and_read_videos_where_their_origin_is_permitted(
    template: dict[str, Any],
) -> None:
    def rule(bucket: str) -> dict[str, Any]:
        configured = template["Resources"][bucket]["Properties"]["CorsConfiguration"]["Fn::If"]
        assert (configured[0], configured[2]) == ("PermitsBrowsers", {"Ref": "AWS::NoValue"})
        [rule] = configured[1]["CorsRules"]
        return dict(rule)

    assert rule("ImagesBucket")["AllowedOrigins"] == [{"Ref": "CorsOrigin"}]
    assert rule("ImagesBucket")["AllowedMethods"] == ["POST"]
    # After the redirect a browser sends the origin `null`; the link is signed.
    assert rule("VideosBucket")["AllowedOrigins"] == ["*"]
    assert rule("VideosBucket")["AllowedMethods"] == ["GET", "HEAD"]
