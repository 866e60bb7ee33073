"""The stack in moto that tests of a module share is for each of them as it was deployed."""

import pytest

from tests.conftest import Application
from tests.support.workflow import executions


def used(application: Application) -> dict[str, object]:
    """What tests can leave behind, service by service."""
    s3, sqs = application.client("s3"), application.client("sqs")
    listed = s3.list_objects_v2(Bucket="videos").get("Contents", [])
    received = sqs.receive_message(QueueUrl=application.queue_url).get("Messages", [])
    secrets = application.client("secretsmanager")
    return {
        "items": application.table("TASKS_TABLE").scan()["Items"],
        "buckets": [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]],
        "objects": [entry["Key"] for entry in listed],
        "uploads": s3.list_multipart_uploads(Bucket="videos").get("Uploads", []),
        "versioning": s3.get_bucket_versioning(Bucket="images").get("Status"),
        "messages": [message["Body"] for message in received],
        "executions": executions(application),
        "topics": len(application.client("sns").list_topics()["Topics"]),
        "secrets": len(secrets.list_secrets()["SecretList"]),
        "token": secrets.get_secret_value(SecretId="a2e-token")["SecretString"],
    }


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_finds_the_stack_as_it_was_deployed(application: Application, turn: int) -> None:
    assert used(application) == {
        "items": [],
        "buckets": ["images", "videos"],
        "objects": [],
        "uploads": [],
        "versioning": None,
        "messages": [],
        "executions": [],
        "topics": 1,
        "secrets": 2,
        "token": "sk_test",
    }
    application.table("TASKS_TABLE").put_item(Item={"task_id": "1"})
    s3, secrets = application.client("s3"), application.client("secretsmanager")
    s3.create_bucket(Bucket="another")
    s3.put_object(Bucket="videos", Key="a", Body=b"a")
    s3.create_multipart_upload(Bucket="videos", Key="b")
    s3.put_bucket_versioning(Bucket="images", VersioningConfiguration={"Status": "Enabled"})
    application.client("sqs").send_message(QueueUrl=application.queue_url, MessageBody="left")
    application.client("stepfunctions").start_execution(
        stateMachineArn=application.environment["STATE_MACHINE_ARN"], name="left", input="{}"
    )
    secrets.put_secret_value(SecretId="a2e-token", SecretString="another")
    secrets.delete_secret(
        SecretId=application.environment["CURSOR_KEY_SECRET"], ForceDeleteWithoutRecovery=True
    )
    sns = application.client("sns")
    sns.delete_topic(TopicArn=application.environment["TOPIC_ARN"])
