"""Who may be an owner: one rule for tokens, uploads and everything that bears an owner's name."""

from typing import Final

# An object key has at most 1,024 bytes, and the owner is only one segment of it.
MAX_OWNER_BYTES: Final = 255
OWNER_RULE: Final = (
    "An owner is one segment of upload keys: printable characters without a slash, not dots, "
    f"no blank at an end, at most {MAX_OWNER_BYTES} bytes."
)


def owner_is_valid(owner: str) -> bool:
    """True for a name that may own tasks."""
    return (
        owner.isprintable()  # which leaves out surrogates, so that it can be encoded
        and "/" not in owner
        and owner.strip() == owner
        and owner not in ("", ".", "..")
        and len(owner.encode()) <= MAX_OWNER_BYTES
    )
