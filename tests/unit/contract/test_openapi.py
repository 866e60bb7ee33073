"""The published contract: what the code says, valid, complete, and true to its own examples."""

import json
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

import pytest
from image_to_video import __version__
from image_to_video.contract import rest_errors
from image_to_video.contract.examples import PROBLEMS
from image_to_video.contract.openapi import describe
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

import functions.api.app as api
import functions.public.app as public
import functions.receive_hint.app as receive_hint
from tests.conftest import PROJECT
from tests.support.rest import APPS

CONTRACT: dict[str, Any] = json.loads(
    (PROJECT / "functions" / "public" / "openapi.json").read_text()
)
OPERATIONS: dict[str, dict[str, Any]] = {
    operation["operationId"]: operation
    for item in CONTRACT["paths"].values()
    for operation in item.values()
}


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """The node itself, or what it refers to."""
    if "$ref" not in node:
        return node
    target: Any = CONTRACT
    for part in node["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return resolved(target)


def validate(value: object, schema: dict[str, Any]) -> None:
    whole = schema | {"components": CONTRACT["components"]}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(value)


def contents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body of every operation, by a name for it."""
    for name, operation in OPERATIONS.items():
        if "requestBody" in operation:
            yield f"{name} body", operation["requestBody"]["content"]["application/json"]
        for status, response in operation["responses"].items():
            for content in resolved(response).get("content", {}).values():
                yield f"{name} {status}", content


def test_the_committed_file_is_what_the_code_says() -> None:
    assert describe(APPS, __version__) == CONTRACT, "run: make contracts"


def test_it_is_valid_openapi_3_1() -> None:
    assert CONTRACT["openapi"].startswith("3.1")
    assert not list(OpenAPIV31SpecValidator(CONTRACT).iter_errors())


def test_every_operation_is_described() -> None:
    assert set(OPERATIONS) == {
        *("create_task", "list_tasks", "count_tasks", "get_task", "cancel_task", "get_video"),
        *("create_upload", "receive_hint"),
        *("get_health", "get_contract", "get_event_catalogue"),
    }
    tags = {tag["name"] for tag in CONTRACT["tags"]}
    for name, operation in OPERATIONS.items():
        assert operation["summary"], name
        assert operation["description"], name
        assert set(operation["tags"]) <= tags
        for parameter in operation.get("parameters", []):
            assert parameter["description"], name


def test_every_route_declares_the_model_that_it_returns() -> None:
    for name, operation in OPERATIONS.items():
        [route] = (vars(app)[name] for app in (api, receive_hint, public) if name in vars(app))
        returned = get_type_hints(route)["return"]
        (model,) = get_args(returned) or (returned,)
        # A redirect has no content, whatever else the route may answer.
        models = {*(get_args(model) if isinstance(model, UnionType) else [model])} - {NoneType}
        if not models:
            assert "content" not in operation["responses"]["204"]
            continue
        (model,) = models
        expected = {"$ref": f"#/components/schemas/{model.__name__}"}
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                continue
            if int(status) >= 300:
                assert "content" not in response
            elif get_args(model):
                assert response["content"]["application/json"]["schema"]["type"] == "object"
            else:
                assert response["content"]["application/json"]["schema"] == expected, name


@pytest.mark.parametrize(
    ("name", "content"), list(contents()), ids=[name for name, _ in contents()]
)
def test_every_body_has_examples_and_they_are_true(name: str, content: dict[str, Any]) -> None:
    assert content["examples"]
    for example in content["examples"].values():
        validate(example["value"], content["schema"])


def test_every_parameter_s_example_is_true() -> None:
    shown = 0
    for operation in OPERATIONS.values():
        for parameter in operation.get("parameters", []):
            if "example" in parameter:
                shown += 1
                validate(parameter["example"], parameter["schema"])
    assert shown >= 7


def test_every_error_is_a_problem_document() -> None:
    for operation in OPERATIONS.values():
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(resolved(response)["content"]) == ["application/problem+json"]


def test_only_answers_of_a_route_promise_to_name_their_request() -> None:
    """What API Gateway answers by itself has no such header."""
    for operation in OPERATIONS.values():
        for status, response in operation["responses"].items():
            promised = "X-Request-Id" in resolved(response).get("headers", {})
            assert promised is (status not in {"401", "403", "413", "429"}), status


def test_every_error_has_a_whole_schema_with_its_own_name() -> None:
    """Code generators make nothing of a schema that refines another one."""
    schemas = CONTRACT["components"]["schemas"]
    for operation in OPERATIONS.values():
        for status, response in operation["responses"].items():
            for content in resolved(response).get("content", {}).values():
                if int(status) >= 400:
                    name = content["schema"]["$ref"].rpartition("/")[2]
                    members = schemas[name]["properties"]
                    assert schemas[name]["title"] == name
                    assert members["status"]["const"] == int(status)
                    assert resolved(members["code"])["enum"] == list(content["examples"])
                    assert set(schemas[name]["required"]) == set(members)
    for schema in schemas.values():
        assert not {"allOf", "oneOf"} & set(schema)


def test_each_code_is_documented_under_its_status(template: dict[str, Any]) -> None:
    """Those of the exceptions and of the gateway, but for 405, which no operation answers."""
    answered = {(int(status), code) for status, code in rest_errors._STATUSES.values()}
    api_resource = template["Resources"]["Api"]["Properties"]
    for answer in api_resource["GatewayResponses"].values():
        body = json.loads(answer["ResponseTemplates"]["application/json"])
        answered.add((body["status"], body["code"]))
    documented = {(status, code) for status, told in PROBLEMS.items() for code in told.codes}
    assert answered <= documented
    for code in ("route_not_found", "method_not_allowed", "`Allow`"):
        assert code in CONTRACT["info"]["description"]


def test_the_examples_can_be_sent_one_after_another() -> None:
    """One key with two bodies would be refused."""
    parameters = OPERATIONS["create_task"]["parameters"]
    [key] = [parameter for parameter in parameters if parameter["name"] == "Idempotency-Key"]
    assert "example" not in key


def test_an_unknown_outcome_of_a_cancel_is_shown_as_one() -> None:
    for status, known in (("200", True), ("202", False)):
        response = OPERATIONS["cancel_task"]["responses"][status]
        for example in response["content"]["application/json"]["examples"].values():
            assert (example["value"]["cancellation"] is not None) is known
            assert (example["value"]["ended_at"] is not None) is known
        assert ("Retry-After" in response["headers"]) is not known


def test_it_names_where_it_was_served_and_its_licence() -> None:
    assert CONTRACT["servers"][0]["url"] == "."
    assert CONTRACT["info"]["license"]["identifier"] == "Apache-2.0"


def test_what_needs_a_token_says_so_and_what_refuses_it() -> None:
    assert CONTRACT["security"] == [{"bearer": []}]
    assert CONTRACT["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for name, operation in OPERATIONS.items():
        public = name in ("get_health", "get_contract", "get_event_catalogue", "receive_hint")
        assert (operation.get("security") == []) is public, name
        assert ({"401", "403"} <= set(operation["responses"])) is not public, name
        assert {"429", "503"} <= set(operation["responses"]), name


def test_links_lead_to_operations_and_name_their_parameters() -> None:
    found = set()
    for name, operation in OPERATIONS.items():
        for response in operation["responses"].values():
            for link in response.get("links", {}).values():
                target = OPERATIONS[link["operationId"]]
                known = {parameter["name"] for parameter in target["parameters"]}
                assert set(link["parameters"]) <= known
                found.add((name, link["operationId"]))
    assert {
        ("create_task", "get_task"),
        ("create_task", "cancel_task"),
        ("create_upload", "get_task"),
        ("list_tasks", "list_tasks"),
    } <= found


def test_no_schema_is_left_over() -> None:
    text = json.dumps(CONTRACT)
    for name in CONTRACT["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in text, name
