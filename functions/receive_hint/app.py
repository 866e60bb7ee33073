"""The generator's own calls: a task has changed. They may have it polled, and nothing else."""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from image_to_video.container import settings
from image_to_video.contract import openapi_responses as answers
from image_to_video.contract.openapi_responses import problems
from image_to_video.contract.rest_api import RestApi
from image_to_video.contract.rest_requests import HintToken, TaskId
from image_to_video.observability import logger, metrics
from image_to_video.wiring import application

app = RestApi(cors_origin=lambda: settings().cors_origin)


@app.post(
    "/hints/<task_id>",
    operation_id="receive_hint",
    summary="For the generator: a task has changed",
    description="The generator's own call, with the token that it was given for it; the body is not"
    " read. The task is polled now. Every call is answered alike, whatever became of it.",
    tags=["hints"],
    responses=answers.HINT_RECEIVED | problems(404, 429, 503),
)
def receive_hint(task_id: TaskId, token: HintToken = None) -> Response[None]:
    logger.append_keys(task_id=task_id)
    application().hints.receive(task_id, token or "")
    return Response(HTTPStatus.NO_CONTENT)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    return app.resolve(event, context)
