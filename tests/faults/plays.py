"""What people do, and what goes wrong meanwhile: the plays of the scenarios."""

from functools import partial

from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.learned_schedule import bucket_of
from image_to_video.domain.statuses import TaskStatus
from image_to_video.domain.task import Task
from image_to_video.domain.test_mode import Outcome
from image_to_video.lifecycle.hints import HintTokens
from image_to_video.lifecycle.uploads import UploadedObject

from tests.faults.world import TOKEN, World
from tests.support.images import PNG

OWNER = "anna"
REQUEST = TaskRequest(image_url="https://pictures.example.com/portrait.png")

S = TaskStatus


def create(world: World, key: str = "key", owner: str = OWNER) -> Task | None:
    return world.call(lambda: world.tasks.create(owner, REQUEST, key))


def rest(world: World) -> None:
    create(world)
    world.run()


def rest_by_plan(world: World) -> None:
    """Enough tasks have ended to know when this one will, and that it does not in a minute."""
    world.remember({bucket_of(120): 399})
    rest(world)


def upload(world: World) -> None:
    """An image is put and told of twice; then it is touched, as tools do that keep attributes."""
    bucket, key = world.settings.images_bucket, f"uploads/{OWNER}/a + ä.png"
    for attribute, deliveries in (("01", 2), ("02", 1)):
        world.application.client("s3").put_object(
            Bucket=bucket, Key=key, Body=PNG, Metadata={"mtime": attribute}
        )
        uploaded = UploadedObject(bucket, key, None, f"etag-{attribute}", attribute)
        for _ in range(deliveries):
            world.call(partial(world.tasks.create_from_upload, uploaded), tries=3)
    world.run()


def refused(world: World) -> None:
    world.fault(on="start", kind="moderated", times=9)
    create(world)
    world.run()


def answer_lost(world: World) -> None:
    world.fault(on="start", kind="http_500_after")
    create(world)
    world.run()


def list_fails_after_the_match(world: World) -> None:
    """A2E's list shows the start, and no page after it can be read."""
    world.fault(on="list", kind="fails_past_end", times=9999)
    answer_lost(world)


def list_repeats_after_the_match(world: World) -> None:
    """A2E's list shows the start and repeats it without end; all of it has blanks around it."""
    world.fault(on="list", kind="padded_record")
    world.fault(on="list", kind="repeats_last_page", times=9999)
    world.fault(on="detail", kind="padded_record", times=9999)
    answer_lost(world)


def waiting_for_coins(world: World) -> None:
    world.fault(on="start", kind="no_coins", times=1)
    create(world)
    world.run()


def dead_link(world: World) -> None:
    world.fault(on="download", kind="link_expired")
    create(world)
    world.run()


def cut_video(world: World) -> None:
    for kind in ("cut_without_length", "cut_with_length", "crafted"):
        world.fault(on="download", kind=kind)
    create(world)
    world.run()


def odd_video(world: World) -> None:
    """Whole, and still nothing that its answer or its index says of it can be believed."""
    world.fault(on="download", kind="without_durations")
    create(world)
    world.run()


def cut_for_hours(world: World) -> None:
    world.fault(on="download", kind="cut_without_length", times=5)
    create(world)
    world.run()


