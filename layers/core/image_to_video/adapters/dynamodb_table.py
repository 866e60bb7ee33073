"""A DynamoDB table that takes and gives plain Python values, as boto3's resource does.

Without boto3, whose import and whose resources take a tenth of a cold start. What is given beside
values is DynamoDB's own: expressions are texts.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

type Reply = dict[str, Any]

# How any call may fail.
TABLE_ERRORS: Final = (BotoCoreError, ClientError)
_LASTING: Final = frozenset(
    {"AccessDeniedException", "ResourceNotFoundException", "ValidationException"}
)
_THROTTLES: Final = frozenset(
    {"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"}
)

# Members of requests and answers that are one item, or hold values by their names.
_ITEMS: Final = frozenset(
    {
        "Attributes",
        "ExclusiveStartKey",
        "ExpressionAttributeValues",
        "Item",
        "Key",
        "LastEvaluatedKey",
    }
)


class Table:
    """One table. Raises what the client raises, botocore's `ClientError` for a refusal."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def get_item(self, **request: Any) -> Reply:
        """Read one item by its key."""
        return self._asked(self._client.get_item, request)

    def put_item(self, **request: Any) -> Reply:
        """Write one item in whole."""
        return self._asked(self._client.put_item, request)

    def update_item(self, **request: Any) -> Reply:
        """Change attributes of one item."""
        return self._asked(self._client.update_item, request)

    def delete_item(self, **request: Any) -> Reply:
        """Remove one item by its key."""
        return self._asked(self._client.delete_item, request)

    def query(self, **request: Any) -> Reply:
        """Read a page of items of one partition."""
        return self._asked(self._client.query, request)

    def scan(self, **request: Any) -> Reply:
        """Read a page of all items."""
        return self._asked(self._client.scan, request)

    def get_items(self, keys: Iterable[Mapping[str, Any]], *, consistent: bool) -> list[Reply]:
        """Read up to 100 items by their keys, in any order; one that is not there is left out."""
        written = [_written_item(key) for key in keys]
        asked: Any = (
            {self._name: {"Keys": written, "ConsistentRead": consistent}} if written else {}
        )
        items: list[Reply] = []
        # Some keys are left where the answer would be too long or the table is busy, never all.
        while asked:
            reply = self._client.batch_get_item(RequestItems=asked)
            items += map(_read_item, reply["Responses"].get(self._name, []))
            asked = reply.get("UnprocessedKeys")
        return items

    def _asked(self, operation: Callable[..., Any], request: Mapping[str, Any]) -> Reply:
        written = {
            name: _written_item(value) if name in _ITEMS else value
            for name, value in request.items()
        }
        reply = operation(TableName=self._name, **written)
        read = {
            name: _read_item(value) if name in _ITEMS else value for name, value in reply.items()
        }
        if "Items" in reply:
            read["Items"] = [_read_item(item) for item in reply["Items"]]
        return read


def is_refused_condition(error: ClientError) -> bool:
    """True where the condition of a write did not hold."""
    return _code_of(error) == "ConditionalCheckFailedException"


def is_throttle(error: ClientError) -> bool:
    """True where more was asked of a table than it bears now."""
    return _code_of(error) in _THROTTLES


def is_temporary(error: Exception) -> bool:
    """True for what the next try may mend: not a missing permission, table, or wrong request."""
    return not isinstance(error, ClientError) or _code_of(error) not in _LASTING


def _code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code"))


def _written_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _written(value) for name, value in item.items()}


def _written(value: Any) -> dict[str, Any]:  # noqa: PLR0911 - one for each type
    """One value as DynamoDB's JSON tells its type. Raises `TypeError` for one that we never keep.

    A float is none: DynamoDB's numbers are decimal.
    """
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": str(value)}
        case int() | Decimal():
            return {"N": str(value)}
        case Mapping():
            return {"M": _written_item(value)}
        case list() | tuple():
            return {"L": [_written(one) for one in value]}
        case _:
            return _written_back(value)


def _written_back(value: Any) -> dict[str, Any]:
    """What no record of ours has, but another release's may: it was read, and goes back."""
    match value:
        case bytes():
            return {"B": value}
        case frozenset():
            ((kind, _),) = _written(next(iter(value))).items()
            return {f"{kind}S": [_written(one)[kind] for one in value]}
        case _:
            raise TypeError(f"DynamoDB keeps no {type(value).__name__} of ours")


def _read_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _read(value) for name, value in item.items()}


def _read(typed: Mapping[str, Any]) -> Any:
    """The value of DynamoDB's JSON; numbers are decimal."""
    ((kind, value),) = typed.items()
    match kind:
        case "NULL":
            return None
        case "BOOL" | "S" | "B":
            return value
        case "N":
            return Decimal(value)
        case "M":
            return _read_item(value)
        case "L":
            return [_read(one) for one in value]
        case "SS" | "NS" | "BS":
            return frozenset(_read({kind[0]: one}) for one in value)
        case _:
            raise TypeError(f"DynamoDB's {kind} is none of our types")
