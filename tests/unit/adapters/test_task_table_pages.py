"""Lists: one owner's tasks, newest first, page by page, under every filter."""

import itertools
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import MagicMock

import pytest
from image_to_video.adapters.task_table import EVERY_TASK, Position, TaskFilter, TaskTable
from image_to_video.domain.errors import InvalidCursorError
from image_to_video.domain.task import TaskStatus

from tests.conftest import Application
from tests.support.samples import NOW, a_task

STATUSES = [TaskStatus.QUEUED, TaskStatus.GENERATING, TaskStatus.SUCCEEDED]


def made(number: int) -> datetime:
    return NOW + timedelta(seconds=number)


@pytest.fixture
def table(application: Application) -> TaskTable:
    """Twelve tasks of anna, one a second, statuses in turn; and three of boris."""
    table = TaskTable(application.table("TASKS_TABLE"), retention_days=90)
    for number in range(12):
        status = STATUSES[number % 3]
        table.create(a_task(task_id=f"a{number:02}", created_at=made(number), status=status))
    for number in range(3):
        table.create(a_task(task_id=f"b{number}", created_at=made(number), owner="boris"))
    return table


def read_all(table: TaskTable, limit: int, wanted: TaskFilter = EVERY_TASK) -> list[list[str]]:
    """Every page, following the cursors as a caller does."""
    pages: list[list[str]] = []
    start: Position | None = None
    for _ in range(30):
        page = table.page("anna", limit=limit, start=start, wanted=wanted)
        pages.append([task.task_id for task in page.tasks])
        if page.next is None:
            return pages
        start = page.next
    raise AssertionError("the list has no end")


TIMES = [(None, None), (4, None), (None, 7), (3, 9), (5, 5), (11, None), (None, 0), (50, None)]
LIMITS = [1, 2, 3, 5, 11, 12, 13]


def by_status(*statuses: TaskStatus) -> TaskFilter:
    return TaskFilter(frozenset(statuses))


FILTERS = [(), *((status,) for status in STATUSES), tuple(STATUSES[:2]), (TaskStatus.FAILED,)]


@pytest.mark.parametrize("statuses", FILTERS)
def test_pages_together_are_the_filtered_list_newest_first(
    table: TaskTable, statuses: tuple[TaskStatus, ...]
) -> None:
    for limit, (after, before) in itertools.product(LIMITS, TIMES):
        expected = [
            f"a{number:02}"
            for number in reversed(range(12))
            if (not statuses or STATUSES[number % 3] in statuses)
            and (after is None or number >= after)
            and (before is None or number <= before)
        ]
        pages = read_all(
            table,
            limit,
            TaskFilter(
                frozenset(statuses),
                created_after=None if after is None else made(after),
                created_before=None if before is None else made(before),
            ),
        )
        assert list(itertools.chain(*pages)) == expected
        assert all(len(page) == limit for page in pages[:-1])
        # The last page is not empty, unless there is nothing at all.
        assert pages[-1] or not expected


def test_an_owner_without_tasks_has_an_empty_list(table: TaskTable) -> None:
    assert table.page("carla", limit=5).tasks == []
    assert table.page("carla", limit=5).next is None


def test_times_that_exclude_each_other_leave_nothing() -> None:
    """DynamoDB refuses such a query, which moto does not: so none may be made."""
    raw = MagicMock()
    raw.query.side_effect = AssertionError("a query that DynamoDB refuses")
    table = TaskTable(raw, retention_days=90)
    never = TaskFilter(created_after=made(9), created_before=made(3))
    page = table.page("anna", limit=5, wanted=never)
    assert (page.tasks, page.next) == ([], None)


