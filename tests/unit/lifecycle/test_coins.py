"""Coins are compared within what both sides cover; the schedule's run counts and logs."""

import logging
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from image_to_video.adapters.task_scan import TaskScan
from image_to_video.adapters.task_table import TaskTable
from image_to_video.domain.coin_statements import Booking
from image_to_video.domain.errors import GeneratorUnavailableError
from image_to_video.domain.schedule import Schedule
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Attempt, Task
from image_to_video.lifecycle import coins as module
from image_to_video.lifecycle.coins import Coins, WindowError
from image_to_video.observability import metrics

from tests.conftest import Application, Clock
from tests.support.samples import a_task

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
YESTERDAY = date(2026, 11, 21)
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _nothing_counted_yet() -> None:
    metrics.clear_metrics()


@dataclass
class Ledger:
    """What the generator shows; `begins` is how far back its list reaches."""

    shown: list[Booking] = field(default_factory=list)
    begins: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    asked: list[datetime] = field(default_factory=list)
    broken: bool = False

    def bookings(self, since: datetime) -> list[Booking]:
        if self.broken:
            raise GeneratorUnavailableError("the list is broken")
        self.asked.append(since)
        return [one for one in self.shown if one.at >= max(since, self.begins)]

    def reaches_back_to(self, moment: datetime) -> bool:
        return self.begins <= moment

    def balance(self) -> int | None:
        return 970


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def table(application: Application) -> Any:
    return application.table("TASKS_TABLE")


@pytest.fixture
def coins(table: Any, ledger: Ledger, schedule: Schedule, clock: Clock) -> Coins:
    return Coins(
        tasks=lambda: TaskScan(table),
        ledger=ledger,
        schedule=schedule,
        retention_days=90,
        now=clock,
    )


def put(
    table: Any, number: int = 1, at: datetime = NOON, lasts: float = 240, **fields: Any
) -> Task:
    """A task that was charged 30 coins and has its video."""
    attempt = Attempt(
        name=f"t{number}-1", lease_owner="l", sent_at=at, lease_until=at, coins_reserved=30
    )
    ended = at + timedelta(seconds=lasts)
    usual: dict[str, Any] = {
        "task_id": f"t{number}",
        "status": TaskStatus.SUCCEEDED,
        "attempts": (attempt.model_copy(update={"in_flight": False}),),
        "generator_task_id": f"gen-{number}",
        "coins": 30,
        "created_at": at,
        "updated_at": ended,
        "ended_at": ended,
    }
    return TaskTable(table, retention_days=0).create(a_task(**(usual | fields)))


def charged(number: int = 1, at: datetime = NOON, coins: int = 30) -> Booking:
    return Booking(-coins, at, frozenset({f"gen-{number}"}), True, "start")


def counted(name: str) -> float:
    return float(sum(metrics.metric_set.get(name, {"Value": []})["Value"]))


