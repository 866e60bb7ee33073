"""Random histories: starts, duplicates, cancels, faults, crashes, interleavings, clock jumps.

`HISTORIES=500 .venv/bin/pytest tests/faults/test_histories.py` tries that many new ones; without it
the same ones are tried every time. A failure is shrunk and printed as the steps that lead to it.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from image_to_video.domain.learned_schedule import bucket_of
from image_to_video.domain.task import Task
from image_to_video.lifecycle.hints import HintTokens
from image_to_video.lifecycle.uploads import UploadedObject

from i2v.simulator.settings import SimulatorSettings
from tests.faults.accounting import check_coins, check_line, check_slots
from tests.faults.interception import Kind, Point
from tests.faults.invariants import (
    check,
    check_charges,
    check_refunds,
    check_videos,
    check_work,
    nothing_is_lost,
)
from tests.faults.plays import REQUEST
from tests.faults.world import TOKEN, World
from tests.support.images import PNG

GENERATOR_FAULTS = [
    *(
        {"on": "start", "kind": kind}
        for kind in (
            "reset_before",
            "reset_after",
            "http_500",
            "http_500_after",
            "http_502_html",
            "http_429",
            "http_401",
            "free_plan_403",
            "no_coins",
            "code_nonzero",
            "not_json",
            "not_json_after",
            "no_id",
            "list_data",
            "padded_record",
            "null_data",
            "http_400",
            "moderated",
            "fails",
        )
    ),
    *(
        {"on": "detail", "kind": kind}
        for kind in (
            "reset_before",
            "http_500",
            "http_502_html",
            "http_401",
            "code_nonzero",
            "not_json",
            "null_data",
            "unknown_status",
            "completed_without_url",
            "early_link",
            "padded_record",
            "other_link_field",
            "other_failure_fields",
            "fails",
        )
    ),
    *(
        {"on": "list", "kind": kind}
        for kind in (
            "http_500",
            "not_json",
            "missing_from_list",
            "padded_record",
            "list_data",
            "other_list_field",
            "short_pages",
            "repeats_last_page",
            "fails_past_end",
        )
    ),
    *({"on": "batch", "kind": kind} for kind in ("http_500", "null_data", "padded_record")),
    *(
        {"on": "download", "kind": kind}
        for kind in (
            "link_expired",
            "truncated",
            "wrong_content",
            "cut_without_length",
            "cut_with_length",
            "crafted",
            "without_durations",
            "mislabeled",
            "http_500",
        )
    ),
    *({"on": "delete", "kind": kind} for kind in ("http_500", "reset_after")),
    *({"on": "webhook", "kind": kind} for kind in ("never_sent", "sent_twice", "sent_early")),
]

OWNERS = {"a": "anna", "b": "anna", "c": "bert"}
tokens = st.sampled_from([TOKEN, "sk_forged"])
keys = st.sampled_from(sorted(OWNERS))
points = st.one_of(st.none(), st.builds(Point, st.integers(0, 12), st.sampled_from(list(Kind))))


def token_of(task: Task, attempt: str = "1", key: str = TOKEN) -> str:
    """What A2E would send along for an attempt of this task, under a key."""
    request = HintTokens(address="", key=lambda: key).request(f"{task.task_id}-{attempt}")
    assert request is not None
    return request.token


class Histories(RuleBasedStateMachine):
    """What may happen to a stack, in any order; the invariants hold after each step."""

    world: World
    tried = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).tried += 1
        self.world.reset(SimulatorSettings(generation_seconds=40))
        self.expected: set[str] = set()
        self.hidden = False

    def step(self, plan: Point | None, action: Callable[[], object]) -> None:
        self.world.interception.begin(plan)
        action()
        self.world.interception.begin(None)

    @rule(key=keys, plan=points)
    def create(self, key: str, plan: Point | None) -> None:
        self.expected.add(f"rest {key}")
        create = partial(self.world.tasks.create, OWNERS[key], REQUEST, key)
        self.step(plan, lambda: self.world.call(create))

    @rule(key=keys, touched=st.sampled_from(["01", "02", "03"]), plan=points)
    def upload(self, key: str, touched: str, plan: Point | None) -> None:
        """Put an image, or only touch it: the same order, told by another event."""
        self.expected.add(f"upload {key}")
        bucket, name = self.world.settings.images_bucket, f"uploads/{OWNERS[key]}/{key}.png"
        s3 = self.world.application.client("s3")
        s3.put_object(Bucket=bucket, Key=name, Body=PNG, Metadata={"mtime": touched})
        uploaded = UploadedObject(bucket, name, None, f"etag-{touched}", touched)
        upload = partial(self.world.tasks.create_from_upload, uploaded)
        self.step(plan, lambda: self.world.call(upload))

    @rule(data=st.data(), plan=points)
    def cancel(self, data: Any, plan: Point | None) -> None:
        task = self.any_task(data)
        if task is not None:
            cancel = partial(self.world.tasks.cancel, task.owner, task.task_id)
            self.step(plan, lambda: self.world.call(cancel))

    @rule(data=st.data(), plan=points)
    def redrive(self, data: Any, plan: Point | None) -> None:
        task = self.any_task(data)
        if task is not None:
            redrive = partial(self.world.repair.redrive_task, task.task_id)
            self.step(plan, lambda: self.world.attempt(redrive))

    @rule(data=st.data(), attempt=st.sampled_from(["1", "2"]), key=tokens, plan=points)
    def hint(self, data: Any, attempt: str, key: str, plan: Point | None) -> None:
        """Somebody calls who has a token, or made one up, whether hints are asked for or not."""
        task = self.any_task(data)
        if task is not None:
            token = token_of(task, attempt, key)
            receive = partial(self.world.hints.receive, task.task_id, token)
            self.step(plan, lambda: self.world.attempt(receive))

    @rule(fault=st.sampled_from(GENERATOR_FAULTS), times=st.sampled_from([1, 2, 3, 20, 500]))
    def trouble_at_the_generator(self, fault: dict[str, str], times: int) -> None:
        self.world.fault(**fault, times=times)
        self.hidden = self.hidden or fault["kind"] == "missing_from_list"

    @rule(seconds=st.sampled_from([1, 10, 60, 200, 900, 4000]), plan=points)
    def time_passes(self, seconds: int, plan: Point | None) -> None:
        self.step(plan, lambda: self.world.run_for(seconds))

    @rule(
        data=st.data(),
        number=st.integers(0, 8),
        action=st.sampled_from(
            ["cancel", "advance", "store", "create", "redrive", "reconcile", "hint"]
        ),
    )
    def two_at_once(self, data: Any, number: int, action: str) -> None:
        """While the workflow moves a task, somebody else does something with it."""
        task = self.any_task(data)
        if task is None:
            return
        tasks = self.world.tasks
        others: dict[str, Callable[[], object]] = {
            "cancel": lambda: tasks.cancel(task.owner, task.task_id),
            "advance": lambda: self.world.steps.poll_task(task.task_id),
            "store": lambda: self.world.steps.store_video(task.task_id),
            "redrive": lambda: self.world.attempt(
                partial(self.world.repair.redrive_task, task.task_id)
            ),
            "reconcile": self.world.repair.reconcile_tasks,
            "hint": partial(self.world.hints.receive, task.task_id, token_of(task)),
            "create": lambda: [tasks.create(OWNERS[key], REQUEST, key) for key in "abc"],
        }
        if action == "create":
            self.expected |= {f"rest {key}" for key in "abc"}
        self.world.interception.begin(Point(number, Kind.DIED_BEFORE), meanwhile=others[action])
        self.world.run_for(60)
        if not self.world.interception.reached:
            others[action]()
        self.world.interception.begin(None)

    @rule(key=keys, number=st.integers(0, 6))
    def two_clients_at_once(self, key: str, number: int) -> None:
        """The same request comes in while it is being dealt with."""
        self.expected.add(f"rest {key}")
        create = partial(self.world.tasks.create, OWNERS[key], REQUEST, key)
        self.world.interception.begin(Point(number, Kind.DIED_BEFORE), meanwhile=create)
        self.world.call(create)
        self.world.interception.begin(None)

    @rule(data=st.data())
    def an_execution_is_aborted(self, data: Any) -> None:
        if self.world.executions:
            self.world.end(data.draw(st.sampled_from(sorted(self.world.executions))))

    @rule()
    def the_stream_is_delivered_again(self) -> None:
        self.world.published = 0

    @invariant()
    def holds(self) -> None:
        check_charges(self.world)
        check_coins(self.world)
        check_slots(self.world)
        check_line(self.world)
        check_refunds(self.world)
        check_work(self.world)
        check_videos(self.world, complete=False)

    def teardown(self) -> None:
        """In the end everything ends."""
        self.world.outside.delete("/_simulator/faults")
        self.world.run()
        check(self.world, tasks=len(self.expected))
        nothing_is_lost(self.world, hidden=self.hidden)

    def any_task(self, data: Any) -> Task | None:
        records = sorted(self.world.records(), key=lambda task: task.task_id)
        return data.draw(st.sampled_from(records)) if records else None


# The coins of a day are for four tasks of all together, or for two of each owner: one more waits
# for the next day.
LIMITS = {
    "polls": {"DAILY_COIN_LIMIT": "130", "OWNER_DAILY_COIN_LIMIT": "0", "HINTS_URL": ""},
    "hints": {
        "DAILY_COIN_LIMIT": "130",
        "OWNER_DAILY_COIN_LIMIT": "0",
        "HINTS_URL": "https://api.test/v1",
    },
    "owners": {"DAILY_COIN_LIMIT": "100", "OWNER_DAILY_COIN_LIMIT": "70", "HINTS_URL": ""},
}


@pytest.fixture(scope="module", params=LIMITS)
def world(make_world: Any, request: pytest.FixtureRequest) -> World:
    # Fewer coins are reserved than A2E charges (30), so that a mix-up of the two is noticed.
    made: World = make_world(
        MAX_GENERATING="2",
        COINS_PER_SECOND="a2e=5,a2e-v2=10,a2e-v2-flash=5",
        POLL_PACE="0=10,60=120,3600=1800",
        SLOT_SECONDS="7200",
        **LIMITS[request.param],
    )
    return made


# Nothing yet, what is right (the simulator takes 40 s), and what was before a sudden change.
LEARNED = {"nothing": {}, "right": {bucket_of(40): 100}, "wrong": {bucket_of(1500): 100}}


@pytest.mark.parametrize("learned", LEARNED)
def test_histories(
    world: World,
    learned: str,
    record_property: Callable[[str, object], None],
    request: pytest.FixtureRequest,
) -> None:
    wanted = os.environ.get("HISTORIES")
    Histories.world, Histories.tried = world, 0
    world.durations = LEARNED[learned]
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=int(wanted or 60) if learned == "nothing" else int(wanted or 60) // 3,
            stateful_step_count=15,
            deadline=None,
            derandomize=wanted is None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    record_property("histories", (request.node.name, Histories.tried))
