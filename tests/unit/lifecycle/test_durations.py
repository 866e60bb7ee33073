"""What is learned: read seldom, counted once, and never in the way of a poll."""

from datetime import timedelta
from typing import Any

import pytest
from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.errors import DurationsUnavailableError
from image_to_video.domain.generator import Ready
from image_to_video.domain.learned_schedule import Durations, bucket_of
from image_to_video.domain.polls import Polls
from image_to_video.domain.schedule import Schedule
from image_to_video.domain.task import Attempt, Task
from image_to_video.lifecycle.durations import LearnedDurations
from image_to_video.lifecycle.repair import Repair
from image_to_video.lifecycle.service import VideoTasks
from image_to_video.lifecycle.workflow_steps import Phase, WorkflowSteps

from tests.conftest import Application, Clock, ScriptedGenerator
from tests.support.samples import NOW, a_task

READY = Ready("completed", "https://results.example.com/video.mp4")
# Tasks have taken four minutes, more or less.
USUAL = {bucket_of(240): 60, bucket_of(200): 30, bucket_of(300): 30}


class Counts:
    """Durations in memory, which can fail."""

    def __init__(self, counts: dict[int, int]) -> None:
        self.counts, self.reads, self.fails = counts, 0, False
        self.added: list[tuple[str, float]] = []

    def read(self, kind: str) -> Durations:
        self.reads += 1
        if self.fails:
            raise DurationsUnavailableError("no table today")
        return Durations(self.counts)

    def add(self, kind: str, seconds: float) -> None:
        if self.fails:
            raise DurationsUnavailableError("no table today")
        self.added.append((kind, seconds))


@pytest.fixture
def counts() -> Counts:
    return Counts(USUAL)


@pytest.fixture
def learned(counts: Counts, schedule: Schedule, clock: Clock) -> LearnedDurations:
    return LearnedDurations(counts, Polls(schedule), now=clock)


def started(**fields: Any) -> Task:
    attempt = Attempt(name="a", lease_owner="b", sent_at=NOW, lease_until=NOW, in_flight=False)
    return a_task(**({"started_at": NOW, "attempts": (attempt,)} | fields))


def test_each_kind_is_read_once_in_five_minutes(
    learned: LearnedDurations, counts: Counts, clock: Clock
) -> None:
    for _ in range(9):
        assert learned.plan(started()) is not None
        assert learned.range(started()) is not None
    assert counts.reads == 1
    learned.plan(started(video_time=10))
    assert counts.reads == 2
    clock.advance(300)
    learned.plan(started())
    assert counts.reads == 3


def test_what_cannot_be_read_is_asked_for_again_later(
    learned: LearnedDurations, counts: Counts, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    counts.fails = True
    assert (learned.plan(started()), learned.range(started())) == (None, None)
    learned.count(started(), NOW + timedelta(seconds=240))
    assert counts.reads == 1
    assert caplog.messages == ["durations not known", "duration not counted"]
    counts.fails = False
    clock.advance(300)
    assert learned.plan(started()) is not None


def test_little_knowledge_is_none(counts: Counts, learned: LearnedDurations) -> None:
    counts.counts = {bucket_of(240): 29}
    assert (learned.plan(started()), learned.range(started())) == (None, None)


def test_the_range_holds_most_tasks(learned: LearnedDurations) -> None:
    low, high = learned.range(started()) or (0, 0)
    assert 190 < low < 215
    assert 300 < high < 325


def test_an_end_is_counted_between_the_polls_that_saw_it(
    learned: LearnedDurations, counts: Counts
) -> None:
    plan = learned.plan(started())
    assert plan is not None
    before, seen = plan.moments[4:6]
    learned.count(started(), NOW + timedelta(seconds=seen))
    learned.count(started(), NOW + timedelta(seconds=seen))
    [first, again] = counts.added
    assert first == again
    assert first[0] == "a2e#5"
    assert before <= first[1] <= seen


@pytest.mark.parametrize(("seen", "low"), [(20, 0), (30, 20), (170, 160), (200, 180)])
def test_before_anything_is_learned_the_fixed_pace_tells_when(
    learned: LearnedDurations, counts: Counts, seen: int, low: int
) -> None:
    counts.counts = {}
    learned.count(started(), NOW + timedelta(seconds=seen))
    [(_, seconds)] = counts.added
    assert low <= seconds <= seen


@pytest.mark.parametrize(
    "fields",
    [
        {"reopened_at": NOW},
        {"started_at": None},
        {"started_at": NOW + timedelta(seconds=31)},
        {"attempts": ()},
    ],
    ids=str,
)
def test_a_task_whose_beginning_is_not_known_is_not_counted(
    learned: LearnedDurations, counts: Counts, fields: dict[str, Any]
) -> None:
    learned.count(started(**fields), NOW + timedelta(seconds=240))
    assert counts.added == []


class TestPolling:
    """The same with a real table and a real workflow."""

    @pytest.fixture
    def task(self, application: Application, tasks: VideoTasks, clock: Clock) -> Task:
        """A task at the generator, when the workflow first comes by."""
        item = {"limit": "durations", "member": "a2e#5", "added": 120}
        counted = {f"b{bucket}": count for bucket, count in USUAL.items()}
        application.table("LIMITS_TABLE").put_item(Item=item | counted)
        task = tasks.create("anna", TaskRequest(image_url="https://example.com/a.png"), None)
        clock.advance(20)
        return task

    def test_polls_are_few_and_the_end_is_counted(
        self,
        steps: WorkflowSteps,
        task: Task,
        clock: Clock,
        generator: ScriptedGenerator,
        application: Application,
    ) -> None:
        waits = []
        while clock() - task.created_at < timedelta(seconds=240):
            waits.append(steps.poll_task(task.task_id).wait_seconds)
            clock.advance(waits[-1])
        assert waits[0] > 50, "nothing ends so soon"
        assert len(generator.checked) == len(waits) - 1 < 9
        generator.answers = [READY]
        assert steps.poll_task(task.task_id).phase is Phase.READY
        table = application.table("LIMITS_TABLE")
        item = table.get_item(Key={"limit": "durations", "member": "a2e#5"})["Item"]
        assert item["added"] == 121

    def test_who_wants_a_poll_at_once_gets_one(
        self, steps: WorkflowSteps, repair: Repair, task: Task, generator: ScriptedGenerator
    ) -> None:
        assert steps.poll_task(task.task_id).wait_seconds > 50
        assert generator.checked == []
        repair.redrive_task(task.task_id)
        steps.poll_task(task.task_id)
        assert generator.checked == ["gen-000001"]

    def test_callers_are_told_how_long_it_takes(
        self, tasks: VideoTasks, task: Task, clock: Clock
    ) -> None:
        progress = tasks.show(task).progress
        assert progress.estimated_seconds is not None
        assert progress.estimated_seconds.low < 240 < progress.estimated_seconds.high
        assert progress.expected_seconds == progress.estimated_seconds.high
