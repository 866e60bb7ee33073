"""The table of all routes: what any path may be asked for, whichever function answers."""

import pytest
from image_to_video.contract.rest_routes import ROUTES, methods_at


@pytest.mark.parametrize("path", ROUTES)
def test_a_path_has_its_own_methods_and_no_other_one_s(path: str) -> None:
    written = path.replace("{task_id}", "0" * 32)
    others = ROUTES["/tasks/{task_id}"] if path == "/tasks/counts" else frozenset[str]()
    assert methods_at(written) == ROUTES[path] | others
    assert methods_at(written + "/") == methods_at(written)


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/tasks.json", "/task", "/tasks/a/b", '/tasks/"']
)
def test_any_other_path_has_none(path: str) -> None:
    assert methods_at(path) == set()