def test_yesterday_is_compared_and_counted(
    coins: Coins, table: Any, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    put(table)
    put(table, 2, owner="bert")
    ledger.shown = [charged(), charged(2, coins=29), charged(99, coins=70)]
    with caplog.at_level(logging.ERROR):
        report = coins.reconcile_yesterday()
    assert (report.since, report.until) == ("2026-11-21T00:00:00.000Z", "2026-11-22T00:00:00.000Z")
    assert (report.charged, report.by_nobody, report.different, report.balance) == (129, 70, 2, 970)
    kinds = [(one["kind"], one["task_id"]) for one in report.differences]
    assert kinds == [("charged_by_nobody_here", None), ("other_amount", "t2")]
    assert report.lines[0] == {
        "owner": "anna",
        "day": "2026-11-21",
        "tasks": 1,
        "recorded": 30,
        "charged": 30,
        "differences": 0,
    }
    names = ("CoinsBooked", "CoinsUnexplained", "CoinsDifferent")
    assert [counted(name) for name in names] == [129, 70, 2]
    assert [record.getMessage() for record in caplog.records] == ["coins differ"] * 2


def test_a_day_without_differences_is_quiet(
    coins: Coins, table: Any, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    put(table)
    ledger.shown = [charged()]
    with caplog.at_level(logging.WARNING):
        assert coins.reconcile_yesterday().different == 0
    assert (counted("CoinsDifferent"), caplog.records) == (0, [])


def test_by_hand_nothing_is_counted_and_one_owner_may_be_asked_for(
    coins: Coins, table: Any, ledger: Ledger
) -> None:
    put(table)
    put(table, 2, owner="bert")
    ledger.shown = [charged(99)]
    report = coins.reconcile(YESTERDAY, YESTERDAY, "bert")
    assert [one["task_id"] for one in report.differences] == ["t2"]
    assert [line["owner"] for line in report.lines] == ["bert"]
    assert not metrics.metric_set


def test_a_task_that_ended_today_is_not_yesterday_s(coins: Coins, table: Any) -> None:
    put(table, at=datetime(2026, 11, 21, 23, 59, tzinfo=UTC))
    assert coins.reconcile_yesterday().lines == []


def test_bookings_are_read_back_to_the_first_start(
    coins: Coins, table: Any, ledger: Ledger
) -> None:
    sent = NOON - timedelta(days=2)
    put(table, at=sent, lasts=2 * 86_400)
    ledger.shown = [charged(at=sent)]
    assert coins.reconcile_yesterday().different == 0
    assert ledger.asked == [sent - timedelta(hours=1)]


def test_a_start_of_long_ago_is_left_out(coins: Coins, table: Any, ledger: Ledger) -> None:
    """A redrive may open a task again after weeks."""
    put(table, at=NOON - timedelta(days=40), lasts=40 * 86_400)
    report = coins.reconcile_yesterday()
    assert (report.differences, report.not_covered) == ([], 1)
    assert NOON - ledger.asked[0] < timedelta(days=6)


def test_nothing_is_said_of_the_time_before_a2e_s_list_begins(
    coins: Coins, table: Any, ledger: Ledger
) -> None:
    put(table)
    put(table, 2, at=NOON + timedelta(hours=3))
    ledger.begins = NOON + timedelta(hours=2)
    ledger.shown = [Booking(1000, ledger.begins), charged(2, NOON + timedelta(hours=3))]
    report = coins.reconcile_yesterday()
    assert (report.different, report.since) == (0, "2026-11-21T14:00:00.000Z")


def test_an_empty_list_proves_nothing(coins: Coins, table: Any, ledger: Ledger) -> None:
    put(table)
    ledger.begins = NOW
    assert coins.reconcile_yesterday().differences == []


def test_the_last_hour_is_not_settled(coins: Coins, table: Any, clock: Clock) -> None:
    put(table, at=NOW - timedelta(minutes=30))
    assert coins.reconcile(NOW.date(), NOW.date()).lines == []
    clock.advance(3600)
    assert coins.reconcile(NOW.date(), NOW.date()).different == 1


def test_only_as_far_back_as_tasks_are_kept(coins: Coins) -> None:
    report = coins.reconcile(NOW.date() - timedelta(days=200), NOW.date())
    assert report.since == "2026-08-24T04:00:00.000Z"


@pytest.mark.parametrize(("first", "last"), [(-200, -150), (1, 2), (-1, -2)])
def test_days_without_anything_to_compare_are_refused(coins: Coins, first: int, last: int) -> None:
    today = NOW.date()
    with pytest.raises(WindowError, match=r"Ask for days in between|before the first"):
        coins.reconcile(today + timedelta(days=first), today + timedelta(days=last))


def test_what_cannot_be_read_is_an_error_and_no_difference(coins: Coins, ledger: Ledger) -> None:
    ledger.broken = True
    with pytest.raises(GeneratorUnavailableError):
        coins.reconcile_yesterday()
    assert not metrics.metric_set


def test_the_answer_is_bounded_and_says_so(
    coins: Coins, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_LINES", 1)
    monkeypatch.setattr(module, "_MOST_DIFFERENCES", 2)
    for number in range(4):
        put(table, number, owner=f"o{number}")
    report = coins.reconcile_yesterday()
    assert (len(report.lines), report.lines_left_out) == (1, 3)
    assert (len(report.differences), report.differences_left_out) == (2, 2)
    assert (report.different, counted("CoinsDifferent")) == (4, 4)
