"""One logger and one set of metrics for every function. Never log a link, a token or an image."""

import logging
import warnings

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger(service="image-to-video")
metrics = Metrics(namespace="ImageToVideo", service="image-to-video")

# At INFO these two write every address they ask, with its query; Lambda's JSON log begins there.
for _chatty in ("httpx", "httpcore"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)

# Most invocations have nothing to count, which is nothing to warn of in every one of them.
warnings.filterwarnings("ignore", message="No application metrics to publish")


def count(name: str, value: int = 1) -> None:
    """Add to the counter `name`; it reaches CloudWatch with the function's log."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
