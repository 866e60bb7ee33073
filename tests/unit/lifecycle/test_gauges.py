"""What is open and how near the limits are, by a bounded number of reads."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from image_to_video.adapters.task_table import TaskTable
from image_to_video.domain.statuses import TaskStatus
from image_to_video.lifecycle.gauges import Gauges
from image_to_video.observability import metrics
from image_to_video.wiring import Application as Services

from tests.conftest import Clock
from tests.support.samples import a_task


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {"MAX_GENERATING": "4", "DAILY_COIN_LIMIT": "200"}


@pytest.fixture
def table(services: Services) -> TaskTable:
    return services._table


@pytest.fixture
def gauges(services: Services) -> Gauges:
    return services.repair._gauges


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    metrics.clear_metrics()
    yield
    metrics.clear_metrics()


def measured() -> dict[str, float]:
    return {name: metric["Value"][-1] for name, metric in metrics.metric_set.items()}


def put(table: TaskTable, clock: Clock, count: int, status: TaskStatus, age: float) -> list[str]:
    ids = [f"{status}-{number}" for number in range(count)]
    for task_id in ids:
        born = clock() - timedelta(seconds=age)
        table.create(a_task(task_id=task_id, status=status, created_at=born))
    return ids


def test_an_idle_stack_measures_nothing(gauges: Gauges) -> None:
    gauges.measure([])
    assert not measured()


def test_open_tasks_are_counted_by_status_and_the_oldest_tells_its_age(
    gauges: Gauges, table: TaskTable, clock: Clock
) -> None:
    ids = put(table, clock, 3, TaskStatus.QUEUED, 50)
    ids += put(table, clock, 2, TaskStatus.GENERATING, 400)
    # The index may be behind: this one has ended.
    ids += put(table, clock, 1, TaskStatus.FAILED, 9000)
    gauges.measure([*ids, "gone"])
    assert measured() == {
        "TasksQueued": 3,
        "TasksGenerating": 2,
        "TasksStoring": 0,
        "OldestTaskAge": 400,
    }


def test_of_many_every_few_stand_for_all(
    gauges: Gauges, table: TaskTable, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, asked, real = put(table, clock, 210, TaskStatus.STORING, 10), [], table.ages

    def ages(some: Any) -> Any:
        asked.append(len(some))
        return real(some)

    monkeypatch.setattr(table, "ages", ages)
    gauges.measure(ids)
    assert asked == [70]
    assert measured()["TasksStoring"] == 210


def test_limits_are_measured_in_percent(gauges: Gauges, services: Services, clock: Clock) -> None:
    limits = services._limits
    assert limits.take_slot("one", 1, clock())
    assert limits.reserve_coins("a", 50, clock().date())
    gauges.measure([])
    assert measured() == {"SlotsTaken": 25, "CoinsReserved": 25}


@pytest.mark.parametrize(
    ("code", "raises"), [("ThrottlingException", 0), ("AccessDeniedException", 1)]
)
def test_a_busy_table_is_measured_by_the_next_run_and_a_missing_permission_is_told(
    gauges: Gauges, table: TaskTable, monkeypatch: pytest.MonkeyPatch, code: str, raises: int
) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "no"}}, "BatchGetItem")

    def fails(_: Any) -> Any:
        raise error

    monkeypatch.setattr(table, "ages", fails)
    if raises:
        with pytest.raises(ClientError):
            gauges.measure(["one"])
    else:
        gauges.measure(["one"])
    assert not measured()
