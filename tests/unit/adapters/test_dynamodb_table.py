"""Plain values survive DynamoDB, requests reach it as they are meant, and floats never do."""

from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from image_to_video.adapters.dynamodb_table import (
    Table,
    is_refused_condition,
    is_temporary,
    is_throttle,
)

from tests.conftest import REGION, Application

ITEM: dict[str, Any] = {
    "limit": "kinds",
    "member": "1",
    "none": None,
    "yes": True,
    "no": False,
    "text": "é\N{ROCKET}",
    "empty": "",
    "whole": 2**53 + 1,
    "decimal": Decimal("0.1"),
    "map": {"a.b": {"c": [1, "two", None, [True]]}},
    "list": [],
}


@pytest.fixture
def table(application: Application) -> Table:
    return Table(application.client("dynamodb"), application.environment["LIMITS_TABLE"])


def test_every_kind_of_value_comes_back(table: Table) -> None:
    table.put_item(Item=ITEM)
    key = {"limit": "kinds", "member": "1"}
    read = table.get_item(Key=key, ConsistentRead=True)["Item"]
    assert read == ITEM
    # Equal to 1 and 0, which they must not become.
    assert (read["yes"], read["no"]) == (True, False)
    assert isinstance(read["yes"], bool)


def test_boto3_reads_and_writes_the_same(application: Application, table: Table) -> None:
    resource = boto3.resource("dynamodb", region_name=REGION)
    theirs = resource.Table(application.environment["LIMITS_TABLE"])
    key = {"limit": "kinds", "member": "1"}
    table.put_item(Item=ITEM)
    written: Any = theirs.get_item(Key=key)["Item"]
    assert written == ITEM
    theirs.put_item(Item=written | {"member": "2"})
    assert table.get_item(Key=key | {"member": "2"})["Item"] == ITEM | {"member": "2"}


def test_an_item_that_is_not_there_is_no_item(table: Table) -> None:
    assert "Item" not in table.get_item(Key={"limit": "no", "member": "no"})


def test_an_update_takes_values_and_gives_the_item_back(table: Table) -> None:
    reply = table.update_item(
        Key={"limit": "a", "member": "b"},
        UpdateExpression="SET #kept = :kept",
        ExpressionAttributeNames={"#kept": "kept"},
        ExpressionAttributeValues={":kept": ["x", 1]},
        ReturnValues="ALL_NEW",
    )
    assert reply["Attributes"] == {"limit": "a", "member": "b", "kept": ["x", 1]}


def test_pages_follow_each_other(table: Table) -> None:
    for member in "abc":
        table.put_item(Item={"limit": "pages", "member": member})
    request: dict[str, Any] = {
        "KeyConditionExpression": "#limit = :pages",
        "ExpressionAttributeNames": {"#limit": "limit"},
        "ExpressionAttributeValues": {":pages": "pages"},
        "Limit": 2,
    }
    first = table.query(**request)
    second = table.query(**request, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert [item["member"] for item in first["Items"] + second["Items"]] == ["a", "b", "c"]


def test_a_removed_item_is_gone(table: Table) -> None:
    table.put_item(Item={"limit": "a", "member": "b"})
    table.delete_item(Key={"limit": "a", "member": "b"})
    assert table.scan()["Items"] == []


class InBits:
    """A client that answers one key of a batch at a time, as DynamoDB does when it is busy."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.calls = 0

    def batch_get_item(self, RequestItems: dict[str, Any]) -> Any:  # noqa: N803
        self.calls += 1
        ((name, asked),) = RequestItems.items()
        now, later = asked["Keys"][:1], asked["Keys"][1:]
        reply = self._client.batch_get_item(RequestItems={name: asked | {"Keys": now}})
        return reply | {"UnprocessedKeys": {name: asked | {"Keys": later}} if later else {}}


def test_items_are_read_by_their_keys_also_in_bits(table: Table, application: Application) -> None:
    wanted = [{"limit": "some", "member": member} for member in "abc"]
    for key in wanted[:2]:
        table.put_item(Item=key | {"number": 1})
    client: Any = InBits(table._client)

    found = Table(client, table._name).get_items(wanted, consistent=True)

    assert sorted(item["member"] for item in found) == ["a", "b"]
    assert client.calls == 3
    assert table.get_items([], consistent=False) == []


@pytest.mark.parametrize("value", [1.5, {1}, object()])
def test_what_dynamodb_keeps_otherwise_is_refused(table: Table, value: object) -> None:
    with pytest.raises(TypeError, match=type(value).__name__):
        table.put_item(Item={"limit": "a", "member": "b", "value": value})


@pytest.mark.parametrize(
    ("code", "is_refused", "is_busy", "may_pass"),
    [
        ("ConditionalCheckFailedException", True, False, True),
        ("ThrottlingException", False, True, True),
        ("ProvisionedThroughputExceededException", False, True, True),
        ("InternalServerError", False, False, True),
        ("AccessDeniedException", False, False, False),
        ("ResourceNotFoundException", False, False, False),
        ("ValidationException", False, False, False),
    ],
)
def test_what_went_wrong_is_told_by_its_code(
    code: str, is_refused: bool, is_busy: bool, may_pass: bool
) -> None:
    error = ClientError({"Error": {"Code": code, "Message": ""}}, "UpdateItem")
    assert (is_refused_condition(error), is_throttle(error)) == (is_refused, is_busy)
    assert is_temporary(error) is may_pass


def test_a_connection_that_breaks_is_temporary() -> None:
    assert is_temporary(EndpointConnectionError(endpoint_url="https://dynamodb.example.com"))
