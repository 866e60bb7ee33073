"""Which characters a text may have: those that every system on its way hands on unchanged.

Messages on SNS and SQS carry the characters of XML 1.0, which leave out most control characters,
U+FFFE and U+FFFF (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).
Line breaks and tabs are refused as well: names, metadata and keys travel in lines of headers.
"""

import re
from typing import Final

# As a part of a regular expression: what every dialect of them can say. The noncharacters of the
# other planes are missing, for which each dialect has another notation.
_FORBIDDEN: Final = r"\u0000-\u001f\u007f\ufdd0-\ufdef\ufffd-\uffff"
PERMITTED_PATTERN: Final = f"^[^{_FORBIDDEN}]*$"
# What counts as a blank in one dialect and not in another is named: U+0085 and U+FEFF.
PERMITTED_ADDRESS_PATTERN: Final = rf"^[Hh][Tt][Tt][Pp][Ss]?://[^\s\u0085\ufeff{_FORBIDDEN}]+$"
# Also a half of a surrogate pair, which is no character at all.
_SUSPECT: Final = re.compile(rf"[{_FORBIDDEN}\ud800-\udfff]|[^\u0000-\uffff]")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def forbidden_character(text: str) -> str | None:
    """Which character must not be in a text, where it stands and why; None where all may be."""
    for found in _SUSPECT.finditer(text):
        kind = _kind_of(found[0])
        if kind is not None:
            return f"character {found.start() + 1} is U+{ord(found[0]):04X}, {kind}"
    return None


def _kind_of(character: str) -> str | None:
    number = ord(character)
    if character in "\t\n\r":
        return "a tab or a line break; write a blank instead"
    if number < 0x20 or number == 0x7F:
        return "a control character"
    if 0xD800 <= number < 0xE000:
        return "one half of a surrogate pair"
    if character == _REPLACEMENT:
        return "which stands for bytes that were no UTF-8"
    # The last two of every plane, and 32 more: https://www.unicode.org/faq/private_use.html
    if number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF:
        return "a noncharacter"
    return None
