"""Bearer tokens: shown once, kept as a hash, each belonging to one owner."""

import hashlib
import re
import secrets
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from image_to_video.adapters.dynamodb_table import Table, is_refused_condition
from image_to_video.domain.errors import UnauthorizedError
from image_to_video.domain.owner_names import OWNER_RULE, owner_is_valid
from image_to_video.domain.records import Moment, Stored, iso
from image_to_video.observability import count, logger

_PREFIX: Final = "i2v_"
# People see by this what a token is; what it may do, its record says.
_TEST_PREFIX: Final = "i2v_test_"
_MAX_NAME: Final = 120
# RFC 6750, section 2.1, and RFC 9110, section 11: the scheme in any case, one blank or more, then
# the token; of these only the form that is issued here, 32 bytes in base64url.
_CREDENTIALS: Final = re.compile(r"(?i:bearer) +(i2v_(?:test_)?[A-Za-z0-9_-]{43})")
# Enough of the hash to be one token's alone, and nothing of the token itself.
_ID_LENGTH: Final = 16
_SHORTEST_ID: Final = 8


class TokenRecord(Stored):
    """What is kept of a token. The token cannot be recovered from it."""

    token_sha256: str
    owner: str
    name: str
    test: bool = False
    created_at: Moment
    expires_at: Moment | None = None
    revoked_at: Moment | None = None

    @property
    def token_id(self) -> str:
        """How operators name the token: the beginning of its hash."""
        return self.token_sha256[:_ID_LENGTH]

    def is_valid(self, now: datetime) -> bool:
        """True unless the token has expired or was revoked."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class TokenTable:
    """Keeps and finds tokens."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def create(
        self,
        *,
        owner: str,
        name: str,
        now: datetime,
        expires_at: datetime | None = None,
        test: bool = False,
    ) -> str:
        """Make a token for an owner and return it: the only time that it can be seen.

        Tasks of a `test` token cost nothing; see docs/test-mode.md.
        Raises `ValueError`, with a sentence for people, for an owner or a name that cannot be.
        """
        if not owner_is_valid(owner):
            raise ValueError(OWNER_RULE)
        if not name.isprintable() or not 0 < len(name) <= _MAX_NAME:
            raise ValueError(f"A token's name has 1 to {_MAX_NAME} printable characters.")
        token = (_TEST_PREFIX if test else _PREFIX) + secrets.token_urlsafe(32)
        record = TokenRecord(
            token_sha256=_sha256(token),
            owner=owner,
            name=name,
            test=test,
            created_at=now,
            expires_at=expires_at,
        )
        self._table.put_item(Item=record.written())
        return token

    def authenticate(self, header: str) -> TokenRecord:
        """The record of the token in an `Authorization` header.

        It is looked up by its SHA-256, so no comparison of secrets happens whose time could tell:
        who can guess at beginnings of a hash cannot find a token that has it.
        Raises `UnauthorizedError` for a token that was never issued here.
        """
        credentials = _CREDENTIALS.fullmatch(header)
        if credentials is None:
            raise UnauthorizedError
        key = {"token_sha256": _sha256(credentials[1])}
        reply = self._table.get_item(Key=key, ConsistentRead=True)
        if "Item" not in reply:
            raise UnauthorizedError
        return TokenRecord.model_validate(reply["Item"])

    def records(self, owner: str | None = None) -> list[TokenRecord]:
        """All tokens ever made, or one owner's, oldest first."""
        if owner is None:
            return self._scan({})
        return self._scan(
            {
                # A reserved word of DynamoDB's.
                "FilterExpression": "#owner = :owner",
                "ExpressionAttributeNames": {"#owner": "owner"},
                "ExpressionAttributeValues": {":owner": owner},
            }
        )

    def find(self, text: str) -> list[TokenRecord]:
        """The tokens that a text names: by an id or a longer part of the hash, or by themselves.

        An empty list for a text that is too short, or cannot be part of a hash.
        """
        beginning = _sha256(text) if text.startswith(_PREFIX) else text.lower()
        if not re.fullmatch(rf"[0-9a-f]{{{_SHORTEST_ID},64}}", beginning):
            return []
        return self._scan(
            {
                "FilterExpression": "begins_with(token_sha256, :beginning)",
                "ExpressionAttributeValues": {":beginning": beginning},
            }
        )

    def revoke(self, record: TokenRecord, now: datetime) -> TokenRecord:
        """Revoke a token for ever and return its record; revoking it again keeps the first time."""
        try:
            self._table.update_item(
                Key={"token_sha256": record.token_sha256},
                UpdateExpression="SET revoked_at = :now",
                ConditionExpression="attribute_exists(token_sha256) "
                "AND attribute_not_exists(revoked_at)",
                ExpressionAttributeValues={":now": iso(now)},
            )
        except ClientError as error:
            if not is_refused_condition(error):
                raise
        reply = self._table.get_item(Key={"token_sha256": record.token_sha256}, ConsistentRead=True)
        # An item that was deleted meanwhile opens nothing either.
        item = reply.get("Item") or record.written() | {"revoked_at": iso(now)}
        return TokenRecord.model_validate(item)

    def _scan(self, filters: dict[str, Any]) -> list[TokenRecord]:
        records: list[TokenRecord] = []
        page: dict[str, Any] = {}
        while True:
            reply = self._table.scan(**filters, **page, ConsistentRead=True)
            records += filter(None, map(_readable, reply["Items"]))
            if "LastEvaluatedKey" not in reply:
                return sorted(records, key=lambda record: record.created_at)
            page = {"ExclusiveStartKey": reply["LastEvaluatedKey"]}


def _readable(item: dict[str, Any]) -> TokenRecord | None:
    """The record of an item; None, logged and counted, for one that cannot be read at all."""
    try:
        return TokenRecord.model_validate(item)
    except ValueError:
        count("TokensUnreadable")
        logger.exception("token cannot be read")
        return None


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
