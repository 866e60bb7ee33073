"""The deployed resources lose nothing, expose nothing and have no more permissions than needed."""

import re
from typing import Any

import pytest
from image_to_video.adapters.sample_clips import CUT, WHOLE
from image_to_video.domain.owner_names import TEST_PREFIX
from image_to_video.domain.test_mode import TEST_RETENTION_DAYS

from tests.support.permissions import statements

Resources = dict[str, Any]


def of_type(translated: Resources, kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource
        for name, resource in translated.items()
        if resource["Type"] == f"AWS::{kind}"
    }


def test_the_data_of_users_outlives_the_stack(translated: Resources) -> None:
    kept = {"TasksTable", "TokensTable", "ImagesBucket", "VideosBucket"}
    for name in kept:
        # A first deploy that fails leaves none of them behind, with nothing in it.
        assert translated[name]["DeletionPolicy"] == "RetainExceptOnCreate", name
        assert translated[name]["UpdateReplacePolicy"] == "Retain", name


def test_tables_can_be_restored_and_are_encrypted(translated: Resources) -> None:
    tables = of_type(translated, "DynamoDB::Table")
    assert tables
    for name, table in tables.items():
        properties = table["Properties"]
        recovery = properties["PointInTimeRecoverySpecification"]
        assert recovery == {"PointInTimeRecoveryEnabled": True}, name
        assert properties["SSESpecification"] == {"SSEEnabled": True}, name
        assert properties["BillingMode"] == "PAY_PER_REQUEST", name


