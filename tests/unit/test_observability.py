"""What is logged carries no secrets; what is counted reaches the metrics."""

import json
import logging

import pytest
from image_to_video.observability import (
    apart,
    count,
    hide_query,
    logger,
    measure,
    metrics,
    without_secrets,
)

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"see https://a.example/v.mp4?sig={SECRET} now", "see https://a.example/v.mp4 now"),
        (f"see HTTPS://a.example/v.mp4#sig={SECRET}", "see HTTPS://a.example/v.mp4"),
        (f"sk_{SECRET} and i2v_{SECRET}", "sk_... and i2v_..."),
        (f"by i2v_test_{SECRET}", "by i2v_..."),
        (f"Authorization: Bearer {SECRET}", "Authorization: Bearer ..."),
        (f"eyJ{SECRET}.{SECRET}", "eyJ..."),
        (f"X-Amz-Signature={SECRET}&a=b", "X-Amz-Signature=...&a=b"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_queries_tokens_and_signatures_are_cut(text: str, clean: str) -> None:
    assert without_secrets(text) == clean


def test_a_log_line_is_clean_in_keys_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    stream = logger.handlers[0]
    record = logging.LogRecord("image-to-video", logging.ERROR, "", 0, "failed", None, None)
    record.reason = {f"sk_{SECRET}": [f"https://a.example/?s={SECRET}", 5, None, True]}
    line = stream.format(record)
    assert SECRET not in line
    assert json.loads(line)["reason"] == {"sk_...": ["https://a.example/", 5, None, True]}


def test_an_error_of_the_sdk_loses_its_query() -> None:
    error = OSError(f"no route to https://a.example/?s={SECRET}", 5)
    hide_query(error, operation="any")
    assert error.args == ("no route to https://a.example/", 5)


def test_a_count_is_added_to_its_metric() -> None:
    metrics.clear_metrics()
    count("TasksLate")
    count("TasksLate", 2)
    assert metrics.metric_set["TasksLate"]["Value"] == [1.0, 2.0]
    metrics.clear_metrics()


@pytest.mark.parametrize(("named", "stack"), [("dev", "dev"), ("", "unknown"), (None, "unknown")])
def test_a_metric_tells_its_stack_after_each_flush_again(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    named: str | None,
    stack: str,
) -> None:
    """Read from the environment alone: wrong settings must not keep a failure from being told."""
    if named is None:
        monkeypatch.delenv("STACK_NAME", raising=False)
    else:
        monkeypatch.setenv("STACK_NAME", named)
    metrics.clear_metrics()
    for _ in range(2):
        count("TasksLate")
        measure("TimeToVideo", 7.5, "Seconds")
        metrics.flush_metrics()
        told = json.loads(capsys.readouterr().out)
        assert (told["stack"], told["service"]) == (stack, "image-to-video")
        assert told["TimeToVideo"] == [7.5]
        (directive,) = told["_aws"]["CloudWatchMetrics"]
        assert [sorted(names) for names in directive["Dimensions"]] == [["service", "stack"]]
        units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
        assert units == {"TasksLate": "Count", "TimeToVideo": "Seconds"}


def test_what_is_about_a_test_task_is_told_apart_and_nothing_after_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    metrics.clear_metrics()
    for test in (True, False):
        with apart(test=test):
            count("StartsAccepted")
            logger.warning("started")
    counted = metrics.serialize_metric_set()
    metrics.clear_metrics()
    assert {"TestStartsAccepted", "StartsAccepted"} <= counted.keys()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "started" in line]
    assert [line.get("test") for line in lines] in ([True, None], [])
