"""Secrets through every entry point of the deployed stack; its functions log none of them."""

from tests.e2e.conftest import Running, logged
from tests.support.log_scan import CANARY, leaks
from tests.support.patience import get, until


def test_what_callers_send_stays_out_of_the_logs(running: Running) -> None:
    query = f"token={CANARY}&X-Amz-Signature={CANARY}"
    with running.api() as api, running.api(f"i2v_{CANARY}") as stranger:
        task = api.post("/tasks", json={"image_url": f"{running.sample_url}?{query}"})
        assert task.status_code == 202
        ended = running.end_of(task.json()["task_id"])
        link = {"cursor": f"https://a.example/?{query}"}
        assert api.get("/tasks", params=link).status_code == 400
        assert api.get(f"/tasks?cursor=https://a.example/?{query}").status_code == 422
        for wrong in ({"image_url": f"http://10.0.0.1/?{query}"}, {"image_url": query}):
            assert api.post("/tasks", json=wrong).status_code == 422
        assert api.post("/tasks", content=f'{{"a": "{CANARY}"').status_code == 400
        assert stranger.get("/tasks").status_code in (401, 403)
    assert ended["status"] == "succeeded", ended

    s3 = running.emulator.client("s3")
    sample = get(running.sample_url).content
    s3.put_object(Bucket=running.stack.images_bucket, Key="uploads/nobody.png", Body=sample)
    s3.put_object(
        Bucket=running.stack.images_bucket,
        Key=f"uploads/demo/{CANARY}.png",
        Body=sample,
        Metadata={"video-time": CANARY},
    )
    until(lambda: "upload without an owner" in logged(running.emulator), pause=0.3)

    secrets = (running.stack.token, running.stack.token[4:], "sk_simulator")
    assert not list(leaks(logged(running.emulator), secrets))
