"""Test tasks live the life of others, of services of their own: A2E hears of none of them.

Each outcome runs through the real services over moto, the copy from the signed link included. The
generator that is paid fails the test when it is asked anything.
"""

import io
from dataclasses import replace
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from image_to_video import wiring
from image_to_video.adapters.safe_download import Downloads
from image_to_video.adapters.sample_clips import sample
from image_to_video.contract.requests import TaskRequest, UploadRequest
from image_to_video.domain.errors import (
    InvalidTaskError,
    TaskNotFoundError,
)
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Cancellation, FailureCode, Task
from image_to_video.domain.test_mode import Outcome
from image_to_video.lifecycle.kinds import Kinds
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.uploads import UploadedObject
from image_to_video.lifecycle.workflow_steps import Phase
from image_to_video.observability import count, metrics
from image_to_video.settings import Settings
from image_to_video.wiring import Application as Services

from tests.conftest import Application, Clock, ScriptedGenerator
from tests.support.images import PNG

ADDRESS = "https://images.example/cat.png"
NEVER_VIDEOS = {code.value for code in FailureCode}


class NoGenerator:
    """Fails the test, whatever it is asked."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"A2E was asked: {name}")


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    """Limits under which a live task would wait, and hints that a live one would ask for."""
    limits = {"MAX_GENERATING": "1", "DAILY_COIN_LIMIT": "1", "HINTS_URL": "https://api.example"}
    return Settings.read(environment | limits)


@pytest.fixture
def services(application: Application, settings: Settings, clock: Clock) -> Services:
    """The services, with links to the bucket in moto that really lead there."""
    s3 = application.client("s3")

    def serve(request: httpx.Request) -> httpx.Response:
        key = unquote(urlsplit(str(request.url)).path).lstrip("/")
        try:
            body = s3.get_object(Bucket="videos", Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            return httpx.Response(404)
        return httpx.Response(200, content=io.BytesIO(body))

    client = httpx.Client(transport=httpx.MockTransport(serve))
    return wiring.Application(
        settings,
        generator=NoGenerator(),
        downloads=Downloads(client, clock=lambda: 0.0),
        signing_key=lambda: "key",
        now=clock,
    )


@pytest.fixture
def tested(services: Services) -> VideoTasks:
    """What an owner can do with a test token."""
    return services.of(test=True).video_tasks


def create(tasks: VideoTasks, outcome: Outcome, key: str | None = None) -> Task:
    return tasks.create("anna", TaskRequest(image_url=ADDRESS, prompt=f"test:{outcome}"), key)


def closed(services: Services, task: Task, clock: Clock) -> Task:
    """The task at its end; its workflow does not know which kind it moves."""
    step = services.workflow_steps.poll_task(task.task_id)
    for _ in range(99):
        if step.phase is Phase.CLOSED:
            return services.of(test=True).video_tasks.get("anna", task.task_id)
        if step.phase is Phase.READY:
            step = services.workflow_steps.store_video(task.task_id)
            continue
        clock.advance(step.wait_seconds)
        step = services.workflow_steps.poll_task(task.task_id)
    raise AssertionError(f"it never ends: {step}")


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_comes_within_a_minute_and_a_half_and_costs_nothing(
    services: Services,
    tested: VideoTasks,
    application: Application,
    clock: Clock,
    outcome: Outcome,
) -> None:
    began = clock()
    task = closed(services, create(tested, outcome), clock)

    assert task.test
    assert (clock() - began).total_seconds() < 90
    if outcome.value in NEVER_VIDEOS:
        assert task.failure is not None
        assert (task.status, task.failure.code.value) == (TaskStatus.FAILED, outcome.value)
        assert task.video is None
    else:
        assert task.status is TaskStatus.SUCCEEDED
        assert task.video is not None
        assert (task.video.key, task.video.bytes) == (
            f"_test/anna/{task.task_id}.mp4",
            len(sample()),
        )
        assert task.coins == 0
    assert not outcome.startswith("late") or task.late
    assert all(not attempt.hinted and not attempt.coins_reserved for attempt in task.attempts)
    assert application.table("LIMITS_TABLE").scan()["Items"] == []


@pytest.mark.parametrize(
    ("outcome", "achieved"),
    [
        (Outcome.CANCEL_REFUNDED, Cancellation.REFUNDED),
        (Outcome.CANCEL_TOO_LATE, Cancellation.TOO_LATE),
        (Outcome.WAITING_FOR_COINS, Cancellation.REFUNDED),
        (Outcome.WAITING_FOR_CONFIRMATION, None),
    ],
)
def test_a_cancel_request_has_every_outcome(
    tested: VideoTasks, outcome: Outcome, achieved: Cancellation | None
) -> None:
    task = create(tested, outcome)
    assert tested.cancel("anna", task.task_id)[1] is achieved


def test_neither_kind_sees_the_other(services: Services, tested: VideoTasks, clock: Clock) -> None:
    live, task = services.video_tasks, create(tested, Outcome.LATE)
    for action in (live.get, live.video_link, live.cancel):
        with pytest.raises(TaskNotFoundError):
            action("anna", task.task_id)
    assert live.list("anna", limit=9).data == []
    assert live.counts("anna").by_status.generating.count == 0
    assert [shown.task_id for shown in tested.list("anna", limit=9).data] == [task.task_id]
    assert tested.counts("anna").by_status.generating.count == 1
    assert tested.list("bob", limit=9).data == []


def test_pages_of_test_tasks_follow_each_other(tested: VideoTasks, services: Services) -> None:
    ids = {create(tested, Outcome.LATE, str(number)).task_id for number in range(3)}
    first = tested.list("anna", limit=2)
    assert first.next_cursor is not None
    second = tested.list("anna", limit=2, cursor=first.next_cursor)
    assert {task.task_id for task in [*first.data, *second.data]} == ids
    assert not second.has_more


def test_a_key_is_another_task_in_test_mode(
    services: Services, tested: VideoTasks, generator: ScriptedGenerator
) -> None:
    task = create(tested, Outcome.LATE, "order-77")
    assert create(tested, Outcome.LATE, "order-77") == task
    request = TaskRequest(image_url=ADDRESS, prompt="another")
    with pytest.raises(InvalidTaskError, match="coins"):
        # It would be a live task, which this installation has not the coins for.
        services.video_tasks.create("anna", request, "order-77")


def test_a_reserved_prompt_that_is_none_is_refused(tested: VideoTasks) -> None:
    request = TaskRequest(image_url=ADDRESS, prompt="test:explode")
    with pytest.raises(InvalidTaskError) as caught:
        tested.create("anna", request, None)
    assert caught.value.pointer == "/prompt"


def put(services: Services, application: Application, key: str, **metadata: str) -> Task:
    """The task of an upload, as the bucket tells of it."""
    application.client("s3").put_object(Bucket="images", Key=key, Body=PNG, Metadata=metadata)
    uploaded = UploadedObject("images", key, None, "etag", "01")
    task = services.video_tasks.create_from_upload(uploaded)
    assert task is not None
    return task


@pytest.mark.parametrize("written", ["true", "True", "1", "yes"])
def test_an_upload_that_says_test_is_a_test_task(
    services: Services, application: Application, clock: Clock, written: str
) -> None:
    task = put(services, application, "uploads/anna/cat.png", test=written)
    assert task.test
    assert closed(services, task, clock).status is TaskStatus.SUCCEEDED


def test_an_upload_s_wrong_prompt_fails_as_a_test_task(
    services: Services, application: Application
) -> None:
    task = put(services, application, "uploads/anna/cat.png", test="true", prompt="test:no")
    assert task.failure is not None
    assert (task.test, task.failure.code) == (True, FailureCode.INVALID_REQUEST)


def test_a_form_of_a_test_token_makes_a_test_task_whatever_is_put_there(
    tested: VideoTasks, services: Services, application: Application
) -> None:
    request = UploadRequest(filename="cat.png", content_type="image/png")
    ticket = tested.reserve_upload("anna", request)
    assert ticket.fields["x-amz-meta-test"] == "true"
    for metadata in ({}, {"test": "false"}, {"test": "true"}):
        task = put(services, application, ticket.fields["key"], **metadata)
        assert (task.task_id, task.test) == (ticket.task_id, True)


def test_a_promised_live_key_stays_free_for_its_live_task(
    services: Services, application: Application
) -> None:
    key = "uploads/anna/_promised/0123.png"
    promised = UploadedObject("images", key, None, "", "").identity()
    task = put(services, application, key, test="true")
    assert task.test
    assert not promised.startswith(task.task_id)


def test_a_task_of_the_other_kind_is_refused_before_it_is_paid_for(
    services: Services, tested: VideoTasks
) -> None:
    task = create(tested, Outcome.WAITING_FOR_COINS)
    with pytest.raises(ValueError, match="other kind"):
        services._starter.begin(task)


def test_a_live_task_never_meets_the_generator_of_tests(
    services: Services, environment: dict[str, str], generator: ScriptedGenerator
) -> None:
    config = Settings.read(environment)
    services = replace(services, config=config, generator=generator)
    task = create(services.video_tasks, Outcome.CONTENT_REFUSED)
    assert (task.test, task.status) == (False, TaskStatus.GENERATING)
    assert [request.prompt for request in generator.requests] == ["test:content_refused"]
    assert services.workflow_steps.poll_task(task.task_id)
    assert "_of_tests" not in vars(services)


def test_an_operator_s_redrive_and_the_schedule_move_test_tasks(
    services: Services, tested: VideoTasks, clock: Clock
) -> None:
    task = create(tested, Outcome.SUCCEEDED)
    assert services.repair.redrive_task(task.task_id).moved
    lost = closed(services, create(tested, Outcome.VIDEO_UNAVAILABLE), clock)
    assert services.repair.redrive_task(lost.task_id).status is TaskStatus.STORING


def test_what_is_counted_of_a_test_task_is_told_apart() -> None:
    class Counter:
        def act(self) -> None:
            count("StartsAccepted")

    metrics.clear_metrics()
    kinds = Kinds(Counter(), Counter)
    for test in (True, False):
        with kinds.of(test=test) as counter:
            counter.act()
    counted: Any = metrics.serialize_metric_set()
    metrics.clear_metrics()
    assert (counted["TestStartsAccepted"], counted["StartsAccepted"]) == ([1.0], [1.0])
