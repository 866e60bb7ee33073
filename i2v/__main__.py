"""Where the command line begins: signals are dealt with before anything slow is imported."""

import os
import signal
import sys
from types import FrameType


def run() -> None:
    """Run the command line; being interrupted ends it without a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        from i2v.main import run_command  # noqa: PLC0415 - half a second of imports

        run_command()
    except KeyboardInterrupt:
        sys.exit(130)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End the run once; being impatient must not cut the cleaning up short."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # Not through any stream object: it may be in the middle of writing.
    os.write(2, b"Stopping ...\n")
    raise KeyboardInterrupt


if __name__ == "__main__":
    run()
