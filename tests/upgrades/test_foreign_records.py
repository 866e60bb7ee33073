"""Records from the future, and records that are none, through every way that reads them."""

from typing import Any

import pytest
from image_to_video.adapters.task_queries import TaskFilter
from image_to_video.adapters.token_table import TokenTable
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import TaskNotUnderstoodError
from image_to_video.domain.generator import Ready
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task
from image_to_video.lifecycle.hints import HintTokens
from image_to_video.lifecycle.workflow_steps import Phase
from image_to_video.wiring import Application as Services

from tests.conftest import Application, Clock, ScriptedGenerator
from tests.support.workflow import executions, stop_execution

REQUEST = TaskRequest(image_url="https://example.com/a.png")
FUTURE: dict[str, Any] = {
    "needs_review": True,
    "by_colour": "blue",
    "weights": {"a": 1, "deep": [{"b": "c"}]},
    "generator_status": "dreaming",
}
UNKNOWN = [{"status": "paused"}, {"waiting_for": "approval"}, {"needs": ["patience"]}]


@pytest.fixture
def made(services: Services) -> Task:
    """A task that the generator works on."""
    return services.video_tasks.create("anna", REQUEST, "key")


def item_of(application: Application, task: Task) -> dict[str, Any]:
    reply = application.table("TASKS_TABLE").get_item(Key={"task_id": task.task_id})
    item: dict[str, Any] = reply["Item"]
    return item


def write(application: Application, task: Task, **changes: Any) -> dict[str, Any]:
    """What another release made of the record."""
    item = item_of(application, task) | changes
    application.table("TASKS_TABLE").put_item(Item=item)
    return item


def test_what_another_release_added_survives_the_whole_life_of_a_task(
    services: Services,
    application: Application,
    generator: ScriptedGenerator,
    made: Task,
    clock: Clock,
) -> None:
    before = item_of(application, made)
    attempts = [before["attempts"][0] | {"region": "mars", "tries": 2}]
    write(application, made, **FUTURE, attempts=attempts)

    clock.advance(60)
    generator.answers = [Ready("completed", "https://results.example.com/v.mp4")]
    services.workflow_steps.poll_task(made.task_id)
    assert services.workflow_steps.store_video(made.task_id).phase is Phase.CLOSED

    after = item_of(application, made)
    assert after["status"] == "succeeded"
    kept = {name: after.get(name) for name in FUTURE if name != "generator_status"}
    assert kept == {name: FUTURE[name] for name in kept}
    assert after["attempts"][0]["region"] == "mars"
    assert after["attempts"][0]["tries"] == 2


@pytest.mark.parametrize("unknown", UNKNOWN, ids=str)
def test_nobody_moves_a_task_in_a_state_of_another_release(
    services: Services,
    application: Application,
    generator: ScriptedGenerator,
    made: Task,
    clock: Clock,
    unknown: dict[str, Any],
) -> None:
    stop_execution(application, made.execution)
    item = write(application, made, **{"status": "queued", **FUTURE, **unknown})
    asked = (list(generator.requests), list(generator.checked), len(executions(application)))
    clock.advance(4000)

    step = services.workflow_steps.poll_task(made.task_id, made.execution)
    assert (step.phase, step.wait_seconds) == (Phase.WAITING, 3600)
    assert services.workflow_steps.store_video(made.task_id, "x").phase is Phase.WAITING
    assert services.repair.reconcile_tasks() == 0
    assert not services.repair.redrive_task(made.task_id).moved
    tokens = HintTokens(address="", key=lambda: "sk_test")
    asked_for = tokens.request(f"{made.task_id}-1")
    assert asked_for is not None
    services.hints.receive(made.task_id, asked_for.token)
    with pytest.raises(TaskNotUnderstoodError, match="another release"):
        services.video_tasks.cancel("anna", made.task_id)
    assert services.video_tasks.create("anna", REQUEST, "key").task_id == made.task_id

    assert item_of(application, made) == item
    assert asked == (generator.requests, generator.checked, len(executions(application)))


