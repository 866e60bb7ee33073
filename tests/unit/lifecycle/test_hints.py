"""Hints: proved by a token that is never stored, worth one poll, and never believed."""

import json
from datetime import timedelta
from typing import Any

import pytest
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import SigningKeyUnavailableError, WorkflowUnavailableError
from image_to_video.domain.executions import execution_name
from image_to_video.domain.generator import Ready, Started, StartRequest
from image_to_video.domain.schedule import expects_hint
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task
from image_to_video.lifecycle.hints import Hints, HintTokens
from image_to_video.lifecycle.workflow_steps import Phase, Step
from image_to_video.wiring import Application as Services

from tests.conftest import Application, Clock, ScriptedGenerator
from tests.support.workflow import executions

REQUEST = TaskRequest(image_url="https://example.com/a.png")
ADDRESS = "https://a1b2c3.execute-api.us-east-1.amazonaws.com/v1"
TASK = "0" * 32


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {"HINTS_URL": ADDRESS}


@pytest.fixture
def hints(services: Services) -> Hints:
    return services.hints


@pytest.fixture
def task(services: Services, clock: Clock) -> Task:
    """A task that the generator has accepted a minute ago."""
    task = services.video_tasks.create("anna", REQUEST, None)
    clock.advance(60)
    return task


def token(generator: ScriptedGenerator, start: int = -1) -> str:
    hint = generator.requests[start].hint
    assert hint is not None
    return hint.token


def stored(services: Services, task: Task) -> Task:
    return services.video_tasks.get(task.owner, task.task_id)


def tokens(key: str = "sk_test") -> HintTokens:
    return HintTokens(address=ADDRESS, key=lambda: key)


def written(attempt: str, key: str = "sk_test") -> str:
    request = tokens(key).request(attempt)
    assert request is not None
    return request.token


def test_a_token_proves_its_own_attempt_alone() -> None:
    first, second = written(f"{TASK}-1"), written(f"{TASK}-2")
    assert tokens().attempt_of(TASK, first) == f"{TASK}-1"
    assert tokens().attempt_of(TASK, second) == f"{TASK}-2"
    assert first.partition(".")[2] not in second
    assert tokens().attempt_of("1" * 32, first) is None
    assert tokens().attempt_of(TASK, f"2.{first.partition('.')[2]}") is None
    assert tokens("sk_other").attempt_of(TASK, first) is None


@pytest.mark.parametrize("text", ["", "1.", "0.x", "sk_test", "ü", "1." + "A" * 43, "x" * 9999])
def test_any_other_text_proves_nothing(text: str) -> None:
    assert tokens().attempt_of(TASK, text) is None


def test_a_text_that_can_be_no_token_needs_no_key() -> None:
    def key() -> str:
        raise AssertionError("the key was asked for")

    assert HintTokens(address=ADDRESS, key=key).attempt_of(TASK, "forged") is None


def test_the_token_is_neither_the_account_s_nor_shown() -> None:
    request = tokens().request(f"{TASK}-1")
    assert request is not None
    assert request.url == f"{ADDRESS}/hints/{TASK}"
    assert "sk_test" not in request.token
    assert request.token not in repr(request)


def test_without_an_address_or_a_key_no_hint_is_asked_for() -> None:
    def key() -> str:
        raise SigningKeyUnavailableError("unreadable")

    assert HintTokens(address=None, key=lambda: "sk_test").request(f"{TASK}-1") is None
    assert HintTokens(address=ADDRESS, key=key).request(f"{TASK}-1") is None


def test_the_record_knows_that_a_hint_comes_and_not_its_token(
    services: Services, generator: ScriptedGenerator, task: Task, application: Application
) -> None:
    assert expects_hint(task)
    reply = application.table("TASKS_TABLE").get_item(Key={"task_id": task.task_id})
    assert token(generator).partition(".")[2] not in json.dumps(reply["Item"], default=str)


def test_where_a_hint_comes_scheduled_polls_are_rare(services: Services, task: Task) -> None:
    assert task.next_poll_at == task.created_at + timedelta(seconds=240)


def test_a_hint_makes_its_task_be_polled_now(
    services: Services,
    hints: Hints,
    generator: ScriptedGenerator,
    task: Task,
    application: Application,
    clock: Clock,
) -> None:
    generator.answers = [Ready("completed", "https://results.example.com/video.mp4")]

    hints.receive(task.task_id, token(generator))

    hinted = stored(services, task)
    assert hinted.next_poll_at == hinted.hinted_at == clock()
    assert hinted.execution in executions(application)
    steps = services.workflow_steps
    assert steps.poll_task(task.task_id, hinted.execution).phase is Phase.READY
    assert steps.store_video(task.task_id, task.execution) == Step(phase=Phase.CLOSED)
    assert stored(services, task).status is TaskStatus.STORING
    assert steps.store_video(task.task_id, hinted.execution).phase is Phase.CLOSED
    assert stored(services, task).status is TaskStatus.SUCCEEDED


