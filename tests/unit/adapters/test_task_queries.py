"""What a list is to show, and how DynamoDB is asked for it."""

from datetime import timedelta

import pytest
from image_to_video.adapters.task_queries import EVERY_TASK, TaskFilter, add_filter, of_times
from image_to_video.domain.statuses import TaskStatus

from tests.support.samples import NOW, a_task

TASK = a_task(metadata={"a": "1", "b": "2"})
QUEUED = frozenset({TaskStatus.QUEUED})


@pytest.mark.parametrize(
    ("wanted", "accepted"),
    [
        (EVERY_TASK, True),
        (TaskFilter(QUEUED), True),
        (TaskFilter(frozenset({TaskStatus.FAILED})), False),
        (TaskFilter(metadata={"a": "1"}), True),
        (TaskFilter(QUEUED, metadata={"a": "1", "b": "2"}), True),
        (TaskFilter(metadata={"a": "2"}), False),
        (TaskFilter(metadata={"c": "1"}), False),
        # The query has left out what is of other times.
        (TaskFilter(created_after=NOW + timedelta(days=1)), True),
    ],
)
def test_a_task_is_accepted_with_one_of_the_statuses_and_all_the_pairs(
    wanted: TaskFilter, accepted: bool
) -> None:
    assert wanted.accepts(TASK) is accepted


def test_a_query_without_filters_has_no_expression_for_them() -> None:
    query = of_times("owner", "anna", ("0", "9"))
    assert not add_filter(query, frozenset(), {})
    assert "FilterExpression" not in query
    assert query["ExpressionAttributeValues"] == {":key": "anna", ":after": "0", ":before": "9"}


def test_names_and_values_stand_apart_from_the_expression() -> None:
    """The SDK's own conditions take a dot in a name for a step into a map."""
    query = of_times("owner", "anna", ("0", "9"))
    assert add_filter(query, QUEUED, {"a.b": ":x"})
    condition = "#status IN (:status0) AND #metadata.#name0 = :value0"
    assert query["FilterExpression"] == condition
    assert query["ExpressionAttributeNames"]["#name0"] == "a.b"
    assert query["ExpressionAttributeValues"][":value0"] == ":x"
