"""What the API refuses, and how: one shape of answer for everything that is wrong."""

import base64
import json
from typing import Any

import pytest
from image_to_video.settings import Settings

from tests.conftest import Application, ScriptedGenerator
from tests.handlers.conftest import sample
from tests.support.rest import IMAGE, assert_problem, creation, pointers, send

FIELD_RULES = {
    "image_url missing": ({"image_url": None}, ["/image_url"]),
    "image_url too long": ({"image_url": f"https://e.com/{'a' * 2048}"}, ["/image_url"]),
    "image_url of another scheme": ({"image_url": "ftp://example.com/a.png"}, ["/image_url"]),
    "image_url with data": ({"image_url": "data:image/png;base64,AAAA"}, ["/image_url"]),
    "image_url without host": ({"image_url": "https:///a.png"}, ["/image_url"]),
    "image_url with credentials": ({"image_url": "https://a:b@example.com/"}, ["/image_url"]),
    "image_url with a bad port": ({"image_url": "https://example.com:99999/"}, ["/image_url"]),
    "prompt too long": ({"prompt": "p" * 1001}, ["/prompt"]),
    "prompt of another type": ({"prompt": 5}, ["/prompt"]),
    "negative_prompt too long": ({"negative_prompt": "p" * 1001}, ["/negative_prompt"]),
    "name too long": ({"name": "n" * 121}, ["/name"]),
    "video_time not offered": ({"video_time": 7}, ["/video_time"]),
    "model_version unknown": ({"model_version": "a2e-v9"}, ["/model_version"]),
    "metadata with too many pairs": (
        {"metadata": {str(number): "x" for number in range(17)}},
        ["/metadata"],
    ),
    "metadata value too long": ({"metadata": {"a": "x" * 513}}, ["/metadata/a"]),
    "metadata value no text": ({"metadata": {"a/b~c": 1}}, ["/metadata/a~1b~0c"]),
    "extend_prompt no truth value": ({"extend_prompt": "no"}, ["/extend_prompt"]),
    "skip_face_enhance a number": ({"skip_face_enhance": 1}, ["/skip_face_enhance"]),
    "end_image_url of another scheme": ({"end_image_url": "ftp://e.com/"}, ["/end_image_url"]),
    "end_image_url private": ({"end_image_url": "http://10.0.0.1/a.png"}, ["/end_image_url"]),
    "lora with blanks": ({"lora": "a b"}, ["/lora"]),
    "lora and a prompt": ({"lora": "66b1f0", "prompt": "wave"}, ["/lora"]),
    "lora and a negative prompt": ({"lora": "66b1f0", "negative_prompt": "x"}, ["/lora"]),
    "lora and an extended prompt": ({"lora": "66b1f0", "extend_prompt": True}, ["/lora"]),
    "unknown field": ({"mask_face": True}, ["/mask_face"]),
    "two at once": ({"video_time": 7, "seed": 1}, ["/video_time", "/seed"]),
}


@pytest.mark.parametrize(("fields", "expected"), FIELD_RULES.values(), ids=FIELD_RULES)
def test_a_broken_rule_names_its_field(
    without_aws: None,
    generator: ScriptedGenerator,
    fields: dict[str, object],
    expected: list[str],
) -> None:
    body = {name: v for name, v in ({"image_url": IMAGE} | fields).items() if v is not None}

    reply = send(creation(body))

    assert_problem(reply, 422, "invalid_request")
    assert pointers(reply) == expected or pointers(reply)[0].startswith(f"{expected[0]}/")
    assert not generator.requests


@pytest.mark.parametrize(
    "field",
    [
        {"image_url": f"https://example.com/{'a' * 2028}"},
        {"prompt": "p" * 1000, "negative_prompt": "n" * 1000, "name": "n" * 120},
        {"metadata": {f"k{number}": "x" * 512 for number in range(16)}},
        {"video_time": 20, "model_version": "a2e-v2-flash"},
        {"end_image_url": f"https://example.com/{'a' * 2028}", "lora": "l" * 128},
        {"lora": "l", "prompt": " ", "extend_prompt": False, "skip_face_enhance": True},
    ],
    ids="+".join,
)
def test_the_rules_longest_values_are_taken(deployed: Application, field: dict[str, Any]) -> None:
    assert send(creation({"image_url": IMAGE} | field)).status == 202


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "2130706433", "printer.local"])
def test_an_image_on_a_private_host_is_refused(
    without_aws: None, generator: ScriptedGenerator, host: str
) -> None:
    reply = send(creation({"image_url": f"http://{host}/a.png"}))

    assert_problem(reply, 422, "invalid_request")
    assert pointers(reply) == ["/image_url"]
    assert not generator.requests


def test_a_key_has_1_to_255_characters(deployed: Application) -> None:
    for length in (0, 256):
        reply = send(creation({"image_url": IMAGE}, key="k" * length))
        assert_problem(reply, 422, "invalid_request")
        assert pointers(reply) == ["idempotency-key"]
    for length in (1, 255):
        assert send(creation({"image_url": IMAGE}, key="k" * length)).status == 202


@pytest.mark.parametrize(
    "text", ["", "{", '{"image_url": }', "image_url=x", '{"image_url": "x"', "[" * 100_000]
)
def test_a_body_that_is_not_json_is_malformed(without_aws: None, text: str) -> None:
    assert_problem(send(creation(text)), 400, "malformed_request")


