"""No test depends on how busy the machine is: whoever waits, waits for a condition, and long."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PROJECT

TESTS = PROJECT / "tests"
FILES = [path for path in TESTS.glob("**/*.py") if path != TESTS / "support" / "patience.py"]
# Who gives up after five seconds, or never, unless told otherwise.
HASTY = {
    "httpx": {"get", "head", "post", "put", "request", "stream", "Client"},
    "requests": {"get", "head", "post", "put", "request"},
}


def hasty(path: Path) -> Iterator[str]:
    """The places of a file that look at the clock, or wait for a time of their own."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and (why := _why(node)):
            yield f"{path.relative_to(PROJECT)}:{node.lineno} {why}"


def _why(call: ast.Call) -> str | None:
    match call.func:
        case ast.Attribute(value=ast.Name(id="time"), attr="sleep" | "monotonic" | "perf_counter"):
            return "`until` and `let_pass` look at the clock"
        case ast.Attribute(value=ast.Name(id=library), attr=name) if name in HASTY.get(library, ()):
            given = {keyword.arg for keyword in call.keywords}
            if not given & {"timeout", "transport"}:
                return "say timeout=PATIENCE"
    for keyword in call.keywords:
        if keyword.arg == "timeout" and isinstance(keyword.value, ast.Constant):
            return "say timeout=PATIENCE"
    return None


def test_nobody_waits_for_a_time_of_their_own() -> None:
    assert len(FILES) > 50
    waiting = [path for path in FILES if TESTS / "benchmarks" not in path.parents]
    assert not [place for path in waiting for place in hasty(path)]


@pytest.mark.parametrize(
    "line",
    [
        "time.sleep(1)",
        "end = time.monotonic() + 3",
        "httpx.get(url)",
        "httpx.Client(base_url=url)",
        "httpx.get(url, timeout=5)",
        "requests.get(url)",
        "subprocess.run(command, timeout=60)",
        "process.communicate(timeout=10)",
    ],
)
def test_haste_is_seen(tmp_path: Path, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.repository.test_patience.PROJECT", tmp_path)
    (tmp_path / "haste.py").write_text(line)
    assert list(hasty(tmp_path / "haste.py"))
