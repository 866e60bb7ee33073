"""DynamoDB tables in memory, fast enough for simulations: what the product's own adapters send.

Only the expressions that they use are understood; anything else is refused. A test plays the same
simulation on moto and compares.
"""

import operator
import re
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

type Item = dict[str, Any]

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">=": operator.ge,
}
_WORD = re.compile(r":\w+|#?\w+|<=|>=|[=<>(),+]")


class MemoryTable:
    """A table with this key, and what is asked of its index of open tasks."""

    def __init__(self, *key: str) -> None:
        self._key = key
        self._items: dict[tuple[str, ...], Item] = {}
        self._sorted: dict[str, list[str]] = defaultdict(list)

    def get_item(self, *, Key: Item, ConsistentRead: bool = False) -> Item:  # noqa: N803
        """As boto3's."""
        item = self._items.get(self._key_of(Key))
        return {"Item": dict(item)} if item is not None else {}

    def put_item(self, *, Item: Item, ConditionExpression: str, **values: Any) -> None:  # noqa: N803
        """As boto3's."""
        item = self._checked(Item, ConditionExpression, values)
        item.clear()
        self._keep(item | Item)

    def update_item(
        self,
        *,
        Key: Item,  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ConditionExpression: str = "",  # noqa: N803
        ReturnValues: str = "",  # noqa: N803
        **values: Any,
    ) -> Item:
        """As boto3's; all attributes count as updated."""
        item = Key | self._checked(Key, ConditionExpression, values)
        names = values.get("ExpressionAttributeNames", {})
        given = values["ExpressionAttributeValues"]
        for clause, name, change in _changes(UpdateExpression):
            attribute = names.get(name, name)
            if clause == "REMOVE":
                item.pop(attribute, None)
            elif clause == "ADD":
                item[attribute] = item.get(attribute, 0) + given[change[0]]
            else:
                terms = [given[t] if t in given else item[names.get(t, t)] for t in change]
                item[attribute] = terms[0] if len(terms) == 1 else sum(terms)
        self._keep(item)
        return {"Attributes": item}

    def get_items(self, keys: list[Item], *, consistent: bool = True) -> list[Item]:
        """As the table's of ours: those of the keys that are there."""
        return [dict(self._items[key]) for key in map(self._key_of, keys) if key in self._items]

    def delete_item(self, *, Key: Item) -> None:  # noqa: N803
        """As boto3's."""
        if self._items.pop(self._key_of(Key), None) is not None:
            names = self._sorted[Key[self._key[0]]]
            del names[bisect_left(names, Key[self._key[1]])]

    def query(
        self,
        *,
        KeyConditionExpression: str,  # noqa: N803
        Limit: int | None = None,  # noqa: N803
        IndexName: str | None = None,  # noqa: N803
        **values: Any,
    ) -> Item:
        """As boto3's: one partition, or of that what is before, at or after a sort key."""
        given = values["ExpressionAttributeValues"]
        first, *others = KeyConditionExpression.split(" AND ")
        partition = given[first.split()[2]]
        _, comparison, bound = others[0].split() if others else ("", "", "")
        if IndexName is not None:
            assert not others, "the index of open tasks is read in order, without a bound"
            due = [item for item in self._items.values() if item.get("open") == partition]
            return {"Items": sorted(due, key=lambda item: str(item["next_poll_at"]))}
        names = self._sorted[partition]
        if comparison:
            assert comparison in ("=", "<", ">")
            end = bisect_left(names, given[bound])
            at = names[end : end + 1] if given[bound] in names[end : end + 1] else []
            names = {"=": at, "<": names[:end], ">": names[end + len(at) :]}[comparison]
        found = [dict(self._items[partition, name]) for name in names[:Limit]]
        return {"Items": found, "Count": len(found)}

    def _key_of(self, item: Item) -> tuple[str, ...]:
        return tuple(item[name] for name in self._key)

    def _checked(self, key: Item, condition: str, values: Item) -> Item:
        """The item as it is, where the condition holds."""
        item = self._items.get(self._key_of(key), {})
        names, given = values.get("ExpressionAttributeNames", {}), values
        if condition and not _Condition(condition, names, item, given).holds():
            code = "ConditionalCheckFailedException"
            raise ClientError({"Error": {"Code": code, "Message": condition}}, "UpdateItem")
        return dict(item)

    def _keep(self, item: Item) -> None:
        key = self._key_of(item)
        if key not in self._items and len(key) > 1:
            insort(self._sorted[key[0]], key[1])
        self._items[key] = item


class _Condition:
    """A condition, read from left to right; AND binds stronger than OR."""

    def __init__(self, text: str, names: Item, item: Item, values: Item) -> None:
        self._words, self._at = _words(text), 0
        self._names, self._item = names, item
        self._values = values.get("ExpressionAttributeValues", {})

    def holds(self) -> bool:
        result = self._any()
        assert self._at == len(self._words), "a condition that is not understood"
        return result

    def _any(self) -> bool:
        result = self._all()
        while self._takes("OR"):
            other = self._all()
            result = result or other
        return result

    def _all(self) -> bool:
        result = self._one()
        while self._takes("AND"):
            other = self._one()
            result = result and other
        return result

    def _one(self) -> bool:
        if self._takes("("):
            result = self._any()
            assert self._takes(")")
            return result
        word = self._next()
        if word in ("attribute_exists", "attribute_not_exists"):
            _, name, _ = self._next(), self._next(), self._next()
            return (self._names.get(name, name) in self._item) is (word == "attribute_exists")
        left = self._item.get(self._names.get(word, word))
        comparison, right = self._next(), self._values[self._next()]
        return left is not None and _COMPARISONS[comparison](left, right)

    def _takes(self, word: str) -> bool:
        found = self._at < len(self._words) and self._words[self._at] == word
        self._at += found
        return found

    def _next(self) -> str:
        self._at += 1
        return self._words[self._at - 1]


@cache
def _words(text: str) -> list[str]:
    return _WORD.findall(text)


@cache
def _changes(text: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """The changes of an update: clause, attribute, and the terms that it is made of."""
    changes: list[tuple[str, str, tuple[str, ...]]] = []
    for part in re.split(r"(?=\b(?:SET|ADD|REMOVE)\b)", text):
        clause, _, rest = part.strip().partition(" ")
        for change in filter(None, rest.split(",")):
            name, *terms = [word for word in _words(change) if word not in ("=", "+")]
            changes.append((clause, name, tuple(terms)))
    return changes
