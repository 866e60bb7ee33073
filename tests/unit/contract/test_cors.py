"""Headers for browsers: only where the stack permits an origin."""

from image_to_video.contract.cors import may_send, readable_by

ORIGIN = "https://pages.example.com"


def test_a_permitted_origin_may_read_answers_and_send_requests() -> None:
    assert readable_by(ORIGIN)["Access-Control-Allow-Origin"] == [ORIGIN]
    assert readable_by(ORIGIN)["Vary"] == ["Origin"]
    assert may_send(ORIGIN, "GET, POST")["Access-Control-Allow-Methods"] == "GET, POST"
    assert "Idempotency-Key" in may_send(ORIGIN, "POST")["Access-Control-Allow-Headers"]


def test_without_an_origin_there_are_no_headers() -> None:
    assert not readable_by("")
    assert not may_send("", "GET")
