"""What the form of an upload says is what its object is read as; which objects are one task."""

import hashlib
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_to_video.adapters.storage import UploadedImage
from image_to_video.contract.requests import TaskOptions, UploadRequest
from image_to_video.domain.errors import InvalidTaskError
from image_to_video.domain.task import FailureCode, ModelVersion
from image_to_video.lifecycle.uploads import (
    Order,
    UploadedObject,
    read_order,
    reserved_key,
    unreadable_order,
    write_options,
)

from tests.support.corrupted_json import BOUNDED
from tests.support.images import JPEG, PNG

# What a text may have; the noncharacters are among those that mean nothing (Cn).
letters = st.characters(exclude_categories=["Cs", "Cc", "Cn"], exclude_characters="\ufffd")
file_names = st.text(letters, min_size=1, max_size=60)
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


def an_image(
    metadata: dict[str, str] | None = None, content: bytes = PNG, **fields: Any
) -> UploadedImage:
    plain: dict[str, Any] = {
        "size": len(content),
        "metadata": metadata or {},
        "etag": hashlib.md5(content, usedforsecurity=False).hexdigest(),
        "version_id": "v1",
        "content": content,
    }
    return UploadedImage(**plain | fields)


def order_of(metadata: dict[str, str] | None = None, content: bytes = PNG, **fields: Any) -> Order:
    return read_order(an_object(), an_image(metadata, content, **fields))


@given(requests)
def test_a_form_s_options_are_read_from_its_object(fields: dict[str, Any]) -> None:
    request = UploadRequest.model_validate(fields)
    try:
        metadata = write_options(request)
    except InvalidTaskError:
        return

    order = order_of(metadata)

    assert order.failure is None
    options = order.options
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


def test_a_reserved_key_is_one_task_whatever_is_put_there() -> None:
    uploaded = an_object(key=reserved_key("anna", "image/png"))
    archived = UploadedImage(9, {}, "e", "v3", None, is_archived=True)
    images = [an_image(), an_image(content=JPEG), an_image({"prompt": "x"}), archived]
    ids = {read_order(uploaded, image).identity for image in images}
    ids |= {unreadable_order(uploaded, "It is gone.").identity}
    assert ids == {uploaded.identity()}


def test_the_same_content_and_options_under_one_key_are_one_order() -> None:
    order = order_of({"prompt": "wave", "video-time": "5"})
    same = [
        order_of({"prompt": "wave"}),
        order_of({"prompt": "wave", "mtime": "1764208000.5", "uid": "501", "mode": "33188"}),
        order_of({"prompt": "=?UTF-8?B?d2F2ZQ==?=", "model-version": "a2e"}),
        order_of({"prompt": "wave"}, version_id="v2", etag="0123-2"),
    ]
    assert {other.identity for other in same} == {order.identity}


def test_other_content_other_options_and_another_key_are_other_orders() -> None:
    given = [
        {},
        {"prompt": "a"},
        {"negative-prompt": "a"},
        {"name": "a"},
        {"meta-take": "2"},
        {"extend-prompt": "true"},
    ]
    orders = [order_of(metadata) for metadata in [*given, {"video-time": "10"}, {"meta-take": "3"}]]
    orders += [order_of(content=JPEG), read_order(an_object(key="uploads/anna/b"), an_image())]
    # Wrong options are other ones than none, or none could follow them.
    orders += [order_of({"video-time": "7"}), order_of({"video_time": "10"})]
    assert len({order.identity for order in orders}) == len(orders)


def test_an_option_at_its_default_is_no_part_of_an_identity() -> None:
    """Or a release with one more option would make a new order of every object that is touched."""
    options = order_of({"meta-take": "2", "video-time": "10"})
    wanted = (hashlib.md5(PNG).hexdigest(), '{"metadata": {"take": "2"}, "video_time": 10}')
    assert options.identity == an_object().identity("", *wanted)


def test_an_archived_object_is_another_order_that_knows_what_it_was() -> None:
    before = order_of({"prompt": "wave"})
    archived = UploadedImage(
        len(PNG), {"prompt": "wave"}, an_image().etag, "v2", None, is_archived=True
    )
    order = read_order(an_object(), archived)
    assert order.earlier == before.identity != order.identity
    assert before.earlier is None
    assert order.failure is not None
    assert "archived" in order.failure.message
    assert order.options.prompt == "wave"


