"""Problem documents: pointers as RFC 6901 has them, and never more than can be sent."""

from http import HTTPStatus

import pytest
from image_to_video.contract.problem_details import pointer_to, problem


@pytest.mark.parametrize(
    ("place", "pointer"),
    [
        (("body",), ""),
        (("body", "prompt"), "/prompt"),
        (("body", "metadata", "a/b~c"), "/metadata/a~1b~0c"),
        (("body", "items", 0), "/items/0"),
        (("body", "metadata", "a", "[key]"), "/metadata/a"),
        (("query", "limit"), "limit"),
        (("header", "idempotency-key"), "idempotency-key"),
        (("query",), "query"),
    ],
)
def test_a_place_in_the_body_has_a_pointer_and_a_parameter_its_name(
    place: tuple[str | int, ...], pointer: str
) -> None:
    assert pointer_to(place) == pointer


def test_a_document_has_at_most_20_short_errors() -> None:
    document = problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid_request",
        "no",
        instance="/v1/tasks",
        request_id="1",
        faults=(("p" * 600, "d" * 600) for _ in range(30)),
    )
    assert (document.status, document.title) == (422, HTTPStatus.UNPROCESSABLE_ENTITY.phrase)
    assert document.type == "about:blank"
    assert len(document.errors) == 20
    assert {(len(e.pointer), len(e.detail)) for e in document.errors} == {(500, 500)}
