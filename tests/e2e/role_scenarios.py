"""What each permission is for: what no longer works without it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from image_to_video.adapters.token_table import TokenTable
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Failure, FailureCode, Task

from i2v.simulator.sample import SAMPLE_PATH
from tests.conftest import PROJECT
from tests.e2e import role_hints
from tests.e2e.roles import Stage, has_new_execution
from tests.support.patience import get, post, until


def starts_by_rest(stage: Stage) -> bool:
    with stage.api() as api:
        answer = api.post("/tasks", json={"image_url": stage.sample_url})
    return answer.status_code == 202 and answer.json()["status"] == "generating"


def shows(stage: Stage) -> bool:
    task = stage.queued()
    with stage.api() as api:
        return api.get(f"/tasks/{task.task_id}").status_code == 200


def lists(stage: Stage) -> bool:
    with stage.api() as api:
        return api.get("/tasks").status_code == 200


def lists_by_status(stage: Stage) -> bool:
    stage.queued()
    with stage.api() as api:
        return api.get("/tasks", params={"status": "queued"}).status_code == 200


def counts(stage: Stage) -> bool:
    with stage.api() as api:
        return api.get("/tasks/counts").status_code == 200


def turns_the_page(stage: Stage) -> bool:
    for _ in range(2):
        stage.queued()
    with stage.api() as api:
        return api.get("/tasks", params={"limit": 1}).status_code == 200


def leads_to_the_video(stage: Stage) -> bool:
    task = stage.storing()
    stage.call("StoreVideoFunction", {"task_id": task.task_id})
    with stage.api() as api:
        link = api.get(f"/tasks/{task.task_id}/video").headers["Location"]
    return get(link).status_code == 200


def takes_a_form(stage: Stage) -> bool:
    picture = ("sample.png", SAMPLE_PATH.read_bytes(), "image/png")
    with stage.api() as api:
        body = {"filename": "sample.png", "content_type": "image/png"}
        form = api.post("/uploads", json=body).json()
    sent = post(form["url"], data=form["fields"], files={"file": picture})
    return sent.status_code == 204


def lets_in(stage: Stage) -> bool:
    table = TokenTable(stage.emulator.table(stage.stack.tokens_table))
    # A new one: API Gateway remembers those it has seen.
    token = table.create(owner="new", name="new", now=datetime.now(UTC))
    with stage.api(token) as api:
        return api.get("/tasks").status_code == 200


def starts_by_upload(stage: Stage, *, versioned: bool = True) -> bool:
    answer = stage.call("OnImageUploadedFunction", stage.upload(versioned=versioned))
    return answer is not None and stage.status(answer["task_id"]) is TaskStatus.GENERATING


def starts_by_upload_without_version(stage: Stage) -> bool:
    return starts_by_upload(stage, versioned=False)


def knows_an_upload_again(stage: Stage) -> bool:
    event = stage.upload()
    answers = [stage.call("OnImageUploadedFunction", event) for _ in range(2)]
    return answers[0] is not None and answers[0] == answers[1]


def starts_by_poll(stage: Stage) -> bool:
    task = stage.queued()
    stage.call("PollTaskFunction", {"task_id": task.task_id})
    return stage.status(task.task_id) is TaskStatus.GENERATING


def starts_an_upload_by_poll(stage: Stage, *, versioned: bool = True) -> bool:
    uploaded = stage.upload(versioned=versioned)["detail"]["object"]
    image_url = f"s3://{stage.stack.images_bucket}/{uploaded['key']}"
    task = stage.queued(image_url=image_url, image_version=uploaded["version-id"])

    def left_the_generator() -> TaskStatus | None:
        stage.poll(task.task_id)
        status = stage.status(task.task_id)
        return None if status in (TaskStatus.QUEUED, TaskStatus.GENERATING) else status

    return until(left_the_generator) is TaskStatus.STORING


def starts_an_upload_without_version_by_poll(stage: Stage) -> bool:
    return starts_an_upload_by_poll(stage, versioned=False)


def stores(stage: Stage) -> bool:
    return finishes(stage, stage.storing())


def stores_and_releases_its_slot(stage: Stage) -> bool:
    return finishes(stage, stage.storing(slot="00499"))


def finishes(stage: Stage, task: Task) -> bool:
    answer = stage.call("StoreVideoFunction", {"task_id": task.task_id})
    return answer is not None and stage.status(task.task_id) is TaskStatus.SUCCEEDED


def clears_the_line_by_store(stage: Stage) -> bool:
    """One whose task is not there is taken out by whoever releases a slot."""
    stage.in_line(task_id="gone")
    finishes(stage, stage.holding(stage.storing(slot="00499")))
    return "gone" not in [entry.task_id for entry in stage.line.first(9)]


def wakes_by_store(stage: Stage) -> bool:
    waiting = stage.in_line()
    finishes(stage, stage.holding(stage.storing(slot="00499")))
    return has_new_execution(stage, waiting)


def wakes_by_poll(stage: Stage) -> bool:
    """One whose start deadline has passed is closed, and its slot is released."""
    waiting = stage.in_line()
    long_ago = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
    task = stage.holding(stage.queued(slot="00499", created_at=long_ago))
    stage.call("PollTaskFunction", {"task_id": task.task_id})
    return has_new_execution(stage, waiting)


def cancels_in_line_by_rest(stage: Stage) -> bool:
    task = stage.in_line()
    with stage.api() as api:
        return api.post(f"/tasks/{task.task_id}/cancel").status_code == 200


def starts_from_the_line_by_poll(stage: Stage) -> bool:
    task = stage.in_line()
    return stage.call("PollTaskFunction", {"task_id": task.task_id}) is not None


def cancels_in_line_by_redrive(stage: Stage) -> bool:
    task = stage.in_line(cancel_requested_at=datetime.now(UTC))
    return stage.call("RedriveTaskFunction", {"task_id": task.task_id}) is not None


def starts_from_the_line_by_upload(stage: Stage) -> bool:
    """It stands in line behind another one, and there is a slot for both."""
    stage.in_line()
    return starts_by_upload(stage)


def clears_the_line_by_schedule(stage: Stage) -> bool:
    stage.in_line(task_id="gone")
    return stage.call("ReconcileTasksFunction", {}) is not None


def revives_one_with_a_slot(stage: Stage) -> bool:
    stage.record(status=TaskStatus.GENERATING, generator_task_id="f" * 24)
    return stage.call("ReconcileTasksFunction", {}) is not None


def measures_what_is_open(stage: Stage) -> bool:
    stage.queued()
    return stage.call("ReconcileTasksFunction", {}) is not None


def redrives_one_with_a_slot(stage: Stage) -> bool:
    task = stage.record(status=TaskStatus.GENERATING, generator_task_id="f" * 24)
    return stage.call("RedriveTaskFunction", {"task_id": task.task_id}) is not None


def takes_what_lies_there(stage: Stage) -> bool:
    done, task = stage.storing(), stage.storing()
    stage.call("StoreVideoFunction", {"task_id": done.task_id})
    bucket, owner = stage.stack.videos_bucket, stage.stack.owner
    stage.emulator.client("s3").copy_object(
        Bucket=bucket,
        Key=f"{owner}/{task.task_id}.mp4",
        CopySource=f"{bucket}/{owner}/{done.task_id}.mp4",
    )
    stage.call("StoreVideoFunction", {"task_id": task.task_id})
    return stage.status(task.task_id) is TaskStatus.SUCCEEDED


def leaves_nothing_of_a_canceled_task(stage: Stage) -> bool:
    task = stage.record(status=TaskStatus.CANCELED, result_url=stage.result_url)
    return stage.call("StoreVideoFunction", {"task_id": task.task_id}) is not None


def clears_up_by_poll(stage: Stage) -> bool:
    task = stage.record(status=TaskStatus.CANCELED, result_url=stage.result_url)
    return stage.call("PollTaskFunction", {"task_id": task.task_id}) is not None


def publishes(stage: Stage) -> bool:
    event = json.loads((PROJECT / "events" / "publish_events" / "insert.json").read_text())
    return bool(stage.call("PublishEventsFunction", event) == {"batchItemFailures": []})


def redrives(stage: Stage) -> bool:
    answer = stage.call("RedriveTaskFunction", {"task_id": stage.queued().task_id})
    return answer is not None and bool(answer["moved"])


def looks_before_it_reopens(stage: Stage) -> bool:
    lost = Failure(code=FailureCode.VIDEO_UNAVAILABLE, message="gone")
    task = stage.record(status=TaskStatus.FAILED, failure=lost, generator_task_id="f" * 24)
    return stage.call("RedriveTaskFunction", {"task_id": task.task_id}) is not None


def knows_what_is_stored(stage: Stage) -> bool:
    """A task whose video is whole is not opened again."""
    task = stage.storing()
    stage.call("StoreVideoFunction", {"task_id": task.task_id})
    answer = stage.call("RedriveTaskFunction", {"task_id": task.task_id})
    return answer is not None and "nothing to move" in answer["message"]


def compares_coins(stage: Stage) -> bool:
    return stage.call("ReconcileCoinsFunction", {}) is not None


def revives(stage: Stage) -> bool:
    task = stage.queued()
    stage.call("ReconcileTasksFunction", {})
    return has_new_execution(stage, task)


Scenario = Callable[[Stage], bool]
# Function, action and resource: what no longer works without it.
NEEDED: dict[tuple[str, str, str], Scenario] = {
    ("ApiFunction", "dynamodb:GetItem", "TasksTable"): shows,
    ("ApiFunction", "dynamodb:PutItem", "TasksTable"): starts_by_rest,
    ("ApiFunction", "dynamodb:DeleteItem", "LimitsTable"): cancels_in_line_by_rest,
    ("ApiFunction", "dynamodb:UpdateItem", "LimitsTable"): starts_by_rest,
    ("ApiFunction", "dynamodb:Query", "LimitsTable"): starts_by_rest,
    ("ApiFunction", "dynamodb:BatchGetItem", "TasksTable"): lists_by_status,
    ("ApiFunction", "dynamodb:Query", "by_owner"): lists,
    ("ApiFunction", "dynamodb:Query", "by_status"): counts,
    ("ApiFunction", "states:StartExecution", "stateMachine"): starts_by_rest,
    ("ApiFunction", "secretsmanager:GetSecretValue", "A2ETokenSecret"): starts_by_rest,
    ("ApiFunction", "secretsmanager:GetSecretValue", "CursorKey"): turns_the_page,
    ("ApiFunction", "s3:GetObject", "VideosBucket"): leads_to_the_video,
    ("ApiFunction", "s3:PutObject", "ImagesBucket"): takes_a_form,
    ("ReceiveHintFunction", "dynamodb:GetItem", "TasksTable"): role_hints.takes_one,
    ("ReceiveHintFunction", "dynamodb:PutItem", "TasksTable"): role_hints.takes_one,
    ("ReceiveHintFunction", "dynamodb:Query", "LimitsTable"): role_hints.takes_one,
    ("ReceiveHintFunction", "dynamodb:UpdateItem", "LimitsTable"): role_hints.takes_one_with_a_slot,
    ("ReceiveHintFunction", "states:StartExecution", "stateMachine"): role_hints.takes_one,
    ("ReceiveHintFunction", "secretsmanager:GetSecretValue", "CursorKey"): role_hints.takes_one,
    ("AuthorizeFunction", "dynamodb:GetItem", "TokensTable"): lets_in,
    ("OnImageUploadedFunction", "dynamodb:GetItem", "TasksTable"): knows_an_upload_again,
    ("OnImageUploadedFunction", "dynamodb:PutItem", "TasksTable"): starts_by_upload,
    (
        "OnImageUploadedFunction",
        "dynamodb:DeleteItem",
        "LimitsTable",
    ): starts_from_the_line_by_upload,
    ("OnImageUploadedFunction", "dynamodb:UpdateItem", "LimitsTable"): starts_by_upload,
    ("OnImageUploadedFunction", "dynamodb:Query", "LimitsTable"): starts_by_upload,
    ("OnImageUploadedFunction", "states:StartExecution", "stateMachine"): starts_by_upload,
    ("OnImageUploadedFunction", "secretsmanager:GetSecretValue", "A2ETokenSecret"): (
        starts_by_upload
    ),
    ("OnImageUploadedFunction", "secretsmanager:GetSecretValue", "CursorKey"): (
        role_hints.asks_by_upload
    ),
    ("OnImageUploadedFunction", "s3:GetObject", "ImagesBucket"): starts_by_upload_without_version,
    ("OnImageUploadedFunction", "s3:GetObjectVersion", "ImagesBucket"): starts_by_upload,
    ("PollTaskFunction", "dynamodb:GetItem", "TasksTable"): starts_by_poll,
    ("PollTaskFunction", "dynamodb:PutItem", "TasksTable"): starts_by_poll,
    ("PollTaskFunction", "dynamodb:DeleteItem", "LimitsTable"): starts_from_the_line_by_poll,
    ("PollTaskFunction", "dynamodb:UpdateItem", "LimitsTable"): starts_by_poll,
    ("PollTaskFunction", "dynamodb:Query", "LimitsTable"): starts_by_poll,
    ("PollTaskFunction", "states:StartExecution", "stateMachine"): wakes_by_poll,
    ("PollTaskFunction", "secretsmanager:GetSecretValue", "A2ETokenSecret"): starts_by_poll,
    ("PollTaskFunction", "secretsmanager:GetSecretValue", "CursorKey"): role_hints.asks_by_poll,
    ("PollTaskFunction", "s3:GetObject", "ImagesBucket"): starts_an_upload_without_version_by_poll,
    ("PollTaskFunction", "s3:GetObjectVersion", "ImagesBucket"): starts_an_upload_by_poll,
    ("PollTaskFunction", "s3:DeleteObject", "VideosBucket"): clears_up_by_poll,
    ("StoreVideoFunction", "dynamodb:GetItem", "TasksTable"): stores,
    ("StoreVideoFunction", "dynamodb:PutItem", "TasksTable"): stores,
    ("StoreVideoFunction", "dynamodb:Query", "LimitsTable"): stores,
    ("StoreVideoFunction", "dynamodb:UpdateItem", "LimitsTable"): stores_and_releases_its_slot,
    ("StoreVideoFunction", "dynamodb:DeleteItem", "LimitsTable"): clears_the_line_by_store,
    ("StoreVideoFunction", "states:StartExecution", "stateMachine"): wakes_by_store,
    ("StoreVideoFunction", "s3:PutObject", "VideosBucket"): stores,
    ("StoreVideoFunction", "s3:GetObject", "VideosBucket"): takes_what_lies_there,
    ("StoreVideoFunction", "s3:AbortMultipartUpload", "VideosBucket"): takes_what_lies_there,
    ("StoreVideoFunction", "s3:DeleteObject", "VideosBucket"): leaves_nothing_of_a_canceled_task,
    ("PublishEventsFunction", "sns:Publish", "TaskEventsTopic"): publishes,
    ("RedriveTaskFunction", "dynamodb:GetItem", "TasksTable"): redrives,
    ("RedriveTaskFunction", "dynamodb:PutItem", "TasksTable"): redrives,
    ("RedriveTaskFunction", "dynamodb:Query", "LimitsTable"): redrives_one_with_a_slot,
    ("RedriveTaskFunction", "dynamodb:UpdateItem", "LimitsTable"): redrives_one_with_a_slot,
    ("RedriveTaskFunction", "dynamodb:DeleteItem", "LimitsTable"): cancels_in_line_by_redrive,
    ("RedriveTaskFunction", "states:StartExecution", "stateMachine"): redrives,
    ("RedriveTaskFunction", "s3:GetObject", "VideosBucket"): knows_what_is_stored,
    ("RedriveTaskFunction", "secretsmanager:GetSecretValue", "A2ETokenSecret"): (
        looks_before_it_reopens
    ),
    ("ReconcileTasksFunction", "dynamodb:GetItem", "TasksTable"): revives,
    ("ReconcileTasksFunction", "dynamodb:BatchGetItem", "TasksTable"): measures_what_is_open,
    ("ReconcileTasksFunction", "dynamodb:PutItem", "TasksTable"): revives,
    ("ReconcileTasksFunction", "dynamodb:Query", "open_by_next_poll"): revives,
    ("ReconcileTasksFunction", "dynamodb:Query", "LimitsTable"): revives,
    ("ReconcileTasksFunction", "dynamodb:UpdateItem", "LimitsTable"): revives_one_with_a_slot,
    ("ReconcileTasksFunction", "dynamodb:DeleteItem", "LimitsTable"): clears_the_line_by_schedule,
    ("ReconcileTasksFunction", "states:StartExecution", "stateMachine"): revives,
    ("ReconcileTasksFunction", "states:DescribeExecution", "execution"): revives,
    ("ReconcileCoinsFunction", "dynamodb:Scan", "TasksTable"): compares_coins,
    ("ReconcileCoinsFunction", "secretsmanager:GetSecretValue", "A2ETokenSecret"): compares_coins,
}
