"""What DynamoDB bills for a change of an item: its rules, applied to the items themselves.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html and
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html
"""

import math
from typing import Any

type Item = dict[str, dict[str, Any]]


def write_units(table: dict[str, Any], before: Item | None, after: Item | None) -> int:
    """Write units of one change, in the table (its properties in the template) and its indexes."""
    units = _units(before, after)
    for index in table.get("GlobalSecondaryIndexes", []):
        entries = (entry(table, index, item) for item in (before, after))
        units += _index_units(_names(index["KeySchema"]), *entries)
    return units


def entry(table: dict[str, Any], index: dict[str, Any], item: Item | None) -> Item | None:
    """An item as an index of the table has it; None where it has it not, for want of a key."""
    keys = _names(index["KeySchema"])
    if item is None or not keys <= set(item):
        return None
    kept = _projected(index["Projection"], keys | _names(table["KeySchema"]))
    return {name: value for name, value in item.items() if kept is None or name in kept}


def _index_units(keys: set[str], before: Item | None, after: Item | None) -> int:
    if before == after:
        return 0
    moved = before and after and any(before[name] != after[name] for name in keys)
    if moved:
        # An entry under another key is another entry: one is deleted, one is put.
        return _units(before, None) + _units(None, after)
    return _units(before, after)


def _units(before: Item | None, after: Item | None) -> int:
    """1 KB a unit, of the larger one."""
    return math.ceil(max(size(item) if item else 0 for item in (before, after)) / 1024)


def size(item: Item) -> int:
    """The size of an item in bytes: names and values."""
    return sum(len(name.encode()) + _size_of(value) for name, value in item.items())


def _size_of(value: dict[str, Any]) -> int:
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return math.ceil(len(content.strip("-0.").replace(".", "")) / 2) + 1
        case "BOOL" | "NULL":
            return 1
        case "L":
            return 3 + sum(1 + _size_of(each) for each in content)
        case "M":
            return 3 + len(content) + size(content)
    raise ValueError(f"tests/benchmarks/dynamodb_units.py does not know the type {kind}")


def _names(schema: list[dict[str, str]]) -> set[str]:
    return {key["AttributeName"] for key in schema}


def _projected(projection: dict[str, Any], keys: set[str]) -> set[str] | None:
    """What an index keeps of an item; None for all of it."""
    if projection["ProjectionType"] == "ALL":
        return None
    return keys | set(projection.get("NonKeyAttributes", []))