def cut_in_the_bucket(world: World) -> None:
    """What an earlier release stored was half of the video."""
    create(world)
    world.run()
    [task] = world.records()
    key, bucket = f"{OWNER}/{task.task_id}.mp4", world.settings.videos_bucket
    half = world.clip[: len(world.clip) // 2]
    world.application.client("s3").put_object(Bucket=bucket, Key=key, Body=half)
    redriven(world)


def cancel(world: World) -> None:
    [task] = world.records()
    world.call(lambda: world.tasks.cancel(OWNER, task.task_id))
    world.run()


def cancel_queued(world: World) -> None:
    world.fault(on="start", kind="no_coins")
    create(world)
    cancel(world)


def cancel_generating(world: World) -> None:
    create(world)
    cancel(world)


def cancel_too_late(world: World) -> None:
    create(world)
    world.clock.advance(15)
    cancel(world)


def bring_to_storing(world: World) -> None:
    for _ in range(12):
        [task] = world.records()
        if task.status is TaskStatus.STORING:
            break
        world.clock.advance(25)
        world.call(partial(world.steps.poll_task, task.task_id))


def cancel_storing(world: World) -> None:
    create(world)
    bring_to_storing(world)
    cancel(world)


def cancel_after_storing_died(world: World) -> None:
    """The video reached the bucket, and the function died before it could record that."""
    create(world)
    bring_to_storing(world)
    [task] = world.records()
    if task.status is TaskStatus.STORING:
        key, bucket = f"{OWNER}/{task.task_id}.mp4", world.settings.videos_bucket
        world.application.client("s3").put_object(Bucket=bucket, Key=key, Body=world.clip)
    cancel(world)


def cancel_unconfirmed(world: World) -> None:
    world.fault(on="start", kind="reset_after")
    create(world)
    cancel(world)


def cancel_during_an_outage(world: World) -> None:
    create(world)
    world.fault(on="detail", kind="http_500", times=2)
    world.fault(on="delete", kind="http_500")
    cancel(world)


def redrive(world: World) -> None:
    """A2E says completed and gives no video, until it does after the task was given up."""
    world.fault(on="detail", kind="completed_without_url", times=99)
    create(world)
    world.run()
    redriven(world)


def redriven(world: World) -> None:
    """The trouble is over, and somebody asks for the task to move."""
    world.outside.delete("/_simulator/faults")
    [task] = world.records()
    world.call(lambda: world.repair.redrive_task(task.task_id))
    world.run()


def second_attempt(world: World) -> None:
    world.fault(on="start", kind="reset_before")
    create(world)
    world.run()


def second_attempt_postponed(world: World) -> None:
    world.fault(on="start", kind="reset_before")
    create(world)
    world.fault(on="start", kind="http_429")
    world.run()


def second_attempt_refused(world: World) -> None:
    """The first one was accepted, and A2E's list shows it only when all is over."""
    world.fault(on="start", kind="reset_after")
    create(world)
    [task] = world.records()
    world.fault(on="start", kind="moderated", match=f"{task.task_id}-2")
    world.fault(on="list", kind="missing_from_list", times=9999)
    world.run()
    redriven(world)


def aborted(world: World) -> None:
    create(world)
    world.end_all()
    world.run()


def start_unconfirmed(world: World) -> None:
    """A2E's list cannot be read, so the start stays unconfirmed until the task is redriven."""
    world.fault(on="start", kind="reset_after")
    create(world)
    world.fault(on="list", kind="http_500", times=9999)
    world.run()
    redriven(world)


def never_started(world: World) -> None:
    world.fault(on="start", kind="no_coins", times=9999)
    create(world)
    world.run()


def hint(world: World) -> None:
    """It comes long before the next poll."""
    create(world)
    world.run()


def hint_early(world: World) -> None:
    """It comes before there is anything to poll for."""
    world.fault(on="webhook", kind="sent_early")
    hint(world)


def hint_twice(world: World) -> None:
    world.fault(on="webhook", kind="sent_twice")
    hint(world)


def hint_never(world: World) -> None:
    world.fault(on="webhook", kind="never_sent")
    hint(world)


def hint_unconfirmed(world: World) -> None:
    """It comes while nobody knows whether the start was accepted."""
    world.fault(on="list", kind="http_500", times=6)
    answer_lost(world)


def hint_forged(world: World) -> None:
    """Others call as well, before and after the end, with what they made up and with the token."""
    task = create(world)
    if task is None:
        [task] = world.records()
    request = HintTokens(address="", key=lambda: TOKEN).request(f"{task.task_id}-1")
    assert request is not None
    for token in ("1." + "A" * 43, "", request.token):
        world.call(partial(world.hints.receive, task.task_id, token), tries=1)
    world.run()
    before = world.records()
    world.call(partial(world.hints.receive, task.task_id, request.token), tries=1)
    assert world.records() == before


def by_test_token(world: World, outcome: Outcome = Outcome.SUCCEEDED) -> None:
    """One with a test token, while nothing of A2E can be used."""
    for on in ("start", "detail", "list"):
        world.fault(on=on, kind="http_500", times=9999)
    request = REQUEST.model_copy(update={"prompt": f"test:{outcome}"})
    world.call(lambda: world.test_tasks.create(OWNER, request, "key"))
    world.run()


def beside_a_test_task(world: World) -> None:
    """With the same key, and one slot in all."""
    create(world)
    world.call(lambda: world.test_tasks.create(OWNER, REQUEST, "key"))
    world.run()


def two_share_a_slot(world: World) -> None:
    create(world, "first")
    create(world, "second")
    world.run()


def cancel_in_line(world: World) -> None:
    """Of two that wait for the slot of a third, the one that is next is canceled."""
    create(world, "first")
    next_in_line = create(world, "second")
    create(world, "third", owner="bert")
    assert next_in_line is not None
    world.run_for(10)
    world.call(lambda: world.tasks.cancel(OWNER, next_in_line.task_id))
    world.run()


def waits_until_midnight(world: World) -> None:
    """The coins of the day are for one task; the other's deadline and workflow end before it."""
    world.spend(world.settings.daily_coin_limit - 40)
    create(world, "first")
    create(world, "second")
    world.run_for(43_150)
    world.end_all()
    world.run()


def owner_until_midnight(world: World) -> None:
    """One owner's coins are for one task; nobody else waits for it, and all its workflows end."""
    world.spend(world.settings.owner_daily_coin_limit - 40, OWNER)
    for key in ("first", "second", "third"):
        create(world, key)
    create(world, "of another", owner="bert")
    world.run_for(43_150)
    assert all(t.status is S.SUCCEEDED for t in world.records() if t.owner == "bert")
    world.end_all()
    world.run()


def owner_coins_come_free(world: World) -> None:
    """A start of unknown outcome is found, and costs less than was reserved: enough for two.

    A fault may need another attempt, for which there are too few."""
    world.spend(world.settings.owner_daily_coin_limit - 65, OWNER)
    world.fault(on="start", kind="http_500_after")
    for key in ("first", "second"):
        create(world, key)
    world.run_for(3600)
    assert all(t.status is S.SUCCEEDED for t in world.records()) or world.interception.injected
    world.run()
