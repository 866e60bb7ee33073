"""Who may be an owner: one rule for tokens, uploads and everything that bears an owner's name."""

from typing import Final

# An object key has at most 1,024 bytes, and the owner is only one segment of it.
MAX_OWNER_BYTES: Final = 255
OWNER_RULE: Final = (
    "An owner is one segment of upload keys: printable characters without a slash, not dots, "
    f"no blank at an end, at most {MAX_OWNER_BYTES} bytes, and not _test."
)
# Below this lies in the videos bucket what test tasks made, so that it can be forgotten soon.
TEST_PREFIX: Final = "_test/"
_TEST_SCOPE: Final = "/test"


def owner_is_valid(owner: str) -> bool:
    """True for a name that may own tasks."""
    return (
        owner.isprintable()  # which leaves out surrogates, so that it can be encoded
        and "/" not in owner
        and owner.strip() == owner
        and owner not in ("", ".", "..", TEST_PREFIX.rstrip("/"))
        and len(owner.encode()) <= MAX_OWNER_BYTES
    )


def scope_of(owner: str, *, test: bool) -> str:
    """Under which name an owner's live or test tasks are kept: lists, counts, idempotency keys.

    That of test tasks has a slash, as no owner has, so neither kind ever shows the other.
    """
    return f"{owner}{_TEST_SCOPE}" if test else owner


def owner_of(scope: str) -> str:
    """The owner whose scope this is."""
    return scope.removesuffix(_TEST_SCOPE)
