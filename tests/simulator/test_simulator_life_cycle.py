"""From start to result: the statuses, the picture that is fetched, the link."""

import asyncio
from pathlib import Path

import pytest

from i2v.simulator.picture import ClipError
from i2v.simulator.settings import SimulatorSettings
from i2v.simulator.start_body import StartBody
from i2v.simulator.tasks import Clip, SimulatedFailure, SimulatedTask, Status, status_at
from tests.support.patience import get
from tests.support.simulation import Pictures, Simulate, Simulation

REQUEST = StartBody(image_url="http://127.0.0.1/a.png", prompt="smile", negative_prompt="blur")
CLIP = Clip(Path("a.mp4"), 0)
FAILURE = SimulatedFailure("no picture", "generation_error", 0)


@pytest.mark.parametrize("outcome", [None, CLIP, FAILURE])
@pytest.mark.parametrize(
    ("age", "status"),
    [
        (0, "initialized"),
        (1.4, "initialized"),
        (1.6, "sent"),
        (2.9, "sent"),
        (3.1, "pending"),
        (4, "processing"),
    ],
)
def test_a_task_waits_its_time_whatever_comes_of_it(
    outcome: Clip | SimulatedFailure | None, age: float, status: str
) -> None:
    task = SimulatedTask("id", REQUEST, 30, 100, "key", outcome)
    assert status_at(task, SimulatorSettings(generation_seconds=10), 100 + age) == status
    assert status_at(task, SimulatorSettings(generation_seconds=10), 109.9) == "processing"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(None, Status.PROCESSING), (CLIP, Status.COMPLETED), (FAILURE, Status.FAILED)],
)
def test_a_task_ends_as_its_work_did(
    outcome: Clip | SimulatedFailure | None, status: Status
) -> None:
    task = SimulatedTask("id", REQUEST, 30, 100, "key", outcome)
    assert status_at(task, SimulatorSettings(generation_seconds=10), 110) is status


@pytest.mark.parametrize(
    "wrong",
    [{"coins": -1}, {"generation_seconds": -1}, {"sent_fraction": 0.9}, {"sent_fraction": -0.1}],
)
def test_settings_that_make_no_life_cycle_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"negative|share"):
        SimulatorSettings(**wrong)  # type: ignore[arg-type]


def test_a_result_url_appears_only_with_completed(simulation: Simulation) -> None:
    task_id = simulation.start()["_id"]
    seen = []
    for _ in range(5):
        record = simulation.record(task_id)
        seen.append(record["current_status"])
        assert record["result_url"] == ""
        simulation.clock.skip(1.9)
    assert seen == ["initialized", "sent", "pending", "processing", "processing"]
    record = simulation.ended(task_id)
    assert record["current_status"] == "completed"
    assert record["result_url"].startswith(str(simulation.client.base_url))


def test_it_stays_in_processing_until_the_video_is_rendered(simulate: Simulate) -> None:
    async def unfinished(picture: bytes, seconds: int, target: Path) -> None:
        del picture, seconds, target
        await asyncio.sleep(3600)

    simulation = simulate(render=unfinished)
    task_id = simulation.start()["_id"]
    simulation.clock.skip(9999)
    assert simulation.status(task_id) == "processing"


def test_the_result_needs_no_token_and_comes_whole_or_in_ranges(simulation: Simulation) -> None:
    url = simulation.completed()["result_url"]
    whole = get(url, trust_env=False)
    assert whole.status_code == 200
    assert whole.headers["content-type"] == "video/mp4"
    assert int(whole.headers["content-length"]) == len(whole.content) > 10_000
    part = get(url, headers={"range": "bytes=1000-1999"}, trust_env=False)
    assert part.status_code == 206
    assert part.content == whole.content[1000:2000]
    rest = get(url, headers={"range": "bytes=20000-"}, trust_env=False)
    assert rest.content == whole.content[20000:]


def test_a_result_needs_its_signature(simulation: Simulation) -> None:
    url = simulation.completed()["result_url"]
    assert simulation.client.get(url.partition("?")[0]).status_code == 403
    assert simulation.client.get(f"{url}0").status_code == 403
    assert simulation.client.get("/results/unknown.mp4?Signature=1").status_code == 404


def test_there_is_no_result_before_completed(simulation: Simulation) -> None:
    task_id = simulation.start()["_id"]
    assert simulation.client.get(f"/results/{task_id}.mp4").status_code == 404


def test_after_three_days_the_link_is_dead_and_the_list_has_forgotten(
    simulation: Simulation,
) -> None:
    record = simulation.completed()
    simulation.clock.skip(3 * 24 * 3600 - 60)
    assert simulation.client.get(record["result_url"]).status_code == 200
    assert len(simulation.rows()) == 1
    simulation.clock.skip(60)
    assert simulation.client.get(record["result_url"]).status_code == 403
    assert simulation.rows() == []
    assert simulation.status(record["_id"]) == "completed"
    assert len(simulation.client.get("/_simulator/tasks").json()) == 1


def test_the_picture_is_fetched_without_credentials(
    simulation: Simulation, pictures: Pictures
) -> None:
    pictures.redirects["moved.png"] = "sunset.png"
    simulation.completed(image_url=pictures.url("moved.png") + "?signature=1")
    asked = pictures.asked[-2:]
    assert [name for name, _ in asked] == ["moved.png", "sunset.png"]
    assert not any({"authorization", "cookie"} & set(headers) for _, headers in asked)


@pytest.mark.parametrize("name", ["missing.png", "circle.png"])
def test_a_picture_that_cannot_be_fetched_fails_the_task_after_its_time(
    simulation: Simulation, pictures: Pictures, name: str
) -> None:
    pictures.redirects["circle.png"] = "circle.png"
    task_id = simulation.start(image_url=pictures.url(name))["_id"]
    simulation.clock.skip(9.9)
    assert simulation.status(task_id) == "processing"
    record = simulation.ended(task_id)
    assert record["current_status"] == "failed"
    assert "fetch" in record["failed_message"]
    assert record["failed_code"]
    assert record["result_url"] == ""
    assert simulation.coins() == 100_000 - 30


def test_a_host_that_does_not_answer_fails_the_task(simulation: Simulation) -> None:
    # Port 1 of this machine listens to nobody.
    task_id = simulation.start(image_url="http://127.0.0.1:1/a.png")["_id"]
    assert "fetch" in simulation.ended(task_id)["failed_message"]


def test_a_file_that_is_no_picture_fails_the_task(
    rendering: Simulation, pictures: Pictures
) -> None:
    url = pictures.add("page.png", b"<html>sign in</html>")
    record = rendering.ended(rendering.start(image_url=url)["_id"])
    assert record["failed_message"] == "The file is not a readable image"


def test_what_goes_wrong_in_rendering_fails_the_task(simulate: Simulate) -> None:
    async def broken(picture: bytes, seconds: int, target: Path) -> None:
        del picture, seconds, target
        raise ClipError("ffmpeg failed with 1")

    simulation = simulate(render=broken)
    record = simulation.ended(simulation.start()["_id"])
    assert (record["current_status"], record["failed_message"]) == (
        "failed",
        "ffmpeg failed with 1",
    )
