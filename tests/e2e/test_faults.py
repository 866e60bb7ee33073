"""The real loop under faults: over HTTP, on the deployed stack, with Lambda workers killed."""

import hashlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psutil
import pytest
from image_to_video.lifecycle.identities import task_id_for

from i2v.simulator.settings import SimulatorSettings
from i2v.stack import running_stack
from tests.e2e.conftest import Running
from tests.support.patience import PATIENCE, get, let_pass, until

# One lease must be longer than a start may take here, and the quiet period longer than the lease.
# Each is far longer than what it bounds takes on a busy machine, or a start would pass for lost.
# The template permits no lease so short.
LEASE = "15"
WAITS = {
    "StartTimeoutSeconds": "5",
    "QuietSeconds": "18",
    "IncompleteSeconds": "60",
    "StartRetryPace": "0=1",
}


@pytest.fixture(scope="module")
def faulty() -> Iterator[Running]:
    simulator = SimulatorSettings(generation_seconds=2)
    with running_stack(simulator=simulator, parameters=WAITS) as (stack, emulator):
        running = Running(stack, emulator)
        for function in running.functions:
            running.change(function, LEASE_SECONDS=LEASE)
        yield running


def create(faulty: Running, key: str) -> httpx.Response:
    """Start the task of this key, asking again as a client does until there is an answer."""
    with faulty.api() as api:

        def answered() -> httpx.Response | None:
            answer = api.post(
                "/tasks", json={"image_url": faulty.sample_url}, headers={"Idempotency-Key": key}
            )
            return answer if answer.status_code < 500 else None

        answer = until(answered, pause=0.5)
    assert answer is not None
    return answer


def injected(faulty: Running) -> list[dict[str, Any]]:
    """The faults that nothing has met yet."""
    faults: list[dict[str, Any]] = get(f"{faulty.stack.a2e_url}/_simulator/faults").json()
    return faults


def attempts(faulty: Running, task_id: str) -> list[str]:
    """The names under which this task was paid."""
    return [charge["name"] for charge in faulty.ledger() if charge["name"].startswith(task_id)]


SUCCEEDS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "reset before the start": ([{"on": "start", "kind": "reset_before"}], "-2"),
    "reset after the start": ([{"on": "start", "kind": "reset_after"}], "-1"),
    "time-out after the start": (
        [{"on": "start", "kind": "timeout_after", "seconds": 30}],
        "-1",
    ),
    "HTTP 500 after the start": ([{"on": "start", "kind": "http_500_after"}], "-1"),
    "HTML for a start": ([{"on": "start", "kind": "http_502_html"}], "-2"),
    "start without an id": ([{"on": "start", "kind": "no_id"}], "-1"),
    "start with a list": ([{"on": "start", "kind": "list_data"}], "-1"),
    "too many requests": ([{"on": "start", "kind": "http_429", "times": 2}], "-1"),
    "no coins": ([{"on": "start", "kind": "no_coins", "times": 2}], "-1"),
    "free plan": ([{"on": "start", "kind": "free_plan_403", "times": 2}], "-1"),
    "polls that fail": (
        [
            {"on": "detail", "kind": "http_500", "times": 2},
            {"on": "detail", "kind": "not_json"},
            {"on": "detail", "kind": "http_401"},
            {"on": "detail", "kind": "unknown_status"},
            {"on": "detail", "kind": "completed_without_url"},
        ],
        "-1",
    ),
    "a task that is not shown": (
        [
            {"on": "detail", "kind": "null_data", "times": 2},
            {"on": "batch", "kind": "missing_from_list", "times": 2},
            # The lookups of the other tasks use these up too.
            {"on": "list", "kind": "missing_from_list", "times": 99},
        ],
        "-1",
    ),
    "copies that fail": (
        [
            {"on": "download", "kind": "link_expired"},
            {"on": "download", "kind": "truncated"},
            {"on": "download", "kind": "wrong_content"},
            {"on": "download", "kind": "cut_without_length"},
            {"on": "download", "kind": "cut_with_length"},
            {"on": "download", "kind": "crafted"},
        ],
        "-1",
    ),
    "a video without durations": ([{"on": "download", "kind": "without_durations"}], "-1"),
    "a video that is called a text": ([{"on": "download", "kind": "mislabeled"}], "-1"),
    "blanks around everything": (
        [
            {"on": "start", "kind": "padded_record"},
            {"on": "detail", "kind": "padded_record", "times": 99},
        ],
        "-1",
    ),
    "a link in another field": (
        [{"on": "detail", "kind": "other_link_field", "times": 99}],
        "-1",
    ),
}
FAILS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "the generator fails": ([{"on": "start", "kind": "fails"}], "generation_failed"),
    "moderated": ([{"on": "start", "kind": "moderated", "times": 9}], "content_refused"),
    "an athlete": (
        [{"on": "start", "kind": "moderated", "text": "Content policy: image of a pro athlete"}],
        "content_refused",
    ),
    "a small image": (
        [{"on": "start", "kind": "http_400", "text": "Insufficient image resolution"}],
        "invalid_image",
    ),
    "moderated later, told in other fields": (
        [
            {"on": "detail", "kind": "moderated"},
            {"on": "detail", "kind": "other_failure_fields", "times": 99},
        ],
        "content_refused",
    ),
}


