"""By what a repeated request is known: one id for each key, of each owner, of each kind."""

from image_to_video.contract.requests import TaskRequest
from image_to_video.domain.owner_names import scope_of
from image_to_video.lifecycle.identities import fingerprint_of, task_id_for


def test_a_key_is_one_task_of_one_owner_and_kind() -> None:
    scopes = [scope_of(owner, test=test) for owner in ("anna", "bob") for test in (True, False)]
    ids = [task_id_for(scope, key) for scope in scopes for key in ("1", "2")]
    assert len(set(ids)) == len(ids)
    assert ids[0] == task_id_for(scopes[0], "1")


def test_defaults_make_no_other_request() -> None:
    request = TaskRequest(image_url="https://images.example/cat.png")
    same = TaskRequest(image_url="https://images.example/cat.png", video_time=5)
    other = TaskRequest(image_url="https://images.example/cat.png", video_time=10)
    assert fingerprint_of(request) == fingerprint_of(same) != fingerprint_of(other)
