"""One stack in moto for all tests of a module; whoever uses it clears up, or does not mind."""

from collections.abc import Iterator
from typing import Any

import pytest
from image_to_video.tasks import VideoTasks

from tests.conftest import Application, deployed


@pytest.fixture(scope="module")
def stack(template: dict[str, Any], variables: dict[str, str]) -> Iterator[Application]:
    """A stack in moto, for all tests of one module."""
    with deployed(template, dict(variables)) as application:
        yield application


@pytest.fixture
def emptied(stack: Application) -> Application:
    """The stack with nothing in its tables and buckets."""
    for variable, key in (("TASKS_TABLE", "task_id"), ("TOKENS_TABLE", "token_sha256")):
        table = stack.table(variable)
        with table.batch_writer() as batch:
            for item in table.scan(ProjectionExpression=key)["Items"]:
                batch.delete_item(Key=item)
    s3 = stack.client("s3")
    for bucket in ("images", "videos"):
        for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=item["Key"])
    return stack


@pytest.fixture
def workflow_client(tasks: VideoTasks) -> Any:
    """The client that starts executions, to come in between record and start."""
    return tasks._workflow._client
