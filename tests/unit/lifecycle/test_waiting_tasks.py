"""Who still waits at an entry."""

from datetime import timedelta

import pytest
from image_to_video.domain.task import Task, WaitingFor
from image_to_video.domain.waiting_line import Entry
from image_to_video.lifecycle.waiting_tasks import WaitingTasks, standing_since
from image_to_video.wiring import Application as Services

from tests.support.samples import NOW, a_task

ENTRY = Entry(key="1-a", task_id="a", owner="anna", coins=30, joined_at=NOW)
LATER = NOW + timedelta(hours=1)


def waiting(**fields: object) -> Task:
    return a_task(task_id="a", waiting_for=WaitingFor.COINS, **fields)


@pytest.mark.parametrize(("entry", "waits"), [("1-a", True), (None, True), ("2-a", False)])
def test_a_task_waits_where_its_record_says_or_says_nothing_yet(
    services: Services, entry: str | None, waits: bool
) -> None:
    services._table.create(waiting(line_entry=entry, line_since=NOW))
    [(_, found)] = WaitingTasks(services._table).read([ENTRY])
    assert (found is not None) is waits


def test_a_task_that_is_not_there_does_not_wait(services: Services) -> None:
    assert list(WaitingTasks(services._table).read([ENTRY])) == [(ENTRY, None)]


def test_time_in_line_is_counted_once() -> None:
    assert standing_since(waiting(line_since=NOW, line_entry="1-a"), ENTRY, LATER) == NOW
    assert standing_since(waiting(), ENTRY, LATER) == NOW
    assert standing_since(waiting(line_entry="1-a"), ENTRY, LATER) == LATER
