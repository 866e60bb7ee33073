"""Who may be an owner: one segment of a key."""

import pytest
from image_to_video.domain.owner_names import MAX_OWNER_BYTES, owner_is_valid, owner_of, scope_of


@pytest.mark.parametrize("owner", ["anna", "a b", "ä+&?#%", "...", "x" * MAX_OWNER_BYTES])
def test_one_segment_of_printable_characters_may_be_an_owner(owner: str) -> None:
    assert owner_is_valid(owner)


@pytest.mark.parametrize(
    "owner",
    [
        *("", ".", "..", "_test", "a/b", " a", "a ", "a\nb", "a\0b", "\x7f", "\ud800"),
        *("x" * (MAX_OWNER_BYTES + 1), "ä" * (MAX_OWNER_BYTES // 2 + 1)),
    ],
    ids=ascii,
)
def test_what_could_not_stand_in_a_key_or_a_header_may_not(owner: str) -> None:
    assert not owner_is_valid(owner)


@pytest.mark.parametrize("owner", ["anna", "test"])
def test_a_scope_is_an_owner_s_or_what_no_owner_can_be_called(owner: str) -> None:
    live, test = scope_of(owner, test=False), scope_of(owner, test=True)
    assert live == owner
    assert not owner_is_valid(test)
    assert owner_of(live) == owner_of(test) == owner
