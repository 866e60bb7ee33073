"""The search for secrets in logs finds them: in the texts themselves, and in the tests of a run."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.support.log_scan import leaks

TOKEN = "i2v_" + "Ab-_" * 10

LEAKS = {
    "planted": "anything CANARY",
    "ours": f"refused {TOKEN}",
    "A2E's": "token sk_live1 was refused",
    "bearer": "{'authorization': 'bearer abc'}",
    "header": "{'Authorization': 'Basic dXNlcjpwYXNz'}",
    "signed link": "GET https://b.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4",
    "query without host": "GET /k?X-Amz-Signature=0f3c HTTP/1.1",
    "session": "X-Amz-Security-Token=IQoJ",
    "credential": "&x-amz-credential=AKIA",
    "query": "cannot fetch https://cdn.example/v.mp4?x",
    "JSON web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    "hint's": "start: " + "1." + "Ab-_" * 10 + "Ab-",
    "hint's header": "{'x-a2e-webhook-token': 'abc'}",
    "body": '{"SecretString": "something"}',
}
CLEAN = (
    "the A2E token is empty or cannot be sent",
    "GET https://cdn.example/v.mp4 HTTP/1.1, sk_..., i2v_..., Bearer ..., Signature=...",
    '{"level":"WARNING","message":"copy failed","reason":"the result link answers HTTP 404"}',
)


@pytest.mark.parametrize("text", LEAKS.values(), ids=LEAKS)
def test_a_secret_is_found(text: str) -> None:
    assert list(leaks(f"before\n{text}\nafter"))


@pytest.mark.parametrize("text", CLEAN)
def test_a_line_without_a_secret_is_none(text: str) -> None:
    assert not list(leaks(text))


def test_a_secret_that_is_known_is_found_whatever_it_looks_like() -> None:
    assert list(leaks("the password is open sesame", ("open sesame",)))


LEAKY = """
import logging
import sys
import warnings

import pytest
from aws_lambda_powertools import Logger
from image_to_video.observability import logger

LINK = "https://cdn.example/v.mp4?sig=" + "CANARY"


def test_leak_printed():
    print(LINK)


def test_leak_on_stderr():
    sys.stderr.write(LINK)


def test_leak_in_debug_of_anybody():
    logging.getLogger("somebody.else").debug("asking %s", LINK)


def test_leak_in_a_traceback():
    try:
        raise ValueError(LINK)
    except ValueError:
        logging.getLogger("somebody").exception("failed")


def test_leak_in_the_service_logger(monkeypatch):
    monkeypatch.setattr("image_to_video.observability.without_secrets", str)
    logger.info("ready", extra={"url": LINK})


def test_leak_although_the_test_reads_it(capsys):
    logging.getLogger("somebody").info(LINK)
    capsys.readouterr()


@pytest.fixture
def leaky():
    yield
    print(LINK)


def test_leak_while_clearing_up(leaky):
    pass


def test_clean_second_line_of_defence():
    logger.warning("ready", extra={"url": LINK})


def test_clean_silence():
    pass
"""


def test_a_test_that_logs_a_secret_fails_and_no_other_does(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "from tests.support.log_scan import pytest_configure, pytest_runtest_makereport\n"
    )
    (tmp_path / "test_leaky.py").write_text(LEAKY)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nlog_level = DEBUG\npythonpath = {PROJECT}\n")

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rfEp", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    ended = [line.partition("::")[::2] for line in run.stdout.splitlines() if "::" in line]
    outcomes = {(before.split(" ")[0], name.split(" ")[0]) for before, name in ended}
    leaking = {line[4:].split("(")[0] for line in LEAKY.splitlines() if "def test_leak" in line}
    clearing = "test_leak_while_clearing_up"
    assert outcomes >= {("FAILED", name) for name in leaking - {clearing}}, run.stdout
    assert {name for outcome, name in outcomes if outcome in ("FAILED", "ERROR")} == leaking
    assert {name for outcome, name in outcomes if outcome == "PASSED"} == {
        *("test_clean_second_line_of_defence", "test_clean_silence", clearing)
    }


def test_everything_is_logged_while_tests_run(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getini("log_level") == "DEBUG"
