"""The checks of `--run`: test tasks through each entry point, to their videos and events."""

import hashlib
import json
from typing import Any, Final
from urllib.parse import urljoin

import httpx
from image_to_video.domain.task import TaskStatus

from i2v.doctor.api import Expected, asked
from i2v.doctor.examined import Examined
from i2v.doctor.findings import Check, Finding, Findings, named, ok, problem, skipped, warning
from i2v.doctor.runner import run
from i2v.doctor.trial import OWNER, Trial, prepared, refusal
from i2v.simulator.sample import SAMPLE_PATH

_FINAL: Final = {status.value for status in TaskStatus if status.is_final}
_PROMPT: Final = "She smiles."
_SEE_API: Final = "See the log of the API's function by the request id."
# What a task in each of these states waits for, and who knows more.
_WAITS: Final = {
    "start": "the log of poll_task: the workflow does not begin, or lacks a permission",
    "access": "check the secret with A2E's token",
    "coins": "check A2E's coins and the limits of the stack",
    "slot": "the limits of the stack: MaxGenerating",
    "generator": "the log of poll_task: A2E refuses starts for now",
    "confirmation": "the log of poll_task: a start is looked up",
}


def run_rest(trial: Trial) -> Findings:
    """A task by `POST /tasks`, and the same one again by its key."""
    key = f"lent/{trial.name}.png"
    bucket = trial.put(key)
    link = trial.stack.client("s3").generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=3600
    )
    with trial.api() as api:
        body, headers = {"image_url": link, "prompt": _PROMPT}, {"Idempotency-Key": trial.name}
        answers = [api.post("/tasks", json=body, headers=headers) for _ in range(2)]
        if fault := _refused("POST /tasks", answers[0], 202):
            yield fault
            return
        task, again = answers[0].json(), answers[1]
        trial.tasks["rest"] = task["task_id"]
        if trial.in_test_mode and task.get("test") is not True:
            api.post(f"/tasks/{task['task_id']}/cancel")
            yield problem(
                "a task of a test token is no test: it was canceled, and nothing else is started",
                do="Deploy again; until then use no test tokens.",
            )
            trial.tasks.clear()
            raise RuntimeError("the stack does not do what its contract says of test mode")
    if again.status_code != 202 or again.json()["task_id"] != task["task_id"]:
        yield problem("the same Idempotency-Key was answered by another task", do=_SEE_API)
    else:
        yield ok(f"task {task['task_id']} was created, and found again by its key")


def run_upload(trial: Trial) -> Findings:
    """A task by a picture that is put into the bucket."""
    if "rest" not in trial.tasks:
        yield skipped("nothing is uploaded where POST /tasks does not work")
        return
    key = f"uploads/{OWNER}/{trial.name}.png"
    metadata = {"prompt": _PROMPT} | ({"test": "true"} if trial.in_test_mode else {})
    image = f"s3://{trial.put(key, Metadata=metadata)}/{key}"
    with trial.api() as api:
        for _ in trial.turns():
            answer = api.get("/tasks")
            if fault := _refused("GET /tasks", answer, 200):
                yield fault
                return
            found = [t["task_id"] for t in answer.json()["data"] if t["image_url"] == image]
            if found:
                trial.tasks["upload"] = found[0]
                yield ok(f"the upload became task {found[0]}")
                return
    yield problem(
        "a picture in the bucket became no task",
        do="See the checks bucket-events, rules and dead-letters, and the log of "
        "on_image_uploaded.",
    )


def run_form(trial: Trial) -> Findings:
    """A task by the form of `POST /uploads`, as web pages send it."""
    if "rest" not in trial.tasks:
        yield skipped("nothing is uploaded where POST /tasks does not work")
        return
    with trial.api() as api:
        answer = api.post("/uploads", json={"filename": "a.png", "content_type": "image/png"})
        if fault := _refused("POST /uploads", answer, 201):
            yield fault
            return
        form = answer.json()
        file = ("a.png", SAMPLE_PATH.read_bytes(), "image/png")
        # As a page does: without the token.
        with trial.stack.http() as page:
            sent = page.post(form["url"], data=form["fields"], files={"file": file})
        trial.objects.append((trial.stack.output("ImagesBucketName"), form["fields"]["key"]))
        if fault := _refused("S3, for the form of POST /uploads,", sent, 204):
            yield fault
            return
        for _ in trial.turns():
            if api.get(f"/tasks/{form['task_id']}").status_code == 200:
                trial.tasks["form"] = form["task_id"]
                yield ok(f"the form became task {form['task_id']}")
                return
    yield problem("an upload by form became no task", do="See the log of on_image_uploaded.")


