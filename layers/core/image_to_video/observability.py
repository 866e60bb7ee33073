"""One logger and one set of metrics for every function. Never log a link, a token or an image."""

import json
import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Literal

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

_LINK: Final = re.compile(r"https?://\S+", re.I)
_QUERY: Final = re.compile(r"[?#]")
_TOKEN: Final = re.compile(r"\b(sk_|i2v_|eyJ|Bearer\s+)[^\s\"',;]+", re.I)
_SIGNATURE: Final = re.compile(
    r"\b(X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token|Signature|token|sig)=[^\s&]+", re.I
)

# What these write below WARNING holds addresses with their queries, headers, signatures and
# bodies, the secret's among them. Lambda's JSON log begins at INFO, or where an operator sets it.
for _chatty in ("aws_lambda_powertools", "boto3", "botocore", "httpcore", "httpx", "urllib3"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)

# Most invocations have nothing to count, which is nothing to warn of in every one of them.
warnings.filterwarnings("ignore", message="No application metrics to publish")


def without_secrets(text: str) -> str:
    """Cut the queries of links, which may carry signatures, and tokens of every kind known here."""
    text = _LINK.sub(lambda link: _QUERY.split(link[0], maxsplit=1)[0], text)
    return _SIGNATURE.sub(r"\1=...", _TOKEN.sub(r"\1...", text))


def hide_query(exception: Exception, **_: object) -> None:
    """Cut the query from an SDK's error about an address it could not reach; Lambda logs errors.

    Made for the SDK's event `after-call-error`.
    """
    exception.args = tuple(
        without_secrets(part) if isinstance(part, str) else part for part in exception.args
    )


def _written(record: dict[str, Any]) -> str:
    """A log line. Nothing should bring a secret this far; tracebacks quote what others raise."""
    return json.dumps(_cleaned(record), separators=(",", ":"))


def _cleaned(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case dict():
            return {without_secrets(str(key)): _cleaned(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_cleaned(inner) for inner in value]
        case _:
            return without_secrets(str(value))


logger = Logger(service="image-to-video", json_serializer=_written)
metrics = Metrics(namespace="ImageToVideo", service="image-to-video")


_of_test_task: Final = ContextVar("of_test_task", default=False)


@contextmanager
def apart(*, test: bool) -> Iterator[None]:
    """Where `test`, what is counted within has `Test` before its name, and its log says `test`.

    So no alarm and no figure about money or the generator is about test tasks.
    """
    if not test:
        yield
        return
    before = _of_test_task.set(True)
    logger.append_keys(test=True)
    try:
        yield
    finally:
        _of_test_task.reset(before)
        logger.remove_keys(["test"])


def count(name: str, value: int = 1) -> None:
    """Add to the counter `name`; it reaches CloudWatch with the function's log."""
    _add(name, MetricUnit.Count, value)


def measure(name: str, value: float, unit: Literal["Count", "Percent", "Seconds"]) -> None:
    """Note one value of the metric `name`, of which averages and percentiles are shown."""
    _add(name, MetricUnit(unit), value)


def _add(name: str, unit: MetricUnit, value: float) -> None:
    # Read here and not from the settings, which may be what is wrong. Several stacks of an account
    # share the namespace.
    if "stack" not in metrics.dimension_set:
        metrics.add_dimension(name="stack", value=os.environ.get("STACK_NAME") or "unknown")
    name = f"Test{name}" if _of_test_task.get() else name
    metrics.add_metric(name=name, unit=unit, value=value)