@pytest.mark.parametrize("unknown", UNKNOWN, ids=str)
def test_such_a_task_is_shown_and_listed(
    services: Services, application: Application, made: Task, unknown: dict[str, Any]
) -> None:
    other = services.video_tasks.create("anna", REQUEST, None)
    write(application, made, **{**FUTURE, **unknown}, model_version="a2e-v9", video_time=25)

    shown = services.video_tasks.show(services.video_tasks.get("anna", made.task_id))
    view = shown.model_dump(mode="json")
    for name, value in unknown.items():
        assert view.get(name, value) == value
    assert (view["model_version"], view["video_time"]) == ("a2e-v9", 25)
    assert view["links"]["cancel"] is None or "needs" in unknown
    assert view["progress"]["stage"] != "ended"
    listed = services.video_tasks.list("anna", limit=10).data
    assert {one.task_id for one in listed} == {made.task_id, other.task_id}
    assert services.video_tasks.counts("anna").by_status.generating.count >= 1


def test_a_record_that_cannot_be_read_is_left_out_of_every_list(
    services: Services, application: Application, made: Task, caplog: pytest.LogCaptureFixture
) -> None:
    others = [services.video_tasks.create("anna", REQUEST, None).task_id for _ in range(5)]
    write(application, made, attempts="none")

    by_status = TaskFilter(statuses=frozenset({TaskStatus.GENERATING}))
    for wanted in (TaskFilter(), by_status, TaskFilter(metadata={})):
        for limit in (1, 2, 10):
            found: list[str] = []
            cursor = None
            while True:
                page = services.video_tasks.list("anna", limit=limit, cursor=cursor, wanted=wanted)
                found += [task.task_id for task in page.data]
                cursor = page.next_cursor
                if cursor is None:
                    break
            assert sorted(found) == sorted(others), (wanted, limit)
    assert "task cannot be read" in caplog.messages


def test_tokens_of_another_release_open_and_are_listed(
    application: Application, clock: Clock
) -> None:
    table = application.table("TOKENS_TABLE")
    tokens = TokenTable(table)
    token = tokens.create(owner="anna", name="a", now=clock())
    [record] = tokens.records()
    table.put_item(Item=record.written() | {"scopes": ["read"], "weight": 3})
    table.put_item(Item={"token_sha256": "0" * 64, "owner": "anna"})

    assert tokens.authenticate(f"Bearer {token}").is_valid(clock())
    assert [one.name for one in tokens.records()] == ["a"]
    revoked = tokens.revoke(record, clock())
    assert (revoked.written()["scopes"], revoked.written()["weight"]) == (["read"], 3)


@pytest.mark.parametrize("fault", ["task of another release", "no task", "no entry"])
def test_nobody_waits_in_line_behind_what_cannot_start_here(
    services: Services,
    application: Application,
    generator: ScriptedGenerator,
    clock: Clock,
    fault: str,
) -> None:
    changed = services.config.model_copy(update={"max_generating": 1})
    limited = type(services)(
        changed, services.generator, services.downloads, services.signing_key, services.now
    )
    first, second, third = (
        limited.video_tasks.create("anna", REQUEST, key) for key in ("1", "2", "3")
    )
    assert second.in_line
    if fault == "no entry":
        key = {"limit": "line", "member": second.line_entry}
        application.table("LIMITS_TABLE").put_item(Item=key | {"coins": "many"})
    else:
        odd = {"waiting_for": "approval"} if "another" in fault else {"attempts": "none"}
        write(application, second, **odd)

    clock.advance(30)
    generator.answers = [Ready("completed", "https://results.example.com/v.mp4")]
    limited.workflow_steps.poll_task(first.task_id)
    limited.workflow_steps.store_video(first.task_id)
    clock.advance(10)
    limited.workflow_steps.poll_task(third.task_id)
    assert limited.video_tasks.get("anna", third.task_id).status is not TaskStatus.QUEUED