def test_closed_tasks_expire_and_changes_are_streamed(translated: Resources) -> None:
    properties = translated["TasksTable"]["Properties"]
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert properties["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_a_change_that_could_not_be_published_is_delivered_again(translated: Resources) -> None:
    (stream,) = of_type(translated, "Lambda::EventSourceMapping").values()
    properties = stream["Properties"]
    assert properties["EventSourceArn"] == {"Fn::GetAtt": ["TasksTable", "StreamArn"]}
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert properties["StartingPosition"] == "TRIM_HORIZON"
    assert properties["BisectBatchOnFunctionError"] is True


@pytest.mark.parametrize("bucket", ["ImagesBucket", "VideosBucket"])
def test_buckets_are_private_encrypted_and_accept_only_tls(
    translated: Resources, bucket: str
) -> None:
    properties = translated[bucket]["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    (ownership,) = properties["OwnershipControls"]["Rules"]
    assert ownership == {"ObjectOwnership": "BucketOwnerEnforced"}
    assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    rules = properties["LifecycleConfiguration"]["Rules"]
    assert any(rule.get("AbortIncompleteMultipartUpload") for rule in rules)
    policy = translated[f"{bucket}Policy"]["Properties"]
    assert policy["Bucket"] == {"Ref": bucket}
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert (statement["Principal"], statement["Action"]) == ("*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    whole = [{"Fn::GetAtt": [bucket, "Arn"]}, {"Fn::Sub": f"${{{bucket}.Arn}}/*"}]
    assert statement["Resource"] == whole


def test_there_is_no_bucket_without_such_a_policy(translated: Resources) -> None:
    assert set(of_type(translated, "S3::Bucket")) == {"ImagesBucket", "VideosBucket"}


def test_uploads_keep_their_versions_and_are_reported(translated: Resources) -> None:
    properties = translated["ImagesBucket"]["Properties"]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    notified = properties["NotificationConfiguration"]
    assert notified == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    # What the system itself writes must never start a task.
    assert "NotificationConfiguration" not in translated["VideosBucket"]["Properties"]


def test_topics_and_queues_are_encrypted(translated: Resources) -> None:
    topics = of_type(translated, "SNS::Topic")
    # CloudWatch cannot publish to it otherwise, and it contains nothing about a task.
    topics.pop("AlarmsTopic")
    for name, topic in topics.items():
        assert topic["Properties"]["KmsMasterKeyId"], name
    for name, queue in of_type(translated, "SQS::Queue").items():
        properties = queue["Properties"]
        assert properties.get("KmsMasterKeyId") or properties.get("SqsManagedSseEnabled"), name


def test_each_function_has_a_role_of_its_own(translated: Resources) -> None:
    functions = of_type(translated, "Lambda::Function")
    roles = [function["Properties"]["Role"]["Fn::GetAtt"][0] for function in functions.values()]
    assert sorted(roles) == sorted(f"{name}Role" for name in functions)


def test_the_account_s_token_is_no_parameter_no_variable_and_no_output(template: Resources) -> None:
    assert not [name for name in template["Parameters"] if "Token" in name or "Secret" in name]
    # CloudFormation writes a value whenever it changes in the template; there is none.
    assert set(template["Resources"]["A2ETokenSecret"]["Properties"]) == {"Description"}
    holders = [
        name
        for name, output in template["Outputs"].items()
        if "A2ETokenSecret" in str(output["Value"])
    ]
    assert holders == ["A2ETokenSecretArn"], "the name of the secret, and nothing of its value"


def test_no_statement_permits_more_than_named_actions_on_named_resources(
    translated: Resources,
) -> None:
    seen = 0
    for name, role in of_type(translated, "IAM::Role").items():
        for statement in statements(role):
            seen += 1
            given = statement["Action"]
            actions = given if isinstance(given, list) else [given]
            assert not any("*" in action for action in actions), name
            if statement["Resource"] == "*":
                # X-Ray, alarms and the delivery of workflows' logs know no narrower resource.
                kinds = {action.partition(":")[0] for action in actions}
                permitted = {
                    "GenerateVideoRole": {"logs"},
                    "CanaryRole": {"cloudwatch"},
                }.get(name, set())
                assert kinds <= {"xray"} | permitted, name
    assert seen > len(of_type(translated, "Lambda::Function"))


def test_no_role_has_a_policy_that_others_write(translated: Resources) -> None:
    """SAM attaches managed ones, which permit all logs, streams and traces of the account."""
    roles = of_type(translated, "IAM::Role")
    attached = {
        name: arns
        for name, role in roles.items()
        if (arns := role["Properties"].get("ManagedPolicyArns"))
    }
    # API Gateway asks for this very one, on behalf of all APIs of the account.
    [(name, [arn])] = attached.items()
    assert name == "ApiGatewayLogRole"
    assert arn["Fn::Sub"].endswith("/AmazonAPIGatewayPushToCloudWatchLogs")
    assert not of_type(translated, "IAM::ManagedPolicy") | of_type(translated, "IAM::Policy")


def test_a_function_writes_its_own_log_and_no_other(translated: Resources) -> None:
    for name, function in of_type(translated, "Lambda::Function").items():
        [written] = (
            statement["Resource"]
            for statement in statements(translated[f"{name}Role"])
            if "logs:PutLogEvents" in statement["Action"]
        )
        group = function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        assert written == {"Fn::GetAtt": [group, "Arn"]}, name


def test_what_anybody_may_call_has_no_rights_or_those_of_a_poll(translated: Resources) -> None:
    def actions(role: str) -> set[str]:
        return {
            action
            for statement in statements(translated[role])
            for action in statement["Action"]
            if not action.startswith(("logs:", "xray:"))
        }

    assert actions("PublicFunctionRole") == set()
    hints = statements(translated["ReceiveHintFunctionRole"])
    assert "A2ETokenSecret" not in str(hints)
    assert not {action for action in actions("ReceiveHintFunctionRole") if "Delete" in action}


def test_one_function_reads_one_stream(translated: Resources) -> None:
    readers = {
        name: statement["Resource"]
        for name, role in of_type(translated, "IAM::Role").items()
        for statement in statements(role)
        if any("Stream" in action or "Records" in action for action in statement["Action"])
        and "logs:CreateLogStream" not in statement["Action"]
        and "xray:PutTelemetryRecords" not in statement["Action"]
    }
    stream = {"Fn::GetAtt": ["TasksTable", "StreamArn"]}
    assert readers == {"PublishEventsFunctionRole": stream}


def test_the_workflow_s_role_is_taken_by_this_account_s_workflows_alone(
    translated: Resources,
) -> None:
    document = translated["GenerateVideoRole"]["Properties"]["AssumeRolePolicyDocument"]
    [trusted] = document["Statement"]
    assert trusted["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert trusted["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"].endswith(":stateMachine:*")


def test_only_publish_events_publishes_and_only_store_video_writes_videos(
    translated: Resources,
) -> None:
    def holders(action: str, resource: str = "") -> set[str]:
        return {
            name.removesuffix("FunctionRole")
            for name, role in of_type(translated, "IAM::Role").items()
            for statement in statements(role)
            if action in statement["Action"] and resource in str(statement["Resource"])
        }

    assert holders("sns:Publish") == {"PublishEvents"}
    assert holders("s3:PutObject", "VideosBucket.Arn}/*") == {"StoreVideo"}
    # The sample that test tasks end with, by name: whoever asks the generator may put it there.
    checkers = {"StoreVideo", "Api", "OnImageUploaded", "PollTask", "RedriveTask"}
    assert holders("s3:PutObject", "VideosBucket") == checkers
    for key in (WHOLE, CUT):
        assert holders("s3:PutObject", f"VideosBucket.Arn}}/{key}") == checkers - {"StoreVideo"}
    # The forms of POST /uploads are signed with this role.
    assert holders("s3:PutObject", "ImagesBucket") == {"Api"}
    assert holders("s3:PutObject", "/uploads/*/_promised/*") == {"Api"}
    # Entries of the line are deleted, and nothing else is.
    assert holders("dynamodb:DeleteItem") == holders("dynamodb:DeleteItem", "LimitsTable")
    assert not holders("dynamodb:DeleteItem", "TasksTable")


def test_every_function_the_api_and_the_machine_are_traced_by_choice(
    translated: Resources,
) -> None:
    traces = {"Fn::If": ["Traces", True, False]}
    for name, function in of_type(translated, "Lambda::Function").items():
        assert function["Properties"]["TracingConfig"] == {"Mode": {"Ref": "Tracing"}}, name
        assert function["Properties"]["LoggingConfig"]["LogFormat"] == "JSON", name
    (machine,) = of_type(translated, "StepFunctions::StateMachine").values()
    assert machine["Properties"]["TracingConfiguration"] == {"Enabled": traces}
    (stage,) = of_type(translated, "ApiGateway::Stage").values()
    assert stage["Properties"]["TracingEnabled"] == traces
    assert machine["Properties"]["StateMachineType"] == "STANDARD"


def test_lambda_retries_the_event_of_an_upload_a_stated_number_of_times(
    translated: Resources,
) -> None:
    config = translated["OnImageUploadedFunctionEventInvokeConfig"]["Properties"]
    assert config["MaximumRetryAttempts"] == 2
    assert config["MaximumEventAgeInSeconds"] >= 3600


def test_a_revoked_token_is_accepted_for_a_minute_at_most(template: Resources) -> None:
    authorizer = template["Resources"]["Api"]["Properties"]["Auth"]["Authorizers"]["BearerToken"]
    assert authorizer["Identity"] == {"Header": "Authorization", "ReauthorizeEvery": 60}


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("https://video.a2e.ai", True),
        ("https://video.a2e.ai/api", True),
        ("http://127.0.0.1:8001", True),
        ("http://localhost:8001", True),
        ("http://video.a2e.ai", False),
        ("http://127.0.0.1.example.com", False),
        ("http://127.0.0.1@example.com", False),
        ("http://localhost.example.com", False),
        ("http://localhost:80@example.com", False),
        ("https://video.a2e.ai/", False),
        ("ftp://video.a2e.ai", False),
    ],
)
def test_the_account_s_token_is_sent_by_tls_or_stays_on_the_machine(
    template: Resources, address: str, good: bool
) -> None:
    assert bool(re.fullmatch(template["Parameters"]["A2EUrl"]["AllowedPattern"], address)) is good


def test_images_are_deleted_after_the_days_that_are_set(template: Resources) -> None:
    rules = template["Resources"]["ImagesBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    (rule,) = (rule for rule in rules if "ExpirationInDays" in rule)
    assert rule["Status"] == {"Fn::If": ["ForgetsImages", "Enabled", "Disabled"]}
    days = {"Fn::If": ["ForgetsImages", {"Ref": "ImageRetentionDays"}, 1]}
    assert rule["ExpirationInDays"] == days
    kept = {"Fn::Not": [{"Fn::Equals": [{"Ref": "ImageRetentionDays"}, "0"]}]}
    assert template["Conditions"]["ForgetsImages"] == kept


@pytest.mark.parametrize("bucket", ["ImagesBucket", "VideosBucket"])
def test_a_deleted_or_replaced_object_can_be_restored_for_a_month(
    translated: Resources, bucket: str
) -> None:
    properties = translated[bucket]["Properties"]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = properties["LifecycleConfiguration"]["Rules"]
    gone = [r["NoncurrentVersionExpiration"] for r in rules if "NoncurrentVersionExpiration" in r]
    assert gone == [{"NoncurrentDays": 30}]


def test_a_video_is_never_deleted_by_its_age_but_that_of_a_test_task(translated: Resources) -> None:
    rules = translated["VideosBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    [rule] = [rule for rule in rules if {"ExpirationInDays", "ExpirationDate"} & set(rule)]
    assert rule["Prefix"] == TEST_PREFIX
    # No record names a video that is gone.
    assert rule["ExpirationInDays"] > TEST_RETENTION_DAYS


def test_the_log_role_of_the_whole_account_outlives_the_stack(translated: Resources) -> None:
    for name in ("ApiGatewayLogRole", "ApiGatewayLogAccount"):
        assert translated[name]["DeletionPolicy"] == "Retain", name
        assert translated[name]["UpdateReplacePolicy"] == "Retain", name
        assert translated[name]["Condition"] == "SetsApiGatewayLogRole", name


def test_the_workflow_s_log_is_named_as_aws_advises(translated: Resources) -> None:
    name = translated["GenerateVideoLogGroup"]["Properties"]["LogGroupName"]["Fn::Sub"]
    assert name.startswith("/aws/vendedlogs/states/")
