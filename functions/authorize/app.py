"""API Gateway authorizer: maps a bearer token to its owner."""

from typing import Any

from aws_lambda_powertools.utilities.data_classes import event_source
from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import (
    APIGatewayAuthorizerResponse,
    APIGatewayAuthorizerTokenEvent,
)
from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video.container import now, token_table
from image_to_video.observability import logger, metrics


@logger.inject_lambda_context
@metrics.log_metrics
@event_source(data_class=APIGatewayAuthorizerTokenEvent)
def handler(event: APIGatewayAuthorizerTokenEvent, context: LambdaContext) -> dict[str, Any]:
    """Return a policy for the whole stage, because API Gateway caches it for every route."""
    token = token_table().authenticate(event.authorization_token)
    policy = APIGatewayAuthorizerResponse.from_route_arn(
        event.method_arn, principal_id=token.owner, context={"owner": token.owner}
    )
    if token.is_valid(now()):
        policy.allow_all_routes()
    else:
        policy.deny_all_routes()
    return policy.asdict()
