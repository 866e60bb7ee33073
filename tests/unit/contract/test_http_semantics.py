"""Accept, ETag and If-None-Match, as RFC 9110 has them and as clients send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_to_video.contract.http_semantics import (
    entity_tag,
    field_value,
    matches,
    not_modified,
    preferred,
)

VIDEO, JSON = "video/mp4", "application/json"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        # What clients send that were told nothing: curl, requests, httpx, axios, fetch, browsers.
        ("", VIDEO),
        ("*/*", VIDEO),
        ("application/json, text/plain, */*", VIDEO),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", VIDEO),
        ("video/webm,video/ogg,video/*;q=0.9,application/ogg;q=0.7,audio/*;q=0.6,*/*;q=0.5", VIDEO),
        # Who names the one or the other.
        ("video/mp4", VIDEO),
        ("video/*", VIDEO),
        ("application/json", JSON),
        ("Application/JSON; charset=utf-8", JSON),
        ("application/*", JSON),
        ("application/json, */*;q=0.1", JSON),
        ("*/*;q=0.1,application/json;q=0.2", JSON),
        ("application/json, video/*;q=0.5", JSON),
        ("application/json;q=0.5, video/mp4", VIDEO),
        ("application/json;q=0.5, video/mp4;q=0.5", VIDEO),
        ("application/json;q=0.001", JSON),
        ("*/*, video/mp4;q=0", JSON),
        ("application/*, application/json;q=0, video/mp4;q=0.1", VIDEO),
        ("application/json ; Q=1.000 , video/mp4 ; q=0.9", JSON),
        ('application/json;x="a;q=0";q=1, video/mp4;q=0.5', JSON),
        # Who wants neither, and what nobody can read.
        ("image/png", VIDEO),
        ("application/json;q=0", VIDEO),
        ("application/problem+json", VIDEO),
        ("application/json;q=2", VIDEO),
        ("application/json;q=", VIDEO),
        (",;,", VIDEO),
        ('text/plain;a=", application/json"', VIDEO),
        ('text/plain;a="\\", application/json', JSON),
    ],
)
def test_the_type_that_is_wanted_most_is_chosen(accept: str, kind: str) -> None:
    assert preferred(accept, (VIDEO, JSON)) == kind


@given(st.text())
def test_any_accept_is_answered(accept: str) -> None:
    assert preferred(accept, (VIDEO, JSON)) in (VIDEO, JSON)


@pytest.mark.parametrize(
    ("sent", "tag", "same"),
    [
        ('"a"', '"a"', True),
        ('W/"a"', 'W/"a"', True),
        # Gateways and proxies weaken a tag: the comparison is the weak one.
        ('W/"a"', '"a"', True),
        ('"a"', 'W/"a"', True),
        ('"b", W/"c" ,"a"', 'W/"a"', True),
        ('"b","a,c"', '"a,c"', True),
        ("*", '"a"', True),
        (" * ", 'W/"a"', True),
        ("", '"a"', False),
        ('"A"', '"a"', False),
        ('"b", "c"', '"a"', False),
        ('"ba"', '"a"', False),
        ("a", '"a"', False),
        ('"*"', '"a"', False),
        ("W/a", 'W/"a"', False),
    ],
)
def test_tags_are_compared_weakly(sent: str, tag: str, same: bool) -> None:
    assert matches(sent, tag) is same


@given(st.text())
def test_any_condition_is_read(sent: str) -> None:
    matches(sent, '"a"')


def test_a_tag_stands_for_the_content() -> None:
    tag = entity_tag({"a": 1, "b": [2]})
    assert tag.startswith('"')
    assert tag == entity_tag({"a": 1, "b": [2]}) != entity_tag({"a": 1, "b": [3]})
    # A strong one for its bytes, a weak one for what they mean.
    assert tag != entity_tag({"b": [2], "a": 1})
    weak = entity_tag({"a": 1, "b": [2]}, weak=True)
    assert weak.startswith('W/"')
    assert weak == entity_tag({"b": [2], "a": 1}, weak=True)


def test_what_has_not_changed_is_said_without_content() -> None:
    headers = {"ETag": ['"a"'], "Content-Type": ["application/json"], "Vary": ["Origin"]}
    answer = {"statusCode": 200, "body": "{}", "multiValueHeaders": headers}

    said = not_modified(answer)

    assert (said["statusCode"], said["body"]) == (304, "")
    assert said["multiValueHeaders"] == {"ETag": ['"a"'], "Vary": ["Origin"]}
    assert answer["statusCode"] == 200


@pytest.mark.parametrize(
    ("event", "value"),
    [
        ({}, ""),
        ({"headers": None, "multiValueHeaders": None}, ""),
        ({"headers": {"accept": "a"}}, "a"),
        ({"headers": {"ACCEPT": "b"}, "multiValueHeaders": {"Accept": ["a", "b"]}}, "a, b"),
        ({"headers": {"Other": "a"}, "multiValueHeaders": {"Other": ["a"]}}, ""),
    ],
)
def test_a_header_is_read_with_all_its_lines(event: dict[str, object], value: str) -> None:
    assert field_value(event, "Accept") == value
