"""Slots and coins: what is reserved is reserved once, and what is released is released once."""

from datetime import date, timedelta
from typing import Any

import pytest
from image_to_video.adapters.dynamodb_table import Table
from image_to_video.adapters.limit_table import LimitTable
from image_to_video.domain.waiting_line import Budget

from tests.conftest import Application, Clock

DAY = date(2026, 11, 22)


@pytest.fixture
def limits(application: Application) -> LimitTable:
    return LimitTable(
        application.table("LIMITS_TABLE"),
        max_generating=2,
        slot_seconds=600,
        daily_coin_limit=100,
        owner_daily_coin_limit=50,
    )


class TestSlots:
    def test_there_are_as_many_slots_as_configured(self, limits: LimitTable, clock: Clock) -> None:
        assert [bool(limits.take_slot(task, 1, clock())) for task in "abc"] == [True, True, False]

    def test_a_task_holds_one_however_often_it_asks(self, limits: LimitTable, clock: Clock) -> None:
        assert all(limits.take_slot("a", 1, clock()) for _ in range(5))
        assert limits.take_slot("b", 1, clock())

    def test_a_released_slot_is_free_once(self, limits: LimitTable, clock: Clock) -> None:
        for task in "ab":
            limits.take_slot(task, 1, clock())
        for _ in range(3):
            limits.release_slot("a", 2)
        assert [bool(limits.take_slot(task, 1, clock())) for task in "cd"] == [True, False]

    def test_a_task_releases_no_slot_of_another(self, limits: LimitTable, clock: Clock) -> None:
        for task in "ab":
            limits.take_slot(task, 1, clock())
        limits.release_slot("z", 2)
        assert not limits.take_slot("c", 1, clock())

    def test_a_release_leaves_the_slot_of_a_newer_start(
        self, limits: LimitTable, clock: Clock
    ) -> None:
        """A release that comes late must not free what the task's next start has taken."""
        limits.take_slot("a", 4, clock())
        limits.take_slot("b", 1, clock())
        for version in (3, 4):
            limits.release_slot("a", version)
            assert not limits.take_slot("c", 1, clock())
        limits.release_slot("a", 5)
        assert limits.take_slot("c", 1, clock())

    def test_an_older_version_renews_no_newer_slot(self, limits: LimitTable, clock: Clock) -> None:
        """Or its release would no longer know whose slot it is."""
        limits.take_slot("a", 4, clock())
        assert not limits.take_slot("a", 3, clock())
        limits.release_slot("a", 4)
        limits.take_slot("b", 1, clock())
        assert not limits.take_slot("c", 1, clock())

    def test_two_starts_of_a_task_at_once_hold_one_slot(
        self, limits: LimitTable, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The slower one has seen every slot free; by then the quicker one has renewed its own."""
        read = limits._slots
        quicker_versions = iter([2])

        def read_before_the_quicker_start() -> dict[str, dict[str, Any]]:
            found = read()
            for version in quicker_versions:
                assert limits.take_slot("a", version, clock())
            return found

        monkeypatch.setattr(limits, "_slots", read_before_the_quicker_start)
        assert not limits.take_slot("a", 1, clock())
        assert limits.take_slot("b", 1, clock())

    def test_an_expired_slot_is_taken_by_any_version(
        self, limits: LimitTable, clock: Clock
    ) -> None:
        limits.take_slot("a", 4, clock())
        clock.advance(601)
        assert limits.take_slot("a", 3, clock())

    def test_a_dead_holder_loses_it_in_time(self, limits: LimitTable, clock: Clock) -> None:
        for task in "ab":
            limits.take_slot(task, 1, clock())
        clock.advance(500)
        limits.take_slot("a", 1, clock())
        clock.advance(101)
        assert [bool(limits.take_slot(task, 1, clock())) for task in "cd"] == [True, False]


class TestCoins:
    def test_no_more_is_reserved_than_the_day_has(self, limits: LimitTable) -> None:
        assert [limits.reserve_coins(name, 40, DAY) for name in "abc"] == [True, True, False]
        assert limits.reserve_coins("d", 20, DAY)
        assert not limits.reserve_coins("e", 1, DAY)

    def test_more_than_a_whole_day_is_never_reserved(self, limits: LimitTable) -> None:
        assert not limits.reserve_coins("a", 101, DAY)

    def test_reserving_again_reserves_nothing_more(self, limits: LimitTable) -> None:
        assert all(limits.reserve_coins("a", 60, DAY) for _ in range(3))
        assert limits.reserve_coins("b", 40, DAY)

    def test_unspent_coins_are_free_again_once(self, limits: LimitTable) -> None:
        limits.reserve_coins("a", 60, DAY)
        for _ in range(3):
            limits.book_coins("a", 60, 10, DAY)
        assert limits.reserve_coins("b", 90, DAY)
        assert not limits.reserve_coins("c", 1, DAY)

    def test_the_next_day_is_a_new_one(self, limits: LimitTable) -> None:
        limits.reserve_coins("a", 100, DAY)
        assert limits.reserve_coins("b", 100, DAY + timedelta(days=1))


class TestOwners:
    def test_each_owner_has_coins_of_its_own(self, limits: LimitTable) -> None:
        for owner in ("anna", "bert"):
            assert limits.reserve_coins("a", 30, DAY, owner)
            assert not limits.reserve_coins("b", 30, DAY, owner)
            assert limits.budget(DAY, owner) == Budget(50, 20)
        assert limits.budget(DAY) == Budget(100, 100)

    def test_more_than_a_whole_day_of_an_owner_is_never_reserved(self, limits: LimitTable) -> None:
        assert not limits.reserve_coins("a", 51, DAY, "anna")

    def test_booking_again_books_nothing_more(self, limits: LimitTable) -> None:
        limits.reserve_coins("a", 30, DAY, "anna")
        freed = [limits.book_coins("a", 30, 10, DAY, "anna") for _ in range(3)]
        assert freed == [True, False, False]
        assert limits.budget(DAY, "anna") == Budget(50, 40)


class TestOff:
    def test_what_was_reserved_is_booked_although_the_limit_is_off(
        self, limits: LimitTable, application: Application
    ) -> None:
        off = LimitTable(
            application.table("LIMITS_TABLE"),
            max_generating=0,
            slot_seconds=600,
            daily_coin_limit=0,
        )
        for owner in (None, "anna"):
            limits.reserve_coins("a", 30, DAY, owner)
            assert off.book_coins("a", 30, 10, DAY, owner)
        assert limits.budget(DAY) == Budget(100, 90)
        assert limits.budget(DAY, "anna") == Budget(50, 40)

    def test_without_limits_nothing_is_asked_or_written(
        self, application: Application, clock: Clock
    ) -> None:
        table = Table(application.client("dynamodb"), "no such table")
        off = LimitTable(table, max_generating=0, slot_seconds=600, daily_coin_limit=0)
        assert off.take_slot("a", 1, clock())
        assert off.reserve_coins("a", 10**9, DAY)
        assert off.reserve_coins("a", 10**9, DAY, "anna")
        assert off.budget(DAY) is off.budget(DAY, "anna") is None
        off.release_slot("a", 2)