@pytest.mark.parametrize("text", ["null", "[]", '"https://example.com/a.png"', "5", "{}"])
def test_json_that_is_no_request_is_invalid(without_aws: None, text: str) -> None:
    assert_problem(send(creation(text)), 422, "invalid_request")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=b",
        "application/jsonp",
    ],
)
def test_another_content_type_is_not_supported(
    without_aws: None, generator: ScriptedGenerator, content_type: str
) -> None:
    event = sample("api/create_task")
    event["headers"]["Content-Type"] = content_type
    event["multiValueHeaders"]["Content-Type"] = [content_type]

    assert_problem(send(event), 415, "unsupported_media_type")
    assert not generator.requests


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_named_in_full(deployed: Application, content_type: str) -> None:
    event = sample("api/create_task")
    event["headers"] = {"content-type": content_type}

    assert send(event).status == 202


def test_a_path_without_a_route_is_a_problem_too(without_aws: None) -> None:
    event = sample("public/get_health") | {"path": "/nowhere", "resource": "/nowhere"}

    assert_problem(send(event), 404, "route_not_found")


def test_a_missing_setting_is_answered_as_unavailable(
    deployed: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TASKS_TABLE")

    assert_problem(send(sample("api/list_tasks")), 503, "temporarily_unavailable")


def test_a_number_that_python_does_not_read_is_malformed(deployed: Application) -> None:
    reply = send(creation('{"zz": ' + "9" * 4301 + "}"))
    assert_problem(reply, 400, "malformed_request")


def test_a_wrong_key_of_metadata_is_named_by_its_place(deployed: Application) -> None:
    reply = send(creation({"image_url": IMAGE, "metadata": {"": "x"}}))
    assert [fault["pointer"] for fault in reply.body["errors"]] == ["/metadata/"]


def test_a_prompt_of_blanks_is_none(deployed: Application) -> None:
    reply = send(creation({"image_url": IMAGE, "prompt": "  ", "negative_prompt": "\u2003"}))
    assert reply.status == 202
    assert reply.body["prompt"] == Settings.released()["DEFAULT_PROMPT"]
    assert reply.body["negative_prompt"] == Settings.released()["DEFAULT_NEGATIVE_PROMPT"]


@pytest.mark.parametrize("field", ["prompt", "negative_prompt", "name", "image_url", "metadata"])
@pytest.mark.parametrize("letter", ["\0", "\x07", "\n", "\x1f", "\ufffe", "\uffff", "\ufffd"])
def test_a_character_that_cannot_be_handed_on_is_named_with_its_place(
    without_aws: None, generator: ScriptedGenerator, field: str, letter: str
) -> None:
    text = f"https://example.com/{letter}.png"
    value = {"a": text} if field == "metadata" else text

    reply = send(creation({"image_url": IMAGE, field: value}))

    assert_problem(reply, 422, "invalid_request")
    assert pointers(reply) == ["/metadata/a" if field == "metadata" else f"/{field}"]
    # A line break ends the address by another rule.
    if field != "image_url" or letter != "\n":
        assert f"character 21 is U+{ord(letter):04X}" in reply.body["errors"][0]["detail"]
    assert not generator.requests


@pytest.mark.parametrize("key", ["a\0", "a\tb", "\ufffe", "\ufffd\ufffd"])
def test_a_key_is_refused_that_cannot_be_handed_on(without_aws: None, key: str) -> None:
    """Two keys whose bytes are no UTF-8 would become one, and the second order a replay."""
    reply = send(creation({"image_url": IMAGE}, key=key))
    assert_problem(reply, 422, "invalid_request")
    assert pointers(reply) == ["idempotency-key"]


@pytest.mark.parametrize("name", ["\ud800", "a\udfffb", "\0", "\ufffe"])
@pytest.mark.parametrize("where", ["metadata", "unknown field"])
def test_a_name_that_is_no_text_is_answered_like_any_other_fault(
    without_aws: None, name: str, where: str
) -> None:
    body = {"metadata": {name: "x"}} if where == "metadata" else {name: 1}
    assert_problem(send(creation({"image_url": IMAGE} | body)), 422, "invalid_request")


def test_null_is_absent_in_every_field(deployed: Application) -> None:
    given = ("prompt", "negative_prompt", "name", "video_time", "model_version", "metadata")
    nulls: dict[str, object] = dict.fromkeys(given)

    replies = [
        send(creation({"image_url": IMAGE} | fields, key="key"))
        for fields in ({}, nulls, {"metadata": {"a": None}})
    ]

    # The same request, so that the key stands for the same task.
    assert [reply.status for reply in replies] == [202, 202, 202]
    assert replies[0].body == replies[1].body == replies[2].body


@pytest.mark.parametrize("encoded", [False, True])
def test_a_byte_order_mark_before_json_is_tolerated(deployed: Application, encoded: bool) -> None:
    event = creation("\ufeff" + json.dumps({"image_url": IMAGE}))
    if encoded:
        text = base64.b64encode(event["body"].encode()).decode()
        event |= {"body": text, "isBase64Encoded": True}

    assert send(event).status == 202


@pytest.mark.parametrize("content", [b'{"image_url": "\xff"}', b'{"zz": ' + b"9" * 4301 + b"}"])
def test_an_encoded_body_that_cannot_be_read_is_malformed(
    without_aws: None, content: bytes
) -> None:
    encoded = {"body": base64.b64encode(content).decode(), "isBase64Encoded": True}
    assert_problem(send(creation("") | encoded), 400, "malformed_request")
