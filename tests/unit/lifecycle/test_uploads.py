"""What the form of an upload says is what its object is read as; which objects are one task."""

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_to_video.adapters.storage import UploadedImage
from image_to_video.contract.requests import TaskOptions, UploadRequest
from image_to_video.domain.errors import InvalidTaskError
from image_to_video.domain.task import Failure, FailureCode, ModelVersion
from image_to_video.lifecycle.uploads import (
    UploadedObject,
    read_options,
    reserved_key,
    write_options,
)

from tests.support.corrupted_json import BOUNDED

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8
# What JSON can carry: anything but halves of surrogate pairs.
letters = st.characters(exclude_categories=["Cs"])
file_names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)
requests = st.builds(
    dict[str, Any],
    filename=file_names,
    content_type=st.sampled_from(["image/jpeg", "image/png", "image/webp"]),
    prompt=st.none() | st.text(letters, max_size=200),
    negative_prompt=st.none() | st.text(letters, max_size=100),
    name=st.none() | file_names,
    video_time=st.sampled_from([5, 10, 15, 20]),
    model_version=st.sampled_from(ModelVersion),
    extend_prompt=st.booleans(),
    end_image_url=st.none() | st.just("https://example.com/last.png?a=ü"),
    skip_face_enhance=st.booleans(),
    metadata=st.dictionaries(
        st.from_regex(r"[a-z0-9]([a-z0-9_-]{0,20}[a-z0-9])?", fullmatch=True),
        st.text(letters, max_size=40),
        max_size=4,
    ),
)


def an_object(**fields: Any) -> UploadedObject:
    plain: dict[str, Any] = {
        "bucket": "images",
        "key": "uploads/anna/cat.png",
        "version_id": "v1",
        "etag": "e1",
        "sequencer": "s1",
    }
    return UploadedObject(**plain | fields)


@given(requests)
def test_a_form_s_options_are_read_from_its_object(fields: dict[str, Any]) -> None:
    request = UploadRequest.model_validate(fields)
    try:
        metadata = write_options(request)
    except InvalidTaskError:
        return

    options = read_options(an_object(), UploadedImage(len(PNG), metadata, PNG))

    assert isinstance(options, TaskOptions)
    wanted = request.model_dump(exclude={"filename", "content_type", "name"})
    assert options.model_dump(exclude={"name"}) == wanted
    assert options.name == (request.name or request.filename)
    assert all(value.isascii() and value.isprintable() for value in metadata.values())
    assert sum(len(name) + len(value) for name, value in metadata.items()) <= 2048


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"prompt": "ü" * 1000}, "/prompt"),
        ({"prompt": "p" * 900, "negative_prompt": "n" * 1000}, "/negative_prompt"),
        ({"metadata": {str(number): "x" * 512 for number in range(4)}}, "/metadata"),
    ],
)
def test_more_than_s3_keeps_names_the_largest_of_them(fields: dict[str, Any], pointer: str) -> None:
    form = {"filename": "a.png", "content_type": "image/png"}
    if pointer == "/negative_prompt":
        fields = fields | {"metadata": {"a": "x" * 200}}
    with pytest.raises(InvalidTaskError) as caught:
        write_options(UploadRequest.model_validate(form | fields))
    assert caught.value.pointer == pointer


def test_the_most_that_s3_keeps_is_taken() -> None:
    form = {"filename": "a.png", "content_type": "image/png"}
    options = {"prompt": "p" * 1000, "negative_prompt": "n" * 900}
    written = write_options(UploadRequest.model_validate(form | options))
    assert written["prompt"] == "p" * 1000


def test_a_reserved_key_is_one_task_whatever_its_version() -> None:
    key = reserved_key("anna", "image/png")
    events: list[dict[str, Any]] = [
        {"version_id": "v2"},
        {"version_id": None},
        {"etag": "e2"},
        {"sequencer": "s2"},
    ]
    ids = {an_object(key=key, **event).identity for event in events}
    assert len(ids) == 1


def test_any_other_key_is_a_task_for_each_version() -> None:
    keys = ["uploads/anna/cat.png", "uploads/_promised/cat.png", "uploads/anna/a/_promised/b.png"]
    for key in keys:
        versions = {an_object(key=key, version_id=version).identity for version in ("v1", "v2")}
        assert len(versions) == 2, key


def test_no_two_reservations_and_no_two_owners_share_a_task() -> None:
    keys = [reserved_key(owner, "image/png") for owner in ("anna", "anna", "bob")]
    keys.append(keys[0].replace("/anna/", "/bob/"))
    assert len({an_object(key=key).identity for key in keys}) == len(keys)
    buckets = {an_object(key=keys[0], bucket=bucket).identity for bucket in ("images", "other")}
    assert len(buckets) == 2


@pytest.mark.parametrize("owner", ["anna", "a b", "ä+&?#%", "..."])
def test_a_reserved_key_belongs_to_the_owner_who_asked_for_it(owner: str) -> None:
    assert an_object(key=reserved_key(owner, "image/webp")).owner == owner


@pytest.mark.parametrize("owner", ["", ".", "..", "a\0b", "a\nb", "\x7f"])
def test_an_invalid_owner_name_is_no_owner(owner: str) -> None:
    assert an_object(key=f"uploads/{owner}/cat.png").owner is None


OPTION: Final = st.sampled_from(
    [name.replace("_", "-") for name in TaskOptions.model_fields] + ["meta-", "meta-a", "other"]
)
VALUE: Final = st.one_of(
    st.text(st.characters(codec=None), max_size=20),
    st.sampled_from(
        ["5", "20", "\u0665", "²", "7", "9" * 5000, "a2e-v2", "x" * 1001, "\0", "true", "lora1"]
    ),
)


@BOUNDED
@given(
    metadata=st.dictionaries(OPTION | st.text(max_size=5), VALUE, max_size=20),
    size=st.sampled_from([0, 1, 100, 10 * 1024 * 1024, 10 * 1024 * 1024 + 1]),
    start=st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBP", b""])
    | st.binary(max_size=16),
)
def test_any_metadata_makes_options_or_a_failure(
    metadata: dict[str, str], size: int, start: bytes
) -> None:
    uploaded = UploadedObject("images", "uploads/anna/cat.png", None, "e", "s")
    options = read_options(uploaded, UploadedImage(size, metadata, start))
    if isinstance(options, Failure):
        assert options.code in (FailureCode.INVALID_IMAGE, FailureCode.INVALID_REQUEST)
        assert len(options.message) < 10_000
    else:
        assert isinstance(options, TaskOptions)
        assert 0 < size <= 10 * 1024 * 1024
        assert options.video_time in (5, 10, 15, 20)
        assert options.model_dump_json()


@pytest.mark.parametrize(
    ("kept", "meant"),
    [
        ("=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße"),
        ("=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?no-charset?B?R3LDvMOfZQ==?=", "=?no-charset?B?R3LDvMOfZQ==?="),
        ("=?UTF-8?B?/w==?=", "=?UTF-8?B?/w==?="),
        ("=?UTF-8?B?R?=", "=?UTF-8?B?R?="),
    ],
)
def test_metadata_is_read_as_s3_writes_what_is_not_ascii(kept: str, meant: str) -> None:
    metadata = {"prompt": kept, "meta-note": kept}
    options = read_options(an_object(), UploadedImage(len(PNG), metadata, PNG))
    assert isinstance(options, TaskOptions)
    assert (options.prompt, options.metadata) == (meant, {"note": meant})
