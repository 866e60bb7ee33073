"""Every crash point of a scenario in one run: at each call a copy of the process takes the fault.

The copy is a fork: the whole world is in its memory, so it goes on from exactly this call, with
this one fault, to the end of the scenario and of its checks, and reports through a pipe. The run
itself waits for it, and goes on without a fault to the next call.

This needs `os.fork`. It is tried on Linux; on macOS some of the system's own libraries do not
stand a fork without an exec. Nothing here calls them, but nobody has tried it there.
"""

import faulthandler
import gc
import json
import os
import threading
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from tests.faults.interception import Kind
from tests.support import log_scan
from tests.support.patience import PATIENCE

# Longest life of one copy. It takes a tenth of a second; this is for machines that are very busy.
LONGEST_SECONDS: Final = 120.0
# After so many failures nothing new is learned.
MOST_FAILURES: Final = 5


@dataclass(frozen=True)
class Failure:
    """What went wrong in one copy: a traceback, or whatever it could still say."""

    number: int
    call: str
    kind: Kind
    text: str


class SilentCopyError(Exception):
    """A copy was killed or hung. It is not worth waiting for others, they would do the same."""


@dataclass
class Forks:
    """A plan that takes every fault at every call, each in a process of its own.

    One copy stands for two points where they are the same: a process that dies before a call leaves
    what it leaves when it dies after its call before that. What it did in between left no trace.

    Use it as a context around the run *and its checks*: this is where a copy reports and ends.
    """

    wanted: Callable[[], bool] = lambda: True
    """Whether the calls of this moment are crash points."""
    afterwards: Callable[[], object] = lambda: None
    """Repairs what a copy did outside of its memory."""
    kinds: tuple[Kind, ...] = tuple(Kind)
    longest_seconds: float = LONGEST_SECONDS
    calls: list[str] = field(default_factory=list)
    """The calls that were crash points."""
    failures: list[Failure] = field(default_factory=list)
    _report_to: int | None = None

    def fault_of(self, number: int, call: str, *, is_first: bool) -> Kind | None:
        """In a copy the fault it was made for; in the run itself none."""
        if self._report_to is not None or not self.wanted():
            return None
        self.calls.append(call)
        for kind in self.kinds:
            is_done = len(self.failures) >= MOST_FAILURES
            if is_done or (kind is Kind.DIED_BEFORE and not is_first):
                continue
            try:
                text = self._fork()
            except SilentCopyError as error:
                error.add_note(f"call {number} ({call}), {kind}")
                raise
            if self._report_to is not None:
                return kind
            if text:
                self.failures.append(Failure(number, call, kind, text))
            self.afterwards()
        return None

    def _fork(self) -> str:
        """Make a copy and wait until it has ended; return what it complains of."""
        read, write = os.pipe()
        child = _fork_process()
        if child == 0:
            os.close(read)
            self._report_to = write
            # A copy that hangs says where, and ends.
            faulthandler.dump_traceback_later(self.longest_seconds, exit=True, file=write)
            log_scan.take()
            return ""
        os.close(write)
        with open(read, encoding="utf-8", errors="replace") as pipe:  # noqa: PTH123 - a descriptor
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        if status or not said:
            raise SilentCopyError(f"a copy ended with wait status {status}; it said:\n{said}")
        report = json.loads(said)
        log_scan.give(report["logged"])
        return str(report["complaint"])

    def __enter__(self) -> Self:
        # The collector would touch, and the system so copy, everything that is there by now.
        gc.collect()
        gc.freeze()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        if self._report_to is None:
            gc.unfreeze()
            return
        status = 1
        try:
            complaint = "".join(traceback.format_exception(error)) if error else ""
            report = {"complaint": complaint, "logged": log_scan.take()}
            with open(self._report_to, "w", encoding="utf-8") as pipe:  # noqa: PTH123
                json.dump(report, pipe)
            status = 0
        finally:
            # Whatever happens, a copy never gets back to where it would run other tests.
            os._exit(status)


def _fork_process() -> int:
    """Fork where no thread is left that a copy could miss."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            # The one that has just served a file; it ends by itself.
            thread.join(PATIENCE)
            assert not thread.is_alive(), f"a copy would lack the thread {thread.name}"
    with warnings.catch_warnings():
        # pytest-xdist has a thread that waits for orders from outside. Copies take none, and it
        # holds no lock that they need: those of Python itself are made anew in a copy.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()
