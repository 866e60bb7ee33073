"""Lists: one owner's tasks, newest first, page by page, under every filter."""

import itertools
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import MagicMock

import pytest
from image_to_video.adapters import task_lists
from image_to_video.adapters.task_lists import Position, TaskLists
from image_to_video.adapters.task_queries import EVERY_TASK, TaskFilter
from image_to_video.adapters.task_table import STATUS_INDEX, TaskTable, partition_of
from image_to_video.domain.errors import InvalidCursorError
from image_to_video.domain.records import iso
from image_to_video.domain.statuses import TaskStatus

from tests.conftest import Application
from tests.support.samples import NOW, a_task

STATUSES = [TaskStatus.QUEUED, TaskStatus.STORING, TaskStatus.GENERATING, TaskStatus.SUCCEEDED]


def made(number: int) -> datetime:
    return NOW + timedelta(seconds=number)


@pytest.fixture
def raw(application: Application) -> Any:
    return application.table("TASKS_TABLE")


@pytest.fixture
def table(raw: Any) -> TaskTable:
    """Twelve tasks of anna, one a second, statuses in turn; and three of boris."""
    table = TaskTable(raw, retention_days=90)
    for number in range(12):
        status = STATUSES[number % 4]
        table.create(a_task(task_id=f"a{number:02}", created_at=made(number), status=status))
    for number in range(3):
        table.create(a_task(task_id=f"b{number}", created_at=made(number), owner="boris"))
    return table


@pytest.fixture
def lists(raw: Any, table: TaskTable) -> TaskLists:
    return TaskLists(raw)


def read_all(lists: TaskLists, limit: int, wanted: TaskFilter = EVERY_TASK) -> list[list[str]]:
    """Every page, following the cursors as a caller does."""
    pages: list[list[str]] = []
    start: Position | None = None
    for _ in range(30):
        page = lists.page("anna", limit=limit, start=start, wanted=wanted)
        pages.append([task.task_id for task in page.tasks])
        if page.next is None:
            return pages
        start = page.next
    raise AssertionError("the list has no end")


TIMES = [(None, None), (4, None), (None, 7), (3, 9), (5, 5), (11, None), (None, 0), (50, None)]
LIMITS = [1, 2, 3, 5, 11, 12, 13]


def by_status(*statuses: TaskStatus) -> TaskFilter:
    return TaskFilter(frozenset(statuses))


FILTERS = [
    (),
    *((status,) for status in STATUSES),
    *(tuple(STATUSES[:2]), tuple(STATUSES[1:]), tuple(STATUSES), tuple(TaskStatus)),
    (TaskStatus.FAILED,),
]


