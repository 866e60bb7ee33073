"""What RFC 9110 says of choosing a representation, and of asking only whether one has changed."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

# Members of a list header, and the parts of one; a separator within quotation marks separates
# nothing.
_MEMBERS: Final = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_PARTS: Final = re.compile(r'(?:[^;"]|"(?:[^"\\]|\\.)*")+')
# So much of an `Accept` header is read: quotation marks that never close take the square of it.
_LONGEST_ACCEPT: Final = 1000
_WEIGHT: Final = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")
# Section 8.8.3. What a strong and a weak tag have in common is what is compared (8.8.3.2).
_TAG: Final = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\U0010ffff]*")')


def field_value(event: Mapping[str, Any], name: str) -> str:
    """A request header that is a list, with all its lines; empty where there is none.

    `event` is API Gateway's; its `headers` hold the last line of each name alone.
    """
    for headers in (event.get("multiValueHeaders"), event.get("headers")):
        for given, value in (headers or {}).items():
            if given.lower() == name.lower():
                return value if isinstance(value, str) else ", ".join(value)
    return ""


def preferred(accept: str, offered: tuple[str, ...]) -> str:
    """The media type that an `Accept` header wants most; the first offered where it does not care.

    Also where it wants none of them, which section 12.5.1 permits. What cannot be read of the
    header counts as if it were not there.
    """
    ranges = _media_ranges(accept)
    # `max` keeps the first of equals.
    return max(offered, key=lambda kind: _quality(kind, ranges)) if ranges else offered[0]


def entity_tag(content: object, *, weak: bool = False) -> str:
    """The tag of what a JSON answer shows: weak where answers that differ may mean the same."""
    written = json.dumps(content, sort_keys=weak).encode()
    tag = f'"{hashlib.sha256(written).hexdigest()[:32]}"'
    return f"W/{tag}" if weak else tag


def matches(if_none_match: str, tag: str) -> bool:
    """True where the caller already has what `tag` stands for (section 13.1.2)."""
    return if_none_match.strip() == "*" or _opaque(tag) in _TAG.findall(if_none_match)


def not_modified(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The 304 in place of an answer of 200: its headers, but what describes the content."""
    headers = {
        name: values
        for name, values in answer["multiValueHeaders"].items()
        if name.lower() != "content-type"
    }
    return {**answer, "statusCode": 304, "multiValueHeaders": headers, "body": ""}


def _opaque(tag: str) -> str:
    return tag.removeprefix("W/")


def _media_ranges(accept: str) -> dict[str, float]:
    """Each range of an `Accept` header with its weight; parameters other than `q` play no part."""
    ranges: dict[str, float] = {}
    for member in _MEMBERS.findall(accept[:_LONGEST_ACCEPT]):
        name, *parameters = (part.strip().lower() for part in _PARTS.findall(member) or [""])
        weights = [text[2:].strip() for text in parameters if text.startswith("q=")] or ["1"]
        if name and _WEIGHT.fullmatch(weights[0]):
            ranges[name] = max(float(weights[0]), ranges.get(name, 0))
    return ranges


def _quality(kind: str, ranges: Mapping[str, float]) -> float:
    """The weight of the most specific range that holds a media type; 0 where none does."""
    for name in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0
