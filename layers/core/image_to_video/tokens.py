"""Bearer tokens: shown once, kept as a hash, each belonging to one owner."""

import hashlib
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Final

from image_to_video.errors import UnauthorizedError
from image_to_video.models import Frozen, Moment

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_PREFIX: Final = "i2v_"


class TokenRecord(Frozen):
    """What is kept of a token. The token itself cannot be had from it."""

    token_sha256: str
    owner: str
    name: str
    created_at: Moment
    expires_at: Moment | None = None
    revoked_at: Moment | None = None

    def is_valid(self, now: datetime) -> bool:
        """True unless the token has expired or was revoked."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class TokenTable:
    """Keeps and finds tokens."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def create(
        self, *, owner: str, name: str, now: datetime, expires_at: datetime | None = None
    ) -> str:
        """Make a token for an owner and return it: the only time that it can be seen."""
        token = _PREFIX + secrets.token_urlsafe(32)
        record = TokenRecord(
            token_sha256=_sha256(token),
            owner=owner,
            name=name,
            created_at=now,
            expires_at=expires_at,
        )
        self._table.put_item(Item=record.model_dump(mode="json", exclude_none=True))
        return token

    def authenticate(self, header: str) -> TokenRecord:
        """The record of the token in an `Authorization` header.

        It is looked up by its SHA-256, so no comparison of secrets happens whose time could tell.
        Raises `UnauthorizedError` for a token that was never made here.
        """
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.startswith(_PREFIX):
            raise UnauthorizedError
        reply = self._table.get_item(Key={"token_sha256": _sha256(token)}, ConsistentRead=True)
        if "Item" not in reply:
            raise UnauthorizedError
        return TokenRecord.model_validate(reply["Item"])


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