@pytest.mark.parametrize("statuses", FILTERS)
def test_pages_together_are_the_filtered_list_newest_first(
    lists: TaskLists, statuses: tuple[TaskStatus, ...]
) -> None:
    for limit, (after, before) in itertools.product(LIMITS, TIMES):
        expected = [
            f"a{number:02}"
            for number in reversed(range(12))
            if (not statuses or STATUSES[number % 4] in statuses)
            and (after is None or number >= after)
            and (before is None or number <= before)
        ]
        pages = read_all(
            lists,
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


@pytest.mark.parametrize("statuses", FILTERS)
def test_an_owner_without_tasks_has_an_empty_list(
    lists: TaskLists, statuses: tuple[TaskStatus, ...]
) -> None:
    page = lists.page("carla", limit=5, wanted=by_status(*statuses))
    assert (page.tasks, page.next) == ([], None)


def test_times_that_exclude_each_other_leave_nothing() -> None:
    """DynamoDB refuses such a query, which moto does not: so none may be made."""
    raw = MagicMock()
    raw.query.side_effect = AssertionError("a query that DynamoDB refuses")
    never = TaskFilter(created_after=made(9), created_before=made(3))
    page = TaskLists(raw).page("anna", limit=5, wanted=never)
    assert (page.tasks, page.next) == ([], None)


class ShortPages:
    """A table that ends each of its own pages after two items, and notes what it was asked."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self.queries: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def query(self, **arguments: Any) -> Any:
        self.queries.append(arguments)
        most = min(2, arguments.get("Limit", 2))
        return self._table.query(**arguments | {"Limit": most})


@pytest.mark.parametrize("statuses", FILTERS)
@pytest.mark.parametrize("limit", [1, 3, 4, 20])
def test_nothing_is_missed_where_the_table_answers_in_bits(
    raw: Any, lists: TaskLists, limit: int, statuses: tuple[TaskStatus, ...]
) -> None:
    short, wanted = TaskLists(ShortPages(raw)), by_status(*statuses)  # type: ignore[arg-type]
    in_bits, at_once = (read_all(each, limit, wanted) for each in (short, lists))
    assert list(itertools.chain(*in_bits)) == list(itertools.chain(*at_once))


def test_a_status_is_found_at_once_however_rare_it_is(
    raw: Any, table: TaskTable, lists: TaskLists
) -> None:
    table.create(a_task(task_id="first", created_at=made(-1), status=TaskStatus.FAILED))
    noting = ShortPages(raw)
    page = TaskLists(noting).page("anna", limit=5, wanted=by_status(TaskStatus.FAILED))  # type: ignore[arg-type]
    assert ([task.task_id for task in page.tasks], page.next) == (["first"], None)
    assert len(noting.queries) == 1


def test_what_is_stored_among_many_that_generate_is_read_to_a_bound(
    raw: Any, table: TaskTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They share a partition: then a page is short and says where to go on."""
    for number in range(12):
        status = TaskStatus.STORING if number == 0 else TaskStatus.GENERATING
        made_at = made(100 + number)
        table.create(a_task(task_id=f"c{number:02}", created_at=made_at, status=status))
    monkeypatch.setattr(task_lists, "_MOST_ENTRIES", 9)
    lists, wanted = TaskLists(raw), by_status(TaskStatus.STORING)
    page = lists.page("anna", limit=2, wanted=wanted)
    assert page.tasks == []
    assert page.next is not None
    assert (page.next["task_id"], page.next["listed_under"]) == ("c03", "generating")
    found = list(itertools.chain(*read_all(lists, 2, wanted)))
    assert found == ["c00", "a09", "a05", "a01"]
    both = by_status(TaskStatus.STORING, TaskStatus.QUEUED)
    mixed = list(itertools.chain(*read_all(lists, 2, both)))
    assert mixed == ["c00", "a09", "a08", "a05", "a04", "a01", "a00"]


@pytest.mark.parametrize(("limit", "most"), [(5, [11]), (1, [3]), (20, [41])])
def test_metadata_that_nearly_all_have_is_read_as_far_as_it_takes(
    raw: Any, table: TaskTable, limit: int, most: list[int]
) -> None:
    for number in range(60):
        made_at = made(100 + number)
        table.create(a_task(task_id=f"m{number}", created_at=made_at, metadata={"order": "1"}))
    noting = Noting(raw)
    wanted = TaskFilter(metadata={"order": "1"})
    page = TaskLists(noting).page("anna", limit=limit, wanted=wanted)  # type: ignore[arg-type]
    assert len(page.tasks) == limit
    assert [query["Limit"] for query in noting.queries] == most


def test_metadata_that_hardly_any_has_ends_a_page_early_and_says_where_to_go_on(
    raw: Any, table: TaskTable
) -> None:
    """Else one call would read all that an owner ever made."""
    table.create(a_task(task_id="first", created_at=made(-1), metadata={"order": "1"}))
    short, wanted = ShortPages(raw), TaskFilter(metadata={"order": "1"})
    lists = TaskLists(short)  # type: ignore[arg-type]

    page = lists.page("anna", limit=5, wanted=wanted)

    assert (page.tasks, len(short.queries)) == ([], 4)
    assert page.next is not None
    assert page.next["task_id"] == "a04"
    following = lists.page("anna", limit=5, start=page.next, wanted=wanted)
    assert [task.task_id for task in following.tasks] == ["first"]


class Noting(ShortPages):
    """A table that only notes what it was asked."""

    def query(self, **arguments: Any) -> Any:
        self.queries.append(arguments)
        return self._table.query(**arguments)


@pytest.mark.parametrize("few", [1, 3, 40])
@pytest.mark.parametrize("limit", [1, 2, 5, 50])
def test_metadata_in_a_status_is_found_among_few_and_among_many(
    raw: Any, table: TaskTable, monkeypatch: pytest.MonkeyPatch, limit: int, few: int
) -> None:
    for number in range(9):
        pairs = {"order": str(number % 2)}
        table.create(a_task(task_id=f"m{number}", created_at=made(100 + number), metadata=pairs))
    monkeypatch.setattr(task_lists, "_FEW", few)
    wanted = TaskFilter(frozenset({TaskStatus.QUEUED}), metadata={"order": "0"})
    pages = read_all(TaskLists(raw), limit, wanted)
    assert list(itertools.chain(*pages)) == ["m8", "m6", "m4", "m2", "m0"]


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
    lists: TaskLists, table: TaskTable, name: str
) -> None:
    metadata = {name: "4711", "other": "x"}
    table.create(a_task(task_id="mine", created_at=made(20), metadata=metadata))
    table.create(a_task(task_id="theirs", created_at=made(21), metadata={name: "4712"}))

    def found(**pairs: str) -> list[str]:
        wanted = TaskFilter(frozenset({TaskStatus.QUEUED}), metadata=pairs)
        return list(itertools.chain(*read_all(lists, 3, wanted)))

    assert found(**{name: "4711"}) == found(**metadata) == ["mine"]
    assert found(**{name: "471"}) == found(**{name: "4712", "other": "x"}) == []


