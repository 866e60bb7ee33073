"""The benchmark's bill: DynamoDB's own rules for what one change costs."""

from typing import Any

import pytest

from tests.benchmarks.dynamodb_units import size, write_units

TABLE = {
    "KeySchema": [{"AttributeName": "id"}],
    "GlobalSecondaryIndexes": [
        {
            "KeySchema": [{"AttributeName": "owner"}],
            "Projection": {"ProjectionType": "ALL"},
        },
        {
            "KeySchema": [{"AttributeName": "open"}, {"AttributeName": "due"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        },
    ],
}


def item(**values: str) -> dict[str, Any]:
    return {name: {"S": value} for name, value in ({"id": "1", "owner": "a"} | values).items()}


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [
        pytest.param(None, item(), 2, id="a new item, in one index"),
        pytest.param(None, item(open="y", due="1"), 3, id="a new item, in both"),
        pytest.param(item(), item(x="1"), 2, id="changed: table and the index that shows all"),
        pytest.param(item(), item(), 1, id="written as it was"),
        pytest.param(
            item(open="y", due="1"), item(open="y", due="2"), 4, id="another key is two writes"
        ),
        pytest.param(item(open="y", due="1"), item(), 3, id="it leaves an index"),
        pytest.param(item(), item(x="." * 1024), 4, id="the larger one counts, by each KB"),
        pytest.param(item(x="." * 1024), None, 4, id="deleted"),
    ],
)
def test_write_units(
    before: dict[str, Any] | None, after: dict[str, Any] | None, units: int
) -> None:
    assert write_units(TABLE, before, after) == units


def test_sizes() -> None:
    assert size({"ab": {"S": "ü"}}) == 4
    assert size({"a": {"N": "12345"}}) == 5
    assert size({"a": {"BOOL": True}}) == 2
    assert size({"a": {"L": [{"S": "b"}]}}) == 1 + 3 + 1 + 1
    assert size({"a": {"M": {"b": {"S": "c"}}}}) == 1 + 3 + 1 + 2