def test_every_fault_ends_as_it_should(faulty: Running) -> None:
    """All at once: each fault is aimed at the attempts of one task, whose id is known before."""
    faults: dict[str, list[dict[str, Any]]] = {
        name: faults for name, (faults, _) in SUCCEEDS.items()
    }
    faults |= {name: faults for name, (faults, _) in FAILS.items()}
    ids = {name: task_id_for(faulty.stack.owner, name) for name in faults}
    aimed: list[dict[str, Any]] = [
        fault | {"match": f"{ids[name]}-1"} for name, listed in faults.items() for fault in listed
    ]
    faulty.inject(*aimed)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: create(faulty, name), faults))
    ends = {name: faulty.end_of(ids[name]) for name in faults}

    for name, (_, suffix) in SUCCEEDS.items():
        task = ends[name]
        assert task["status"] == "succeeded", (name, task["failure"])
        assert attempts(faulty, task["task_id"]) == [task["task_id"] + suffix], name
        key = f"{faulty.stack.owner}/{task['task_id']}.mp4"
        stored = faulty.emulator.client("s3").get_object(Bucket=faulty.stack.videos_bucket, Key=key)
        content = stored["Body"].read()
        assert hashlib.sha256(content).hexdigest() == task["video"]["sha256"], name
        shown = [task["video"][measure] for measure in ("width", "height", "duration_seconds")]
        assert shown == [1280, 720, 5.0], name
    for name, (_, code) in FAILS.items():
        assert ends[name]["failure"]["code"] == code, name
    left = [fault for fault in injected(faulty) if fault["times"] < 9]
    assert [fault for fault in left if fault["kind"] != "moderated"] == []


@pytest.mark.parametrize("kind", ["fails_past_end", "repeats_last_page"])
def test_a_start_that_the_list_shows_is_adopted_whatever_the_list_does_after_it(
    faulty: Running, kind: str
) -> None:
    task_id = task_id_for(faulty.stack.owner, kind)
    faulty.inject(
        {"on": "start", "kind": "reset_after", "match": f"{task_id}-1"},
        {"on": "list", "kind": kind, "times": 9999},
    )
    create(faulty, kind)
    try:
        assert faulty.end_of(task_id)["status"] == "succeeded"
    finally:
        httpx.delete(f"{faulty.stack.a2e_url}/_simulator/faults", timeout=PATIENCE)
    assert attempts(faulty, task_id) == [f"{task_id}-1"]