@pytest.mark.parametrize("filters", [{"created_before": made(3)}, {"created_after": made(9)}])
@pytest.mark.parametrize("statuses", [(), (TaskStatus.QUEUED, TaskStatus.GENERATING)])
def test_a_cursor_of_other_times_is_refused(
    lists: TaskLists, filters: dict[str, Any], statuses: tuple[TaskStatus, ...]
) -> None:
    """DynamoDB refuses a start outside of the queried range; moto does not."""
    start = lists.page("anna", limit=3, wanted=by_status(*statuses)).next
    assert start is not None
    start |= {"created_at": iso(made(6))}
    with pytest.raises(InvalidCursorError):
        lists.page("anna", limit=6, start=start, wanted=TaskFilter(frozenset(statuses), **filters))


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
@pytest.mark.parametrize("statuses", [(), *FILTERS[4:7]])
def test_tasks_made_at_the_same_moment_are_all_listed_once(
    raw: Any, limit: int, statuses: tuple[TaskStatus, ...]
) -> None:
    table = TaskTable(raw, retention_days=90)
    names = [f"task-{number}" for number in range(12)]
    for number, name in enumerate(names):
        table.create(a_task(task_id=name, status=STATUSES[number % 4]))
    wanted = [n for i, n in enumerate(names) if not statuses or STATUSES[i % 4] in statuses]
    listed = itertools.chain(*read_all(TaskLists(raw), limit, by_status(*statuses)))
    assert sorted(listed) == sorted(wanted)


def test_tasks_that_come_meanwhile_do_not_disturb(table: TaskTable, lists: TaskLists) -> None:
    first = lists.page("anna", limit=4)
    table.create(a_task(task_id="newer", created_at=made(99)))
    second = lists.page("anna", limit=4, start=first.next)
    assert [task.task_id for task in second.tasks] == ["a07", "a06", "a05", "a04"]


def test_a_list_by_status_goes_on_although_its_last_task_has_moved(
    table: TaskTable, lists: TaskLists
) -> None:
    wanted = by_status(TaskStatus.QUEUED)
    first = lists.page("anna", limit=1, wanted=wanted)
    assert [task.task_id for task in first.tasks] == ["a08"]
    table.write(table.get("a08").changed(NOW, status=TaskStatus.CANCELED))
    second = lists.page("anna", limit=5, start=first.next, wanted=wanted)
    assert [task.task_id for task in second.tasks] == ["a04", "a00"]


