"""What becomes of a copy that fails, dies or hangs: the test that made it fails and says where."""

import logging
import os
import signal
import threading
from collections.abc import Callable

import pytest

from tests.faults.forks import MOST_FAILURES, Forks, SilentCopyError
from tests.faults.interception import Kind
from tests.support import log_scan


def run(forks: Forks, *calls: str) -> list[Kind | None]:
    """The calls of one process."""
    return [forks.fault_of(n, call, is_first=not n) for n, call in enumerate(calls)]


def in_a_copy(forks: Forks, action: Callable[[], object]) -> None:
    """One call; a copy that has its fault does this, instead of going on."""
    with forks:
        if any(run(forks, "call")):
            action()


def test_each_call_takes_each_fault_in_a_process_of_its_own() -> None:
    with Forks() as forks:
        faults = run(forks, "first", "second")
        # Only a copy has a fault here, and its complaint is how the test gets to know of it.
        assert not any(faults), f"{os.getppid()} {faults}"
    # Its death before the second call is its death after the first one.
    assert [(f.number, f.call, f.kind) for f in forks.failures] == [
        (0, "first", Kind.DIED_BEFORE),
        (0, "first", Kind.DIED_AFTER),
        (0, "first", Kind.ANSWER_LOST),
        (1, "second", Kind.DIED_AFTER),
        (1, "second", Kind.ANSWER_LOST),
    ]
    # The calls before went well, and so do those after: one fault in each copy.
    for failure in forks.failures:
        expected = [failure.kind if n == failure.number else None for n in range(2)]
        assert f"AssertionError: {os.getpid()} {expected}" in failure.text


def test_what_a_copy_logs_is_searched_for_secrets_too() -> None:
    log_scan.take()
    logger = logging.getLogger("image-to-video")
    in_a_copy(Forks(kinds=(Kind.ANSWER_LOST,)), lambda: logger.warning("said by a copy"))
    assert "said by a copy" in log_scan.take()


def test_a_run_that_fails_again_and_again_is_cut_short() -> None:
    with Forks() as forks:
        assert not any(run(forks, *"abcdefgh"))
    assert len(forks.failures) == MOST_FAILURES
    assert forks.calls == list("abcdefgh")


def test_calls_that_are_not_wanted_are_no_crash_points() -> None:
    with Forks(wanted=lambda: False) as forks:
        assert run(forks, "call") == [None]
    assert forks.calls == []


def test_a_copy_that_is_killed_fails_the_test() -> None:
    with pytest.raises(SilentCopyError, match="status 9") as error:
        in_a_copy(Forks(), lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert error.value.__notes__ == ["call 0 (call), died before the call"]


def test_a_copy_that_hangs_ends_and_says_where() -> None:
    with pytest.raises(SilentCopyError, match=r"Timeout[^$]*in_a_copy"):
        in_a_copy(Forks(longest_seconds=0.1), threading.Event().wait)


def test_a_failure_of_the_run_itself_is_raised() -> None:
    with pytest.raises(ZeroDivisionError), Forks():
        raise ZeroDivisionError
