"""The rules of a request's fields, at their bounds."""

from typing import Any

import pytest
from image_to_video.contract.requests import GivenMoment, TaskRequest, UploadRequest
from pydantic import BaseModel, TypeAdapter, ValidationError

URL = "https://example.com/a.png"
FORM = {"filename": "a.png", "content_type": "image/png"}


@pytest.mark.parametrize(
    "fields",
    [
        {"image_url": "HTTP://example.com/" + "a" * (2048 - 19)},
        {"prompt": "p" * 1000, "negative_prompt": "n" * 1000, "name": "n" * 120},
        {"metadata": {f"k{number}": "x" * 512 for number in range(16)}},
        {"metadata": {"x" * 512: ""}},
        {"video_time": 20, "model_version": "a2e-v2-flash"},
    ],
    ids="+".join,
)
def test_the_longest_values_are_taken(fields: dict[str, Any]) -> None:
    assert TaskRequest.model_validate({"image_url": URL} | fields)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"image_url": "HTTP://example.com/" + "a" * (2049 - 19)}, "image_url"),
        ({"image_url": "ftp://example.com/a.png"}, "image_url"),
        ({"image_url": "https://example.com/a b"}, "image_url"),
        ({"prompt": "p" * 1001}, "prompt"),
        ({"negative_prompt": "n" * 1001}, "negative_prompt"),
        ({"name": "n" * 121}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"video_time": 7}, "video_time"),
        ({"model_version": "a2e-v9"}, "model_version"),
        ({"metadata": {f"k{number}": "x" for number in range(17)}}, "metadata"),
        ({"metadata": {"a": "x" * 513}}, "metadata"),
        ({"metadata": {"": "x"}}, "metadata"),
        ({"seed": 1}, "seed"),
    ],
)
def test_a_broken_rule_names_its_field(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TaskRequest.model_validate({"image_url": URL} | fields)
    assert [error["loc"][0] for error in caught.value.errors()] == [place]


@pytest.mark.parametrize("key", ["A", "-a", "a-", "ä", "a b", ""])
def test_metadata_of_a_form_has_names_that_survive_as_headers(key: str) -> None:
    with pytest.raises(ValidationError):
        UploadRequest.model_validate(FORM | {"metadata": {key: "x"}})


@pytest.mark.parametrize("name", ["a", "order", "a-b_c9"])
def test_metadata_of_a_form_may_have_plain_names(name: str) -> None:
    assert UploadRequest.model_validate(FORM | {"metadata": {name: "x"}})


def test_a_moment_has_a_zone_and_is_kept_within_the_calendar() -> None:
    moments = TypeAdapter(GivenMoment)
    assert moments.validate_python("2026-11-22T12:00:00+01:00").isoformat().startswith("2026-11-22")
    assert moments.validate_python("0001-01-01T00:00:00+14:00").year == 1970
    assert moments.validate_python("9999-12-31T23:59:59-14:00").year == 9000
    for text in ("1700000000", "2026-11-22", "2026-11-22T12:00:00", "soon"):
        with pytest.raises(ValidationError):
            moments.validate_python(text)


@pytest.mark.parametrize(
    ("model", "needed"), [(TaskRequest, {"image_url": URL}), (UploadRequest, FORM)]
)
def test_null_is_absent_in_every_field_that_need_not_be_given(
    model: type[TaskRequest | UploadRequest], needed: dict[str, Any]
) -> None:
    schema = model.model_json_schema()
    optional = sorted(set(schema["properties"]) - set(schema["required"]))
    assert len(optional) >= 6
    without = model.model_validate(needed)

    assert model.model_validate(needed | dict.fromkeys(optional)) == without
    for name in optional:
        assert model.model_validate(needed | {name: None}) == without
        assert {"type": "null"} in schema["properties"][name]["anyOf"], name


def test_null_is_no_value_where_one_is_needed_and_no_name_where_there_is_none() -> None:
    for fields, kind in (({"image_url": None}, "missing"), ({"seed": None}, "extra_forbidden")):
        with pytest.raises(ValidationError) as caught:
            TaskRequest.model_validate({"image_url": URL} | fields)
        assert [error["type"] for error in caught.value.errors()] == [kind]


def test_a_pair_whose_value_is_null_is_absent_and_counts_all_the_same() -> None:
    given = {"a": None, "b": "x", "c": ""}
    for request in (
        TaskRequest.model_validate({"image_url": URL, "metadata": given}),
        UploadRequest.model_validate(FORM | {"metadata": given}),
    ):
        assert request.metadata == {"b": "x", "c": ""}
    for metadata in ({f"k{n}": None for n in range(17)}, {"": None}, {"a\0": None}):
        with pytest.raises(ValidationError):
            TaskRequest.model_validate({"image_url": URL, "metadata": metadata})


def texts(model: type[BaseModel]) -> list[str]:
    """The fields of a request that are free text."""
    named = {"image_url", "filename", "prompt", "negative_prompt", "name"}
    members = model.model_json_schema()["properties"]
    found = [name for name, member in members.items() if "pattern" in str(member)]
    assert named & set(members) <= set(found)
    return found


@pytest.mark.parametrize(
    "letter", ["\0", "\x1b", "\n", "\x7f", "\ufffe", "\uffff", "\ufffd", "\U0010ffff"]
)
def test_every_text_of_a_request_refuses_what_cannot_be_handed_on(letter: str) -> None:
    for model, needed in ((TaskRequest, {"image_url": URL}), (UploadRequest, FORM)):
        for name in texts(model):
            wrong: Any = f"https://example.com/a{letter}b"
            for value in [{"a": wrong}, {f"a{letter}b": "x"}] if name == "metadata" else [wrong]:
                with pytest.raises(ValidationError) as caught:
                    model.model_validate(needed | {name: value})
                assert {error["loc"][0] for error in caught.value.errors()} == {name}


@pytest.mark.parametrize("name", ["image_url", "prompt", "name", "metadata"])
def test_half_a_surrogate_pair_is_no_text(name: str) -> None:
    half = "https://example.com/\ud800"
    for value in [{"a": half}, {half: "x"}] if name == "metadata" else [half]:
        with pytest.raises(ValidationError):
            TaskRequest.model_validate({"image_url": URL} | {name: value})
