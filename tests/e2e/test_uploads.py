"""What really arrives in the images bucket: orders, repeated ones, and what is none at all."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image

from i2v.simulator.sample import SAMPLE_PATH
from tests.e2e.conftest import Running, logged
from tests.support.patience import until
from tests.support.simulation import encoded

PICTURE = SAMPLE_PATH.read_bytes()


class Uploads:
    """One owner's uploads, whom nobody else is, and what becomes of them."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.s3 = running.emulator.client("s3")
        self.bucket = running.stack.images_bucket

    def key(self) -> str:
        return f"uploads/{self.running.stack.owner}/{uuid4().hex}.png"

    def put(self, key: str, body: bytes = PICTURE, **options: Any) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **options)

    def copy(self, key: str, **options: Any) -> None:
        """Copy an object onto itself."""
        source = {"Bucket": self.bucket, "Key": key}
        self.s3.copy_object(Bucket=self.bucket, Key=key, CopySource=source, **options)

    def put_in_parts(self, key: str, body: bytes, size: int) -> None:
        at = {"Bucket": self.bucket, "Key": key}
        at["UploadId"] = self.s3.create_multipart_upload(**at)["UploadId"]
        parts = [
            {
                "PartNumber": number,
                "ETag": self.s3.upload_part(
                    **at, PartNumber=number, Body=body[start : start + size]
                )["ETag"],
            }
            for number, start in enumerate(range(0, len(body), size), start=1)
        ]
        self.s3.complete_multipart_upload(**at, MultipartUpload={"Parts": parts})

    def tasks(self, key: str) -> list[dict[str, Any]]:
        """The tasks of a key, the newest first."""
        with self.running.api() as api:
            listed = api.get("/tasks", params={"limit": 100}).json()["data"]
        return [task for task in listed if task["image_url"] == f"s3://{self.bucket}/{key}"]

    def ends(self, key: str, count: int = 1) -> list[dict[str, Any]]:
        """The tasks of a key, once there are that many and all have ended."""
        until(lambda: len(self.tasks(key)) >= count)
        return [self.running.end_of(task["task_id"]) for task in self.tasks(key)]

    def starts(self, key: str) -> int:
        """How many starts were paid for a key."""
        ids = {task["task_id"] for task in self.tasks(key)}
        return sum(charge["name"].partition("-")[0] in ids for charge in self.running.ledger())

    def counted(self, metric: str) -> int:
        """How often the functions have counted something."""
        return logged(self.running.emulator).count(f'"{metric}":[1.0]')

    def until_counted(self, metric: str, change: Callable[[], object]) -> None:
        """Change an object, and wait until that was counted."""
        before = self.counted(metric)
        change()
        until(lambda: self.counted(metric) > before, pause=0.3)


@pytest.fixture(scope="module")
def uploads(running: Running) -> Uploads:
    return Uploads(running)


def test_administration_of_an_object_is_paid_for_once(uploads: Uploads) -> None:
    key, options = uploads.key(), {"prompt": "She smiles."}
    uploads.put(key, Metadata=options)
    [task] = uploads.ends(key)
    assert task["status"] == "succeeded"
    attributes = options | {"mtime": "1764208000.25"}
    for change in (
        partial(uploads.put, Metadata=options),
        partial(uploads.copy, Metadata=attributes, MetadataDirective="REPLACE"),
        partial(uploads.copy, StorageClass="STANDARD_IA"),
        partial(uploads.copy, StorageClass="GLACIER"),
    ):
        uploads.until_counted("UploadsRepeated", partial(change, key))
    assert [task["task_id"]] == [known["task_id"] for known in uploads.tasks(key)]
    assert uploads.starts(key) == 1


def test_an_upload_in_parts_and_its_copy_are_paid_for_once(uploads: Uploads) -> None:
    key, size = uploads.key(), 5 * 1024 * 1024
    # Bytes behind the end are no part of the picture.
    uploads.put_in_parts(key, PICTURE.ljust(size + 1, b"\0"), size)
    uploads.ends(key)
    repeat = partial(uploads.copy, key, StorageClass="STANDARD_IA")
    uploads.until_counted("UploadsRepeated", repeat)
    assert uploads.starts(key) == len(uploads.tasks(key)) == 1


def test_other_options_and_other_content_are_new_orders(uploads: Uploads) -> None:
    key = uploads.key()
    uploads.put(key)
    uploads.ends(key)
    uploads.copy(key, Metadata={"meta-take": "2"}, MetadataDirective="REPLACE")
    uploads.ends(key, 2)
    uploads.put(key, encoded(Image.new("RGB", (320, 180), "navy"), "JPEG"))
    assert [task["status"] for task in uploads.ends(key, 3)] == ["succeeded"] * 3
    assert uploads.starts(key) == 3


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_the_uploader_hears_of_an_archived_upload(uploads: Uploads, storage_class: str) -> None:
    key, metadata = uploads.key(), {"meta-order": "77"}
    uploads.put(key, StorageClass=storage_class, Metadata=metadata)
    [task] = uploads.ends(key)
    assert task["failure"]["code"] == "invalid_image"
    assert "archived" in task["failure"]["message"]
    assert task["metadata"] == {"order": "77"}
    uploads.put(key, Metadata=metadata)
    statuses = {known["status"] for known in uploads.ends(key, 2)}
    assert statuses == {"failed", "succeeded"}
    assert uploads.starts(key) == 1


def test_the_uploader_hears_of_an_upload_with_a_key_of_its_own(uploads: Uploads) -> None:
    key = uploads.key()
    uploads.put(key, SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32)
    [task] = uploads.ends(key)
    assert task["failure"]["code"] == "invalid_image"
    assert "encrypted" in task["failure"]["message"]
    assert uploads.starts(key) == 0


def test_folder_marks_and_empty_first_writes_are_no_orders(uploads: Uploads) -> None:
    folder, written = uploads.key().removesuffix(".png") + "/", uploads.key()
    uploads.until_counted("UploadsEmpty", partial(uploads.put, folder, b""))
    empty = partial(uploads.put, written, b"", Metadata={"mode": "33188"})
    uploads.until_counted("UploadsEmpty", empty)
    assert uploads.tasks(folder) == uploads.tasks(written) == []
    uploads.put(written)
    [task] = uploads.ends(written)
    assert task["status"] == "succeeded"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"\xff\xd8\xff", "cut"),
        (encoded(Image.effect_noise((300, 200), 60), "JPEG")[:9000], "cut"),
        (PICTURE[: len(PICTURE) // 3], "cut"),
        (encoded(Image.effect_noise((300, 200), 60), "WEBP")[:-1], "cut"),
    ],
    ids=["three bytes", "JPEG", "PNG", "WebP"],
)
def test_a_picture_that_can_never_be_decoded_is_not_paid_for(
    uploads: Uploads, body: bytes, words: str
) -> None:
    key = uploads.key()
    uploads.put(key, body)
    [task] = uploads.ends(key)
    assert task["failure"]["code"] == "invalid_image"
    assert words in task["failure"]["message"]
    assert uploads.starts(key) == 0
