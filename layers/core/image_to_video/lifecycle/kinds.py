"""Live tasks and test tasks: two kinds with services of their own, which are chosen by the record.

Those of test tasks have another generator, so nothing of a test task can reach the one that is
paid, and they have no limits, hints or durations to share.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from image_to_video.observability import apart


class Kinds[Service]:
    """One service for each kind. `tests` gives that of test tasks, also to that one itself."""

    def __init__(self, own: Service, tests: Callable[[], Service] | None) -> None:
        self._own = own
        self._tests = tests

    @contextmanager
    def of(self, *, test: bool) -> Iterator[Service]:
        """The service of a task of this kind; what it counts and logs within is told apart."""
        with apart(test=test):
            yield self._tests() if test and self._tests is not None else self._own
