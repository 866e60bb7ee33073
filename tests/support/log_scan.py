"""No log line holds a secret: whatever a test prints or logs is read through afterwards.

`tests/conftest.py` takes the hooks from here, so every test is watched, at level DEBUG (see
`log_level` in pyproject.toml); a test whose lines hold a secret fails. The end-to-end tests read
the log of the emulated functions through in the same way.
"""

import logging
import re
from collections.abc import Generator, Iterator
from typing import Final

import pytest

CANARY: Final = "CANARY"
"""Part of every secret that tests plant; it may appear nowhere."""

_SECRETS: Final = {
    "a planted secret": re.compile(CANARY),
    "a token of ours": re.compile(r"i2v_[A-Za-z0-9_-]{20,}"),
    "a token of A2E": re.compile(r"\bsk_[A-Za-z0-9]"),
    "a hint's token": re.compile(r"(?<![\w.-])[1-9][0-9]?\.[A-Za-z0-9_-]{43}(?![\w-])"),
    "a hint's header": re.compile(r"\bX-A2e-Webhook-Token\W{1,4}[A-Za-z0-9]", re.I),
    "a bearer token": re.compile(r"\bBearer\s+[A-Za-z0-9]", re.I),
    "an Authorization header": re.compile(r"\bAuthorization\W{1,4}[A-Za-z0-9]{5}", re.I),
    "a signature": re.compile(
        r"\b(X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token|Signature|sig)=[A-Za-z0-9]", re.I
    ),
    "a JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]"),
    "a link's query": re.compile(r"https?://[^\s?#\"'<>\\]+\?[^\s\"'<>\\]", re.I),
    "a secret's value": re.compile(r"\bSecretString\W{1,6}[A-Za-z0-9]"),
}


def leaks(text: str, secrets: tuple[str, ...] = ()) -> Iterator[str]:
    """What a text gives away, one line for each: the kind of secret, and where it stands."""
    for line in text.splitlines():
        for kind, pattern in _SECRETS.items():
            if found := pattern.search(line):
                place = max(0, found.start() - 150)
                yield f"{kind}: ...{line[place : found.end() + 60]}"
        yield from (f"a known secret: {line[:300]}" for secret in secrets if secret in line)


class _Watch(logging.Handler):
    """Keeps what is logged, as its handler would write it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        writers = [h for h in logging.getLogger(record.name).handlers if h is not self]
        formatter = next((h.formatter for h in writers if h.formatter), None)
        self.lines.append((formatter or logging.Formatter()).format(record))

    def taken(self) -> str:
        """What was logged since this was last asked."""
        lines, self.lines = self.lines, []
        return "\n".join(lines)


_watch: Final = _Watch()


def take() -> str:
    """What was logged in this process and was not asked for yet."""
    return _watch.taken()


def give(text: str) -> None:
    """Read this through as if it had been logged here: another process logged it."""
    if text:
        _watch.lines.append(text)


def pytest_configure() -> None:
    """Listen to the service's logger, which hands nothing on, and to every other."""
    for name in ("", "image-to-video"):
        logging.getLogger(name).addHandler(_watch)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail the test whose lines hold a secret."""
    report = yield
    # What pytest captures of logging is written by pytest's own formatter.
    printed = {f"Captured {stream} {report.when}" for stream in ("stdout", "stderr")}
    captured = [text for name, text in report.sections if name in printed]
    found = list(leaks("\n".join((_watch.taken(), *captured))))
    if found and report.outcome == "passed":
        report.outcome = "failed"
        report.longrepr = "\n".join(["The log holds secrets:", *dict.fromkeys(found)])
    return report
