"""Durations: counted in one small item that forgets what is long ago."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from image_to_video.adapters.duration_table import DurationTable
from image_to_video.domain.errors import DurationsUnavailableError
from image_to_video.domain.learned_schedule import bucket_of

from tests.conftest import Application

KIND = "a2e#5"


@pytest.fixture
def raw(application: Application) -> Any:
    return application.table("LIMITS_TABLE")


@pytest.fixture
def table(raw: Any) -> DurationTable:
    return DurationTable(raw)


def item(raw: Any) -> dict[str, Any]:
    found: dict[str, Any] = raw.get_item(Key={"limit": "durations", "member": KIND})["Item"]
    return found


def test_nothing_is_known_at_first(table: DurationTable) -> None:
    assert table.read(KIND).total == 0


def test_each_task_is_counted_in_its_bucket_and_kind(table: DurationTable) -> None:
    for seconds in (240, 241, 600):
        table.add(KIND, seconds)
    table.add("a2e-v2#5", 60)
    assert table.read(KIND).counts == {bucket_of(240): 2, bucket_of(600): 1}
    assert table.read("a2e-v2#5").counts == {bucket_of(60): 1}


def test_old_durations_fade(table: DurationTable, raw: Any) -> None:
    """What was usual a thousand tasks ago counts for nothing now, and the numbers stay small."""
    key = {"limit": "durations", "member": KIND}
    raw.put_item(Item=key | {"added": 398, f"b{bucket_of(60)}": 397, f"b{bucket_of(90)}": 1})
    for _ in range(2):
        table.add(KIND, 600)
    halved = table.read(KIND)
    assert halved.counts == {bucket_of(60): 198, bucket_of(600): 1}
    assert item(raw)["added"] == halved.total
    assert f"b{bucket_of(90)}" not in item(raw)


def test_the_full_item_costs_one_write_unit_and_can_be_halved(
    table: DurationTable, raw: Any
) -> None:
    full = {f"b{bucket}": 3 for bucket in range(120)}
    raw.put_item(Item={"limit": "durations", "member": KIND, "added": 399} | full)
    table.add(KIND, 600)
    assert set(table.read(KIND).counts.values()) <= {1, 2}
    size = sum(len(name) + len(str(value)) + 1 for name, value in item(raw).items())
    assert size < 1024


def test_who_counts_while_another_halves_changes_nothing(
    table: DurationTable, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw.put_item(
        Item={"limit": "durations", "member": KIND, "added": 399, f"b{bucket_of(60)}": 399}
    )
    get_item = table._table.get_item

    def stale(**arguments: Any) -> Any:
        answer = get_item(**arguments)
        monkeypatch.setattr(table._table, "get_item", get_item)
        table.add(KIND, 60)
        return answer

    monkeypatch.setattr(table._table, "get_item", stale)
    table.add(KIND, 60)
    assert table.read(KIND).total == 200, "halved once, by the later one"


def test_a_table_that_does_not_answer_has_its_own_error(
    table: DurationTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> Any:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "any")

    monkeypatch.setattr(table._table, "get_item", refuse)
    monkeypatch.setattr(table._table, "update_item", refuse)
    with pytest.raises(DurationsUnavailableError):
        table.read(KIND)
    with pytest.raises(DurationsUnavailableError):
        table.add(KIND, 60)
