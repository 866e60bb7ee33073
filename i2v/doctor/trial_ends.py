"""The checks of `--run` that look at what became of its tasks: refusals, ends, videos, events."""

import hashlib
import json
from typing import Any, Final
from urllib.parse import urljoin

from i2v.doctor.api import Expected, asked, unexpected
from i2v.doctor.findings import Findings, named, ok, problem, skipped
from i2v.doctor.trial import FINAL, Trial

# What a task in each of these states waits for, and who knows more.
_WAITS: Final = {
    "start": "the log of poll_task: the workflow does not begin, or lacks a permission",
    "access": "check the secret with A2E's token",
    "coins": "check A2E's coins and the limits of the stack",
    "slot": "the limits of the stack: MaxGenerating",
    "generator": "the log of poll_task: A2E refuses starts for now",
    "confirmation": "the log of poll_task: a start is looked up",
}


def run_refusals(trial: Trial) -> Findings:
    """What is answered to a revoked token, a wrong body and somebody else's task."""
    revoked = {"Authorization": f"Bearer {trial.revoked_token}"}
    with trial.api() as api:
        yield from asked(
            api,
            (
                Expected("GET", "/tasks", 403, "forbidden", revoked),
                Expected("POST", "/tasks", 422, "invalid_request", body={"image_url": "no link"}),
                Expected("GET", "/tasks/unknown", 404, "task_not_found"),
                Expected("HEAD", "/tasks/counts", 200),
                Expected("PUT", "/tasks", 405, "method_not_allowed", wanted=("Allow",)),
            ),
        )


def run_end(trial: Trial) -> Findings:
    """Whether the tasks end, each with its video."""
    for entry_point, task_id in trial.tasks.items():
        if entry_point == "cancel":
            continue
        with trial.api() as api:
            task = trial.end_of(api, task_id)
        if task["status"] == "succeeded":
            trial.ended[entry_point] = task
            yield ok(f"the task by {entry_point} has its video")
        elif task["status"] in FINAL:
            reason = (task.get("failure") or {}).get("message", "no reason is given")
            yield problem(
                f"the task by {entry_point} is {task['status']}: {reason}",
                do="See the log of poll_task and store_video by the task's id.",
            )
        else:
            waits = task.get("waiting_for")
            yield problem(
                f"the task by {entry_point} is still {task['status']} after "
                f"{trial.stack.patience:.0f} s" + (f", waiting for {waits}" if waits else ""),
                do="See " + _WAITS.get(waits or "", "the log of poll_task and store_video") + ".",
            )


def run_video(trial: Trial) -> Findings:
    """Whether each video can be fetched and is the one that the task records."""
    with trial.api() as api:
        for entry_point, task in trial.ended.items():
            place = f"/tasks/{task['task_id']}/video"
            led, head = api.get(place), api.head(place)
            if fault := unexpected(f"GET {place}", led, 302) or unexpected("HEAD", head, 302):
                yield fault
                continue
            with trial.stack.http() as anybody:
                video = anybody.get(urljoin(str(led.url), led.headers["Location"]))
            if fault := unexpected("S3, for the link to the video,", video, 200):
                yield fault
                continue
            sha256 = hashlib.sha256(video.content).hexdigest()
            if sha256 != task["video"]["sha256"]:
                yield problem(
                    f"the video by {entry_point} is not the one that its task records",
                    do="Look at the object's versions in the video bucket.",
                )
            else:
                yield ok(f"the video by {entry_point}: {len(video.content)} bytes, the same sha256")
    if not trial.ended:
        yield skipped("there is no video to compare")


def run_events(trial: Trial) -> Findings:
    """Whether a subscriber hears of each task that it was created, is generating and has ended."""
    wanted = {
        (task["task_id"], kind)
        for task in trial.ended.values()
        for kind in ("created", "generating", "succeeded")
    }
    if not wanted:
        yield skipped("no task has ended")
        return
    heard: set[tuple[str, str]] = set()
    tests = True
    sqs, queue = trial.stack.client("sqs"), trial.queue_url
    for _ in trial.turns():
        reply = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=2)
        for message in reply.get("Messages", []):
            event: dict[str, Any] = json.loads(message["Body"])
            heard.add((event["subject"], event["type"].rpartition(".")[2]))
            if event["subject"] in trial.tasks.values():
                tests = tests and event["data"].get("test") is True
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        if wanted <= heard:
            break
    if missing := sorted(f"{kind} of {task_id}" for task_id, kind in wanted - heard):
        yield problem(
            f"a subscriber has not heard {named(missing)}",
            do="See the checks stream and dead-letters, and the log of publish_events.",
        )
    elif trial.in_test_mode and not tests:
        yield problem("events of test tasks do not say that they are", do="Deploy again.")
    else:
        yield ok(f"{len(wanted)} events were heard")