def run_redrive(trial: Trial) -> Findings:
    """A redrive, which gives a task a new workflow."""
    if "rest" not in trial.tasks:
        yield skipped("there is no task to redrive")
        return
    name = trial.stack.output("RedriveTaskFunctionName")
    payload = json.dumps({"task_id": trial.tasks["rest"]})
    reply = trial.stack.client("lambda").invoke(FunctionName=name, Payload=payload)
    answer = json.loads(reply["Payload"].read())
    if "FunctionError" in reply:
        told = answer.get("errorMessage", "") if isinstance(answer, dict) else ""
        yield problem(f"the redrive failed: {told}", do="See the log of redrive_task.")
    elif answer["moved"] or answer["status"] in _FINAL:
        yield ok(answer["message"])
    else:
        yield problem(f"the redrive did nothing: {answer['message']}", do="See its log.")


def run_cancel(trial: Trial) -> Findings:
    """A task that is canceled as soon as it is there."""
    with trial.api() as api:
        if "rest" not in trial.tasks:
            yield skipped("there is no task to cancel")
            return
        link = api.get(f"/tasks/{trial.tasks['rest']}").json()["image_url"]
        created = api.post("/tasks", json={"image_url": link, "prompt": _PROMPT})
        if fault := _refused("POST /tasks", created, 202):
            yield fault
            return
        task_id = created.json()["task_id"]
        trial.tasks["cancel"] = task_id
        canceled = api.post(f"/tasks/{task_id}/cancel")
        if canceled.status_code not in (200, 202):
            yield problem(f"the cancel is answered by {canceled.status_code}", do=_SEE_API)
            return
        ended = _end_of(trial, api, task_id)
    if ended["status"] != "canceled":
        yield problem(f"a task is {ended['status']} although it was canceled", do=_SEE_API)
    else:
        yield ok(f"task {task_id} is canceled: {canceled.json().get('cancellation')}")


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
            task = _end_of(trial, api, task_id)
        if task["status"] == "succeeded":
            trial.ended[entry_point] = task
            yield ok(f"the task by {entry_point} has its video")
        elif task["status"] in _FINAL:
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
            if fault := _refused(f"GET {place}", led, 302) or _refused("HEAD", head, 302):
                yield fault
                continue
            with trial.stack.http() as anybody:
                video = anybody.get(urljoin(str(led.url), led.headers["Location"]))
            if fault := _refused("S3, for the link to the video,", video, 200):
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


CHECKS: Final = tuple(
    Check(examine)
    for examine in (
        run_rest,
        run_upload,
        run_form,
        run_redrive,
        run_cancel,
        run_refusals,
        run_end,
        run_video,
        run_events,
    )
)


def run_tasks(stack: Examined) -> Findings:
    """Whether a trial may begin, and whether it leaves nothing behind."""
    if refused := refusal(stack):
        yield refused
        return
    with prepared(stack) as trial:
        yield from run(CHECKS, trial)
    if trial.left:
        yield warning(f"left behind: {named(trial.left)}", do="Delete them.")
    else:
        yield ok("what the trial made is taken away; its tasks end by TaskRetentionDays")


def _end_of(trial: Trial, api: httpx.Client, task_id: str) -> dict[str, Any]:
    """The task once it has ended, or as it is when the patience does."""
    task: dict[str, Any] = {"task_id": task_id, "status": "unknown"}
    for _ in trial.turns():
        answer = api.get(f"/tasks/{task_id}")
        if answer.status_code == 200:
            task = answer.json()
        if task["status"] in _FINAL:
            break
    return task


def _refused(what: str, answer: httpx.Response, status: int) -> Finding | None:
    """The finding about an answer of another status."""
    if answer.status_code == status:
        return None
    return problem(
        f"{what} answers {answer.status_code} instead of {status}: {_code_of(answer)}", do=_SEE_API
    )


def _code_of(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return "no JSON"
    return str(body.get("detail") or body.get("code")) if isinstance(body, dict) else "no object"
