"""The start of the command line: signals are handled before anything slow is imported."""

import os
import signal
import sys
from types import FrameType


def run() -> None:
    """Run the command line; an interrupt ends it without a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        from i2v.main import run_command  # noqa: PLC0415 - half a second of imports

        run_command()
    except KeyboardInterrupt:
        sys.exit(130)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End the run; a second signal must not interrupt the cleaning up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # Not through a stream object, which may be in the middle of a write.
    os.write(2, b"Stopping ...\n")
    raise KeyboardInterrupt


if __name__ == "__main__":
    run()