def is_alive(process: psutil.Process) -> bool:
    """False from its end on, also while its parent has not taken note of it."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def kill_workers(faulty: Running) -> int:
    """Kill every Lambda worker of the emulator, in whatever it is doing."""
    workers = psutil.Process(faulty.emulator.process.pid).children(recursive=True)
    for worker in workers:
        worker.kill()
    until(lambda: not any(is_alive(worker) for worker in workers))
    return len(workers)


def test_a_worker_killed_while_it_starts_does_not_pay_twice(faulty: Running) -> None:
    task_id = task_id_for(faulty.stack.owner, "killed")
    fault = {"on": "start", "kind": "timeout_after", "seconds": 30, "match": f"{task_id}-1"}
    faulty.inject(fault)
    client = threading.Thread(target=create, args=(faulty, "killed"))
    client.start()
    until(lambda: attempts(faulty, task_id))
    # It waits for the answer now; on a busy machine it may have given up, which must end well too.
    assert kill_workers(faulty) > 0
    client.join(PATIENCE)
    assert not client.is_alive()
    task = faulty.end_of(task_id)
    assert task["status"] == "succeeded"
    assert attempts(faulty, task_id) == [f"{task_id}-1"]


def test_a_worker_killed_while_it_copies_loses_no_video(faulty: Running) -> None:
    task_id = task_id_for(faulty.stack.owner, "killed copy")
    fault = {"on": "download", "kind": "slow", "seconds": 60, "match": f"{task_id}-1"}
    faulty.inject(fault)
    create(faulty, "killed copy")
    # The fault is used up: the copy has begun.
    until(lambda: not [left for left in injected(faulty) if left["match"] == fault["match"]])
    assert kill_workers(faulty) > 0
    assert faulty.end_of(task_id)["status"] == "succeeded"
    assert len(attempts(faulty, task_id)) == 1


def test_half_a_video_in_the_bucket_is_replaced_by_a_redrive(faulty: Running) -> None:
    """Nothing is paid for that; a task whose video is whole has nothing to move."""
    task_id = create(faulty, "half").json()["task_id"]
    task = faulty.end_of(task_id)
    s3, functions = faulty.emulator.client("s3"), faulty.emulator.client("lambda")
    at = {"Bucket": faulty.stack.videos_bucket, "Key": f"{faulty.stack.owner}/{task_id}.mp4"}

    def redriven() -> bool:
        answer = functions.invoke(
            FunctionName=faulty.functions["RedriveTaskFunction"],
            Payload=json.dumps({"task_id": task_id}),
        )
        assert "FunctionError" not in answer
        return bool(json.loads(answer["Payload"].read())["moved"])

    assert not redriven()
    whole = s3.get_object(**at)["Body"].read()
    s3.put_object(**at, Body=whole[: len(whole) // 2])
    assert redriven()
    again = faulty.end_of(task_id)
    assert (again["status"], again["video"]) == ("succeeded", task["video"])
    assert s3.get_object(**at)["Body"].read() == whole
    assert attempts(faulty, task_id) == [f"{task_id}-1"]


def test_one_key_from_many_clients_at_once_is_one_charge(faulty: Running) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: create(faulty, "crowd"), range(16)))
    [task_id] = {answer.json()["task_id"] for answer in answers}
    assert faulty.end_of(task_id)["status"] == "succeeded"
    assert len(attempts(faulty, task_id)) == 1


def test_limits_hold_under_parallel_starts() -> None:
    simulator = SimulatorSettings(generation_seconds=2)
    limits = {
        "MaxGenerating": "2",
        "DailyCoinLimit": "90",
        "CoinsPerSecond": "a2e=6,a2e-v2=6,a2e-v2-flash=6",
    }
    with running_stack(simulator=simulator, parameters=WAITS | limits) as (stack, emulator):
        limited = Running(stack, emulator)
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda n: create(limited, f"{n}"), range(6)))
        assert {answer.status_code for answer in answers} == {202}
        most = 0

        def settled() -> bool:
            nonlocal most
            tasks = get(f"{stack.a2e_url}/_simulator/tasks").json()
            most = max(most, sum(task["current_status"] != "completed" for task in tasks))
            with limited.api() as api:
                shown = api.get("/tasks").json()["data"]
            ended = [task for task in shown if task["status"] == "succeeded"]
            # Who came while both slots were taken says so until it is woken or polls by itself.
            waiting = [task for task in shown if task["waiting_for"] in ("coins", "slot")]
            return len(ended) == 3 and len(waiting) == 3

        until(settled)
        let_pass(3)
        assert settled()
        assert most <= 2
        assert sum(charge["coins"] for charge in limited.ledger()) == 90
