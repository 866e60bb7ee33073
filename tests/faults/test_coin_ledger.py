"""Planted in the simulated A2E's ledger, each kind of difference is found; nothing else is.

That nothing is found where nothing was planted, whoever died when, is checked at the end of each
crash point and each random history (`check_ledger`).
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_to_video.adapters.a2e_credits import A2ECredits
from image_to_video.adapters.task_scan import TaskScan
from image_to_video.domain.errors import GeneratorError
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Cancellation, Task
from image_to_video.lifecycle.coins import CoinReport, Coins

from i2v.simulator.settings import SimulatorSettings
from tests.faults.plays import create
from tests.faults.world import A2E_URL, BEGINNING, TOKEN, World

PATH = "/_simulator/bookings"


@pytest.fixture(scope="module")
def world(make_world: Any) -> World:
    made: World = make_world(COINS_PER_SECOND="a2e=5,a2e-v2=10,a2e-v2-flash=5")
    return made


def play(world: World, fates: list[str]) -> list[Task]:
    """One task for each fate; all end on the first day, and it is the next one at 4 o'clock."""
    world.reset(SimulatorSettings(generation_seconds=100))
    world.interception.begin(None)
    for number, fate in enumerate(fates):
        if fate in FAULTS:
            world.fault(on="start", kind=FAULTS[fate])
        task = create(world, f"key{number}", owner=("anna", "bert")[number % 2])
        assert task is not None
        if fate == "canceled":
            world.tasks.cancel(task.owner, task.task_id)
        world.run_for(7)
    world.run()
    world.clock.advance((BEGINNING.replace(hour=4) - world.clock()).total_seconds() % 86_400)
    return sorted(world.records(), key=lambda task: task.task_id)


FAULTS = {"fails": "fails", "refused": "moderated", "lost": "http_500_after"}
fates = st.sampled_from(["usual", "usual", "canceled", *FAULTS])


def coins_of(world: World, ledger: A2ECredits | None = None) -> Coins:
    return Coins(
        tasks=lambda: TaskScan(world.application.table("TASKS_TABLE")),
        ledger=ledger or A2ECredits(world.outside, lambda: TOKEN),
        schedule=world.settings.schedule,
        retention_days=90,
        now=world.clock,
    )


def bookings(world: World, task: Task, sign: int) -> list[dict[str, Any]]:
    found = world.outside.get(PATH).json()
    return [
        one for one in found if one["task_id"] == task.generator_task_id and one["coins"] * sign > 0
    ]


def add(world: World, booking: dict[str, Any], **changes: Any) -> None:
    body = {name: value for name, value in booking.items() if name != "id"} | changes
    assert world.outside.post(PATH, json=body).status_code == 201


def forget(world: World, booking: dict[str, Any]) -> None:
    assert world.outside.delete(f"{PATH}/{booking['id']}").status_code == 204


def doubled(world: World, task: Task) -> str:
    add(world, bookings(world, task, -1)[0])
    return "charged_twice"


def other_amount(world: World, task: Task) -> str:
    (charge,) = bookings(world, task, -1)
    forget(world, charge)
    add(world, charge, coins=charge["coins"] - 1)
    return "other_amount"


def removed(world: World, task: Task) -> str:
    forget(world, bookings(world, task, -1)[0])
    return "not_charged"


def without_refund(world: World, task: Task) -> str:
    forget(world, bookings(world, task, 1)[0])
    return "refund_missing"


def refunded(world: World, task: Task) -> str:
    (charge,) = bookings(world, task, -1)
    add(world, charge, coins=-charge["coins"], reason="refund")
    return "refund_unexpected"


def somebody_else_s(world: World, task: Task) -> str:
    add(world, bookings(world, task, -1)[0], task_id="f" * 24, reason="avatar")
    return "charged_by_nobody_here"


def plants_for(task: Task) -> list[Callable[[World, Task], str]]:
    if task.generator_task_id is None:
        return []
    if task.cancellation is Cancellation.REFUNDED:
        return [doubled, without_refund, somebody_else_s]
    return [doubled, other_amount, removed, refunded, somebody_else_s]


def faults_in(report: CoinReport) -> Counter[tuple[str, str | None]]:
    assert report.different == sum(not one["permitted"] for one in report.differences)
    return Counter((one["kind"], one["task_id"]) for one in report.differences)


@settings(max_examples=20, derandomize=True, database=None, suppress_health_check=[*HealthCheck])
@given(st.lists(fates, min_size=1, max_size=6), st.data())
def test_every_planted_difference_is_found_and_none_is_invented(
    world: World, fates: list[str], data: st.DataObject
) -> None:
    tasks = play(world, [*fates, "usual"])
    report = coins_of(world).reconcile_yesterday()
    assert faults_in(report) == Counter()
    assert report.charged == sum(c["coins"] for c in world.ledger() if not c.get("refunded"))
    planted: Counter[tuple[str, str | None]] = Counter()
    # One stays as it is, or none of A2E's records might name a task that is ours.
    spared = next(task for task in tasks if task.status is TaskStatus.SUCCEEDED)
    for task in tasks:
        if (fitting := plants_for(task)) and task != spared and data.draw(st.booleans()):
            kind = data.draw(st.sampled_from(fitting))(world, task)
            nobody = kind == "charged_by_nobody_here"
            planted[kind, None if nobody else task.task_id] += 1
    assert faults_in(coins_of(world).reconcile_yesterday()) == planted


ODD = [
    *("short_pages", "list_data", "other_list_field", "fails_past_end", "repeats_last_page"),
    *("nameless_records", "other_history_fields", "unsigned_coins", "ignores_dates"),
    *("late_records", "http_500", "not_json", "null_data", "http_401", "reset_before"),
]


@pytest.mark.parametrize("kind", ODD)
def test_in_no_shape_of_the_history_anything_is_invented(world: World, kind: str) -> None:
    """It is read right, or not at all; what is shown right is found right."""
    play(world, ["usual", "canceled", "fails", "refused", "usual", "lost"])
    world.fault(on="history", kind=kind, times=9999)
    try:
        assert faults_in(coins_of(world).reconcile_yesterday()) == Counter()
    except GeneratorError:
        assert kind in ODD[3:5] + ODD[-5:]
        return
    charge = world.outside.get(PATH).json()[1]
    add(world, charge, coins=-70, task_id="f" * 24)
    found = faults_in(coins_of(world).reconcile_yesterday())
    assert found == Counter({("charged_by_nobody_here", None): 1})


def test_a_list_that_grows_while_it_is_read_is_read_right(world: World) -> None:
    """New bookings push the others to the next page, where they are seen again."""
    play(world, ["usual"] * 5)
    world.fault(on="history", kind="short_pages", times=9999)

    class Growing(httpx.BaseTransport):
        asked = 0

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = world.outside.get(str(request.url), headers=request.headers)
            self.asked += 1
            if self.asked < 4:
                now = world.clock().isoformat()
                add(world, {"coins": -1, "task_id": "f" * 24, "at": now})
            return httpx.Response(answer.status_code, content=answer.content)

    http = httpx.Client(transport=Growing(), base_url=A2E_URL)
    ledger = A2ECredits(http, lambda: TOKEN)
    assert faults_in(coins_of(world, ledger).reconcile_yesterday()) == Counter()
