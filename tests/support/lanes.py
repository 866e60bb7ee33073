"""Which tests one process takes, and in what order, where pytest has several (`-n 2`).

`tests/conftest.py` takes the hook from here. The longest come first as the folders are named:
e2e, then faults.
"""

from typing import Final

import pytest
from xdist.scheduler import LoadScopeScheduling

# Each of these files' tests takes long and shares nothing costly with the others of its file.
ALONE: Final = {"tests/e2e/test_command_line.py", "tests/faults/test_crash_points.py"}
# Files that use the same session fixture, which is dear.
SHARED: Final = {
    "tests/e2e/test_contract.py": "resting",
    "tests/e2e/test_contract_links.py": "resting",
    **dict.fromkeys(
        (
            "tests/e2e/test_documentation.py",
            "tests/e2e/test_entry_points.py",
            "tests/e2e/test_logs.py",
            "tests/e2e/test_owners.py",
            "tests/e2e/test_subscriber.py",
            "tests/e2e/test_tokens.py",
        ),
        "running",
    ),
}


class Lanes(LoadScopeScheduling):  # type: ignore[misc]
    """All tests of a file in one process, and all files that share a stack."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file in ALONE else SHARED.get(file, file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config) -> Lanes:
    # In the order of collection, not by the number of tests.
    config.option.loadscopereorder = False
    return Lanes(config)