def test_an_object_that_cannot_be_read_is_an_order_for_each_version() -> None:
    orders = [
        unreadable_order(an_object(**fields), "It is gone.")
        for fields in ({}, {"version_id": "v2"}, {"version_id": None}, {"sequencer": "s2"})
    ]
    assert len({order.identity for order in orders}) == 3
    assert {order.failure.message for order in orders if order.failure} == {"It is gone."}


def test_what_is_too_large_to_be_read_is_one_order_while_its_size_stays() -> None:
    large = [
        UploadedImage(20_000_000 + more, {}, etag, None, None)
        for more, etag in ((0, "a-3"), (0, "b"), (1, "b"))
    ]
    orders = [read_order(an_object(), image) for image in large]
    assert orders[0].identity == orders[1].identity != orders[2].identity
    assert all("at most 10485760" in str(order.failure) for order in orders)


def test_a_bad_image_keeps_its_options() -> None:
    order = order_of({"meta-order": "77", "name": "Sea"}, JPEG[:-2])
    assert (order.options.metadata, order.options.name) == ({"order": "77"}, "Sea")
    assert order.failure is not None
    assert order.failure.code is FailureCode.INVALID_IMAGE


def test_no_two_reservations_and_no_two_owners_share_a_task() -> None:
    keys = [reserved_key(owner, "image/png") for owner in ("anna", "anna", "bob")]
    keys.append(keys[0].replace("/anna/", "/bob/"))
    assert len({an_object(key=key).identity() for key in keys}) == len(keys)
    buckets = {an_object(key=keys[0], bucket=bucket).identity() for bucket in ("images", "other")}
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
    content=st.sampled_from([PNG, JPEG[:-2], None]) | st.binary(max_size=16),
)
def test_any_metadata_makes_an_order_or_a_failure(
    metadata: dict[str, str], content: bytes | None
) -> None:
    uploaded = UploadedObject("images", "uploads/anna/cat.png", None, "e", "s")
    image = UploadedImage(len(content or b""), metadata, "e", None, content)
    order = read_order(uploaded, image)
    assert read_order(uploaded, image) == order
    assert len(order.identity) == 64
    if order.failure is not None:
        assert order.failure.code in (FailureCode.INVALID_IMAGE, FailureCode.INVALID_REQUEST)
        assert len(order.failure.message) < 10_000
    else:
        assert content == PNG
    assert order.options.video_time in (5, 10, 15, 20)
    assert order.options.model_dump_json()


@pytest.mark.parametrize(
    ("kept", "meant"),
    [
        ("=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße"),
        ("=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?no-charset?B?R3LDvMOfZQ==?=", "=?no-charset?B?R3LDvMOfZQ==?="),
        ("=?UTF-8?B?R?=", "=?UTF-8?B?R?="),
    ],
)
def test_metadata_is_read_as_s3_writes_what_is_not_ascii(kept: str, meant: str) -> None:
    metadata = {"prompt": kept, "meta-note": kept}
    order = order_of(metadata)
    assert order.failure is None
    options = order.options
    assert (options.prompt, options.metadata) == (meant, {"note": meant})


@pytest.mark.parametrize("option", ["prompt", "negative-prompt", "name", "meta-note"])
@pytest.mark.parametrize(
    ("kept", "why"),
    [
        ("a\0b", "character 2 is U+0000, a control character"),
        ("=?UTF-8?B?AAAA?=", "character 1 is U+0000, a control character"),
        ("=?UTF-8?Q?two=0Alines?=", "character 4 is U+000A, a tab or a line break"),
        ("=?UTF-8?B?77++?=", "character 1 is U+FFFE, a noncharacter"),
        ("=?UTF-16?B?/f//3w==?=", "character 1 is U+FFFD, which stands for bytes"),
        ("=?UTF-8?B?/w==?=", "character 1 is U+FFFD, which stands for bytes"),
    ],
)
def test_a_forbidden_character_in_metadata_is_refused_however_it_is_written(
    option: str, kept: str, why: str
) -> None:
    failure = order_of({option: kept}).failure

    assert failure is not None
    assert failure.code is FailureCode.INVALID_REQUEST
    assert why in failure.message
