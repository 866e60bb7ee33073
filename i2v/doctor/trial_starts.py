"""The checks of `--run` that start test tasks, one for each way in, and move them by hand."""

import json
from typing import Final

from i2v.doctor.api import SEE_API, unexpected
from i2v.doctor.findings import Findings, ok, problem, skipped
from i2v.doctor.trial import FINAL, OWNER, Trial
from i2v.simulator.sample import SAMPLE_PATH

_PROMPT: Final = "She smiles."


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
        if fault := unexpected("POST /tasks", answers[0], 202):
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
        yield problem("the same Idempotency-Key was answered by another task", do=SEE_API)
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
            if fault := unexpected("GET /tasks", answer, 200):
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
        if fault := unexpected("POST /uploads", answer, 201):
            yield fault
            return
        form = answer.json()
        file = ("a.png", SAMPLE_PATH.read_bytes(), "image/png")
        # As a page does: without the token.
        with trial.stack.http() as page:
            sent = page.post(form["url"], data=form["fields"], files={"file": file})
        trial.objects.append((trial.stack.output("ImagesBucketName"), form["fields"]["key"]))
        if fault := unexpected("S3, for the form of POST /uploads,", sent, 204):
            yield fault
            return
        if "upload" not in trial.tasks:
            yield skipped("the form works; it was not waited for where other uploads are lost")
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
    elif answer["moved"] or answer["status"] in FINAL:
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
        if fault := unexpected("POST /tasks", created, 202):
            yield fault
            return
        task_id = created.json()["task_id"]
        trial.tasks["cancel"] = task_id
        canceled = api.post(f"/tasks/{task_id}/cancel")
        if canceled.status_code not in (200, 202):
            yield problem(f"the cancel is answered by {canceled.status_code}", do=SEE_API)
            return
        ended = trial.end_of(api, task_id)
    if ended["status"] != "canceled":
        yield problem(f"a task is {ended['status']} although it was canceled", do=SEE_API)
    else:
        yield ok(f"task {task_id} is canceled: {canceled.json().get('cancellation')}")