class ShortPages:
    """A table that ends each of its own pages after two items, as DynamoDB does after 1 MB."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self.queries = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def query(self, **arguments: Any) -> Any:
        self.queries += 1
        return self._table.query(**arguments | {"Limit": 2})


@pytest.mark.parametrize("statuses", FILTERS)
@pytest.mark.parametrize("limit", [1, 3, 4, 20])
def test_nothing_is_missed_where_the_table_answers_in_bits(
    application: Application, table: TaskTable, limit: int, statuses: tuple[TaskStatus, ...]
) -> None:
    bits: Any = ShortPages(application.table("TASKS_TABLE"))
    short, wanted = TaskTable(bits, retention_days=90), by_status(*statuses)
    in_bits, at_once = (read_all(each, limit, wanted) for each in (short, table))
    assert list(itertools.chain(*in_bits)) == list(itertools.chain(*at_once))
    late = NOW + timedelta(days=1)
    assert len(list(short.overdue(late))) == len(list(table.overdue(late))) > 8


def test_a_rare_status_ends_a_page_early_and_says_where_to_go_on(
    application: Application, table: TaskTable
) -> None:
    """Else one call would read all that an owner ever made."""
    bits: Any = ShortPages(application.table("TASKS_TABLE"))
    short = TaskTable(bits, retention_days=90)
    table.create(a_task(task_id="first", created_at=made(-1), status=TaskStatus.FAILED))

    page = short.page("anna", limit=5, wanted=by_status(TaskStatus.FAILED))

    assert (page.tasks, bits.queries) == ([], 4)
    assert page.next is not None
    assert page.next["task_id"] == "a04"
    following = short.page("anna", limit=5, start=page.next, wanted=by_status(TaskStatus.FAILED))
    assert [task.task_id for task in following.tasks] == ["first"]


NAMES = [
    "order",
    "a.b",
    "a[0]",
    "#n0",
    ":v0",
    "with blank",
    "\N{GRINNING FACE}",
    "status",
    "x" * 512,
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_tasks_are_found_by_any_pair_of_their_metadata(
    application: Application, table: TaskTable, name: str
) -> None:
    metadata = {name: "4711", "other": "x"}
    table.create(a_task(task_id="mine", created_at=made(20), metadata=metadata))
    table.create(a_task(task_id="theirs", created_at=made(21), metadata={name: "4712"}))

    def found(**pairs: str) -> list[str]:
        wanted = TaskFilter(frozenset({TaskStatus.QUEUED}), metadata=pairs)
        return list(itertools.chain(*read_all(table, 3, wanted)))

    assert found(**{name: "4711"}) == found(**metadata) == ["mine"]
    assert found(**{name: "471"}) == found(**{name: "4712", "other": "x"}) == []


@pytest.mark.parametrize("filters", [{"created_before": made(3)}, {"created_after": made(9)}])
def test_a_cursor_of_other_times_is_refused(table: TaskTable, filters: dict[str, Any]) -> None:
    """DynamoDB refuses a start outside of the queried range; moto does not."""
    start = table.page("anna", limit=6).next
    assert start is not None
    with pytest.raises(InvalidCursorError):
        table.page("anna", limit=6, start=start, wanted=TaskFilter(**filters))


def test_tasks_made_at_the_same_moment_are_all_listed(application: Application) -> None:
    table = TaskTable(application.table("TASKS_TABLE"), retention_days=90)
    names = {f"task-{number}" for number in range(7)}
    for name in names:
        table.create(a_task(task_id=name))
    assert set(itertools.chain(*read_all(table, 7))) == names


def test_tasks_that_come_meanwhile_do_not_disturb(table: TaskTable) -> None:
    first = table.page("anna", limit=4)
    table.create(a_task(task_id="newer", created_at=made(99)))
    second = table.page("anna", limit=4, start=first.next)
    assert [task.task_id for task in second.tasks] == ["a07", "a06", "a05", "a04"]


def test_a_page_ends_where_an_answer_would_be_too_long_to_send(application: Application) -> None:
    table = TaskTable(application.table("TASKS_TABLE"), retention_days=90)
    # Written out in ASCII, each of these letters takes twelve bytes.
    large = "\N{GRINNING FACE}" * 40_000
    for number in range(16):
        table.create(a_task(task_id=f"a{number:02}", created_at=made(number), prompt=large))
    pages = read_all(table, 16)
    assert [name for page in pages for name in page] == [f"a{n:02}" for n in reversed(range(16))]
    assert [len(page) for page in pages] == [7, 7, 2]
