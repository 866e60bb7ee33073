"""What lets web pages call the API from a browser (CORS), where the stack permits their origin."""

from typing import Final

_MAY_SEND: Final = "Authorization, Content-Type, Idempotency-Key, If-None-Match"
_MAY_READ: Final = "ETag, Idempotent-Replayed, Location, Retry-After, X-Request-Id"


def readable_by(origin: str) -> dict[str, list[str]]:
    """Headers of an answer that pages of this origin may read; none for an empty one."""
    if not origin:
        return {}
    return {
        "Access-Control-Allow-Origin": [origin],
        "Access-Control-Expose-Headers": [_MAY_READ],
        "Vary": ["Origin"],
    }


def may_send(origin: str, methods: str) -> dict[str, str]:
    """Headers that tell a browser which requests its pages may make."""
    if not origin:
        return {}
    return {
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": _MAY_SEND,
        "Access-Control-Max-Age": "3600",
    }