def test_after_a_hint_that_came_early_polls_are_as_frequent_as_ever(
    services: Services, hints: Hints, generator: ScriptedGenerator, task: Task
) -> None:
    hints.receive(task.task_id, token(generator))
    hinted = stored(services, task)
    step = services.workflow_steps.poll_task(task.task_id, hinted.execution)
    assert step == Step(phase=Phase.WAITING, wait_seconds=10)


def test_hints_in_a_row_are_worth_one_poll(
    services: Services, hints: Hints, generator: ScriptedGenerator, task: Task, clock: Clock
) -> None:
    for _ in range(5):
        hints.receive(task.task_id, token(generator))
        clock.advance(1)
    assert stored(services, task).version == task.version + 1
    clock.advance(10)
    hints.receive(task.task_id, token(generator))
    assert stored(services, task).hints_taken == 2


def test_hints_without_end_are_worth_a_limited_number_of_polls(
    services: Services,
    hints: Hints,
    generator: ScriptedGenerator,
    task: Task,
    application: Application,
    clock: Clock,
) -> None:
    for _ in range(40):
        hints.receive(task.task_id, token(generator))
        clock.advance(11)
    assert len(executions(application)) == 21


def test_a_forged_hint_costs_no_call_at_all(
    hints: Hints, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Any:
        raise AssertionError("the table was asked")

    monkeypatch.setattr(hints._table, "get", fail)
    for forged in ("", written(f"{task.task_id}-1", "sk_other"), written(f"{TASK}-1")):
        hints.receive(task.task_id, forged)


def test_a_hint_of_a_task_or_attempt_that_is_not_known_changes_nothing(
    services: Services, hints: Hints, task: Task
) -> None:
    hints.receive(TASK, written(f"{TASK}-1"))
    hints.receive(task.task_id, written(f"{task.task_id}-2"))
    assert stored(services, task) == task


def test_a_hint_after_the_end_changes_nothing(
    services: Services, hints: Hints, generator: ScriptedGenerator, task: Task, clock: Clock
) -> None:
    generator.answers = [Ready("completed", "https://results.example.com/video.mp4")]
    clock.advance(240)
    services.workflow_steps.poll_task(task.task_id, task.execution)
    for _ in range(2):
        before = stored(services, task)
        hints.receive(task.task_id, token(generator))
        assert stored(services, task) == before
        services.workflow_steps.store_video(task.task_id, task.execution)


def test_a_hint_that_overtakes_the_start_s_answer_does_not_disturb_it(
    services: Services,
    hints: Hints,
    generator: ScriptedGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = generator.start

    def hint_first(request: StartRequest) -> Started:
        started = start(request)
        hints.receive(request.name.partition("-")[0], token(generator))
        return started

    monkeypatch.setattr(generator, "start", hint_first)
    task = services.video_tasks.create("anna", REQUEST, None)
    first = execution_name(task.task_id, task.created_at)
    assert (task.status, task.execution) == (TaskStatus.GENERATING, first)
    assert task.hints_taken == 0


def test_a_hint_that_meets_a_poll_is_not_lost(
    services: Services,
    hints: Hints,
    generator: ScriptedGenerator,
    task: Task,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The poll has read "running"; it writes between the hint's reading and its writing."""
    clock.advance(240)
    give = services._executions.give

    def poll_first(*arguments: Any, **options: Any) -> Task:
        monkeypatch.setattr(services._executions, "give", give)
        services.workflow_steps.poll_task(task.task_id, task.execution)
        return give(*arguments, **options)

    monkeypatch.setattr(services._executions, "give", poll_first)
    hints.receive(task.task_id, token(generator))
    assert stored(services, task).hints_taken == 1


def test_a_hint_whose_execution_cannot_be_started_is_said_to_be_none(
    services: Services,
    hints: Hints,
    generator: ScriptedGenerator,
    task: Task,
    clock: Clock,
    workflow_client: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The earlier execution waits a while for it, and then takes the task back."""
    monkeypatch.setattr(services._workflow, "start", _unavailable)
    with pytest.raises(WorkflowUnavailableError):
        hints.receive(task.task_id, token(generator))
    clock.advance(20)
    steps = services.workflow_steps
    assert steps.poll_task(task.task_id, task.execution) == Step(
        phase=Phase.WAITING, wait_seconds=10
    )
    assert generator.checked == []
    clock.advance(10)
    assert steps.poll_task(task.task_id, task.execution).phase is Phase.WAITING
    assert generator.checked == ["gen-000001"]
    assert stored(services, task).execution == task.execution


def _unavailable(*_: object, **__: object) -> None:
    raise WorkflowUnavailableError("no execution could be started")
