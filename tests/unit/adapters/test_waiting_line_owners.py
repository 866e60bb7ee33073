"""Those who wait for coins of their owner: each owner's together, and in order."""

import pytest
from image_to_video.adapters.waiting_line import OwnerLines
from image_to_video.domain.waiting_line import Entry

from tests.conftest import Application
from tests.support.samples import NOW

# One whose name begins like another's, one that sorts after its slash, and one beyond ASCII.
OWNERS = ["anna", "anna-lena", "anna0", "Ärztin"]


@pytest.fixture
def lines(application: Application) -> OwnerLines:
    return OwnerLines(application.table("LIMITS_TABLE"))


def entry(owner: str, number: int) -> Entry:
    key = f"{number:03}-{owner}"
    return Entry(key=key, task_id=f"{owner}{number}", owner=owner, coins=30, joined_at=NOW)


def test_each_owner_is_found_once_however_many_wait(lines: OwnerLines) -> None:
    for owner in OWNERS:
        for number in (2, 1, 3):
            lines.enter(entry(owner, number))
    assert sorted(lines.owners()) == sorted(OWNERS)
    assert len(list(lines.owners())) == len(OWNERS)


@pytest.mark.parametrize("owner", OWNERS)
def test_those_of_one_owner_keep_their_order(lines: OwnerLines, owner: str) -> None:
    for other in OWNERS:
        for number in (2, 1, 3):
            lines.enter(entry(other, number))
    assert lines.first(owner, 9) == [entry(owner, number) for number in (1, 2, 3)]
    assert lines.first(owner, 1) == [entry(owner, 1)]


def test_who_leaves_stands_there_no_longer(lines: OwnerLines) -> None:
    for _ in range(2):
        lines.enter(entry("anna", 1))
    for _ in range(2):
        lines.leave("anna", entry("anna", 1).key)
    assert lines.first("anna", 9) == []
    assert list(lines.owners()) == []
