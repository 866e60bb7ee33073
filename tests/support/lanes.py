"""Which tests one process takes, and in what order, where pytest has several (`-n 2`).

`tests/conftest.py` takes the hook from here. The longest come first as the folders are named:
e2e, then faults.
"""

from collections import Counter
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
            "tests/e2e/test_addresses.py",
            "tests/e2e/test_deploy.py",
            "tests/e2e/test_coins.py",
            "tests/e2e/test_doctor.py",
            "tests/e2e/test_documentation.py",
            "tests/e2e/test_entry_points.py",
            "tests/e2e/test_http_rules.py",
            "tests/e2e/test_generated_clients.py",
            "tests/e2e/test_logs.py",
            "tests/e2e/test_owners.py",
            "tests/e2e/test_subscriber.py",
            "tests/e2e/test_test_mode.py",
            "tests/e2e/test_tokens.py",
            "tests/e2e/test_uploads.py",
        ),
        "running",
    ),
}


class Lanes(LoadScopeScheduling):  # type: ignore[misc]
    """All tests of a file in one process, and all files that share a stack."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file in ALONE else SHARED.get(file, file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test an id of its own, and refuse what the scheduler would do without a word.

    The scheduler keeps one test for each id: of several with the same id it would run the first.
    Schemathesis puts its operations into the names of tests, but not into their ids.
    """
    for item in items:
        file, _, rest = item.nodeid.partition("::")
        if item.name not in rest:
            parameters = item.name.partition("[")[2].removesuffix("]")
            item._id = item.id.with_params(parameters)
        wanted = {"running", "resting"} & set(getattr(item, "fixturenames", ()))
        if wanted and SHARED.get(file) not in wanted:
            raise pytest.UsageError(f"{file} uses {wanted}: add it to SHARED in {__file__}")
    twice = [
        nodeid for nodeid, count in Counter(item.nodeid for item in items).items() if count > 1
    ]
    if twice:
        raise pytest.UsageError(f"ids of several tests, of which one would run: {twice}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config) -> Lanes:
    # In the order of collection, not by the number of tests.
    config.option.loadscopereorder = False
    return Lanes(config)
