"""How to read single values of A2E, which writes them carelessly: with blanks around them, numbers
as text, keys in another spelling. A value is read for what it can mean, never compared as it came.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from image_to_video.adapters.a2e_messages import LONGEST_READ
from image_to_video.observability import without_secrets

# White space, control characters, and what is as invisible: a byte order mark, zero-width ones.
_BLANKS: Final = (
    "".join(map(chr, range(0x21))) + "\x7f\x85\xa0\u2028\u2029\u3000\ufeff\u200b\u200c\u200d\u2060"
)
_NOTHING: Final = frozenset({"", "0", "null", "none", "undefined", "nan"})
# A surrogate's half, which JSON can carry, can be neither stored nor sent. The longest link
# accepted is far longer than any that was seen, and far shorter than a record may be.
_LINK: Final = re.compile(
    r"(https?:)?//([^\s/?#\\\ud800-\udfff]+)((?:[/?#][^\ud800-\udfff]{0,4000})?)", re.I
)
_LONGEST_HOST: Final = 300


def read(fields: dict[str, Any], *names: str) -> Iterator[Any]:
    """The values under these names, in the order of the names and whatever their spelling:
    `result_url` is also read from `resultUrl` and `Result-URL`."""
    for name in names:
        if name in fields:
            yield fields[name]
        plain = squashed(name)
        yield from (
            value for key, value in fields.items() if key != name and squashed(key) == plain
        )


def squashed(key: str) -> str:
    """A key without what spellings differ in: case, underscores, hyphens, blanks."""
    return re.sub(r"[^a-z0-9]", "", key.lower())


def trimmed(text: str) -> str:
    """Without the blanks around it, invisible ones too."""
    return text.strip(_BLANKS)


def text_of(value: Any, *, depth: int = 2) -> str:
    """What a text, a number, a list of texts, or an object with a message says; else ""."""
    match value:
        case str():
            text = trimmed(value)[:LONGEST_READ]
            return "" if text.lower() in _NOTHING else text
        case bool() | None:
            return ""
        case int() | float():
            # A number may have more digits than Python writes.
            return text_of(str(value)) if abs(value) < 10**18 else ""
        case list() if depth:
            return "; ".join(filter(None, (text_of(one, depth=depth - 1) for one in value[:10])))
        case dict() if depth:
            parts = read(value, "message", "msg", "reason", "detail", "code")
            return "; ".join(filter(None, (text_of(one, depth=depth - 1) for one in parts)))
        case _:
            return ""


def whole_number(value: Any) -> int | None:
    """The whole number in a JSON number or text, or None."""
    if isinstance(value, float) and value.is_integer():
        value = int(value) if abs(value) < 1e9 else None
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    if isinstance(value, int):
        return value if abs(value) < 10**9 else None
    number = re.fullmatch(r"(-?[0-9]{1,9})(?:\.0{1,9})?", trimmed(value))
    return int(number[1]) if number else None


def moment(value: Any) -> datetime | None:
    """The moment in an ISO text with its offset, or in seconds or milliseconds since 1970."""
    text = trimmed(str(value)) if isinstance(value, str | int | float) else ""
    try:
        if re.fullmatch(r"[0-9]{10}(?:[0-9]{3})?", text):
            return datetime.fromtimestamp(int(text[:10]), UTC)
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else None


def link(value: Any, *, permit_http: bool, depth: int = 2) -> str | None:
    """The link with a host in a text, or the first in a list or an object; None where is none.

    Quotation marks and angle brackets around it count for nothing.
    It is read as a browser reads it (https://url.spec.whatwg.org/#concept-basic-url-parser): blanks
    around it count for nothing, nor do line breaks and tabs; blanks in it are `%20`. Without
    `permit_http` plain http becomes https, which is tried with the same host or not at all.
    """
    if isinstance(value, list | dict):
        inner = value[:10] if isinstance(value, list) else read(value, "url", "link", "href", "src")
        links = (link(one, permit_http=permit_http, depth=depth - 1) for one in inner if depth)
        return next((one for one in links if one), None)
    if not isinstance(value, str):
        return None
    bare = trimmed(trimmed(value).strip("\"'<>"))
    found = _LINK.fullmatch(re.sub(r"[\t\r\n]", "", bare))
    if found is None or len(found[2]) > _LONGEST_HOST:
        return None
    scheme, host, rest = found[1], found[2], found[3].replace(" ", "%20")
    if re.search(r"\s", rest):
        return None
    if scheme is None or (scheme.lower() == "http:" and not permit_http):
        scheme, host = "https:", host.removesuffix(":80")
    return f"{scheme}//{host}{rest}"


def fit_for_a_record(text: str) -> str:
    """Without links' queries and tokens, short, and without what cannot be stored.

    Halves of surrogate pairs, which JSON can carry and nothing can store, become `?`.
    """
    # Cut before it is read through: a text may be as long as an answer.
    text = without_secrets(text[:LONGEST_READ])[:300]
    return text.encode(errors="replace").decode()
