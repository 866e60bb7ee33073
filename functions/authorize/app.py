"""API Gateway authorizer: maps a bearer token to its owner."""

import json
from typing import Any

# Imported while Lambda lends the start of a container a whole processor, not by the first event.
import image_to_video.adapters.token_table
import image_to_video.clients
from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video.container import now, token_table
from image_to_video.observability import logger, metrics


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return a policy for the whole stage, because API Gateway caches it for every route.

    Its form: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
    """
    token = token_table().authenticate(event["authorizationToken"])
    # arn:aws:execute-api:{region}:{account}:{api}/{stage}/{method}/{path}
    api, stage = event["methodArn"].split("/")[:2]
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": "Allow" if token.is_valid(now()) else "Deny",
        "Resource": [f"{api}/{stage}/*/*"],
    }
    # A release without test mode finds no owner of a test token, and pays nothing for it.
    said = "test_owner" if token.test else "owner"
    return {
        "principalId": token.owner,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        # The access log inserts what it is given as it is, between quotation marks.
        "context": {said: token.owner, f"{said}_in_json": json.dumps(token.owner)[1:-1]},
    }