class Lagging(Noting):
    """Reads that are not consistent show the records of some tasks as they were."""

    def __init__(self, table: Any, stale: dict[str, Any]) -> None:
        super().__init__(table)
        self._stale = stale

    def get_items(self, keys: Iterable[dict[str, str]], *, consistent: bool) -> list[Any]:
        items = self._table.get_items(keys, consistent=consistent)
        if not consistent:
            items = [self._stale.get(item["task_id"], item) for item in items]
        return [item for item in items if item]


@pytest.mark.parametrize("known_before", [True, False])
def test_a_record_that_lags_behind_its_entry_is_shown_as_it_is_now(
    raw: Any, table: TaskTable, known_before: bool
) -> None:
    before = raw.get_item(Key={"task_id": "a10"})["Item"] if known_before else None
    table.write(table.get("a10").changed(NOW, status=TaskStatus.FAILED))
    lists = TaskLists(Lagging(raw, {"a10": before}))  # type: ignore[arg-type]
    [task] = lists.page("anna", limit=5, wanted=by_status(TaskStatus.FAILED)).tasks
    assert (task.task_id, task.status) == ("a10", TaskStatus.FAILED)


class Replaying(Noting):
    """An index that lags: it also shows entries that it held before."""

    def __init__(self, table: Any, partition: str, entries: list[dict[str, Any]]) -> None:
        super().__init__(table)
        self._held = partition, entries

    def query(self, **arguments: Any) -> Any:
        reply = super().query(**arguments)
        partition, entries = self._held
        if arguments["ExpressionAttributeValues"][":key"] == partition:
            reply["Items"] = sorted(
                [*entries, *reply["Items"]], key=lambda item: str(item["created_at"]), reverse=True
            )
        return reply


def test_a_task_that_moves_while_it_is_listed_is_shown_once_and_as_it_is(
    raw: Any, table: TaskTable
) -> None:
    partition = partition_of("anna", TaskStatus.QUEUED)
    entry = raw.query(
        IndexName=STATUS_INDEX,
        KeyConditionExpression="owner_status = :key",
        ExpressionAttributeValues={":key": partition},
        ScanIndexForward=False,
    )["Items"][0]
    moved = table.write(table.get("a08").changed(NOW, status=TaskStatus.GENERATING))
    table.create(a_task(task_id="gone", created_at=made(7), status=TaskStatus.QUEUED))
    raw.delete_item(Key={"task_id": "gone"})
    ghost = entry | {"task_id": "gone", "created_at": iso(made(7))}
    lagging = TaskLists(Replaying(raw, partition, [entry, ghost]))  # type: ignore[arg-type]

    queued = lagging.page("anna", limit=5, wanted=by_status(TaskStatus.QUEUED))
    assert [task.task_id for task in queued.tasks] == ["a04", "a00"]
    both = lagging.page(
        "anna", limit=20, wanted=by_status(TaskStatus.QUEUED, TaskStatus.GENERATING)
    )
    ids = [task.task_id for task in both.tasks]
    assert ids == ["a10", "a08", "a06", "a04", "a02", "a00"]
    assert both.tasks[1] == moved


@pytest.mark.parametrize("statuses", [(), (TaskStatus.QUEUED,)])
def test_a_page_ends_where_an_answer_would_be_too_long_to_send(
    raw: Any, statuses: tuple[TaskStatus, ...]
) -> None:
    table = TaskTable(raw, retention_days=90)
    # Written out in ASCII, each of these letters takes twelve bytes.
    large = "\N{GRINNING FACE}" * 40_000
    for number in range(16):
        table.create(a_task(task_id=f"a{number:02}", created_at=made(number), prompt=large))
    pages = read_all(TaskLists(raw), 16, by_status(*statuses))
    assert [name for page in pages for name in page] == [f"a{n:02}" for n in reversed(range(16))]
    assert [len(page) for page in pages] == [7, 7, 2]
