"""The checks are documented, and the version that they compare is the code's."""

import re
from typing import Any

import pytest
from image_to_video import __version__

from i2v.doctor.checks import GROUPS, RUN, chosen
from i2v.doctor.findings import Check
from i2v.doctor.run import CHECKS
from i2v.errors import CommandError
from tests.conftest import PROJECT

BY_GROUP = [(group, check) for group, checks in GROUPS.items() for check in checks]
TRIAL: list[Check[Any]] = [*RUN, *CHECKS]
NAMES = [check.name for _, check in BY_GROUP] + [check.name for check in TRIAL]


def test_the_documentation_lists_every_check() -> None:
    page = (PROJECT / "docs" / "operations.md").read_text()
    listed = re.findall(r"^\| `([\w-]+)` \| `([\w-]+)` \| (.+) \|$", page, re.M)
    wanted = [(group, check.name, check.about) for group, check in BY_GROUP]
    wanted += [("--run", check.name, check.about) for check in TRIAL]
    assert sorted(listed) == sorted(
        (group, name, about[0].lower() + about[1:]) for group, name, about in wanted
    )


def test_names_are_unique_and_no_group_s() -> None:
    assert len(set(NAMES)) == len(NAMES)
    # The one check of its group may be called as it is.
    assert set(NAMES) & set(GROUPS) <= {"drift"}


def test_what_only_a_real_account_can_show_is_a_check() -> None:
    section = (PROJECT / "docs" / "deploy.md").read_text().partition("only a real account can")[2]
    lines = re.findall(r"^\d+\. .*(?:\n   .*)*", section, re.M)
    assert len(lines) >= 12
    for one in lines:
        named = re.findall(r"`([\w-]+)`", one.rpartition(": ")[2])
        assert named, one
        assert set(named) <= set(NAMES), one


def test_groups_and_checks_are_chosen_by_name() -> None:
    assert [check.name for check in chosen(["a2e", "rules"], with_run=False)] == [
        "secrets",
        "a2e-account",
        "rules",
    ]
    assert len(chosen((), with_run=True)) == len(BY_GROUP) + len(RUN)
    with pytest.raises(CommandError, match="There is no check nonsense; the groups are account"):
        chosen(["nonsense"], with_run=False)


def test_template_and_layer_say_the_version_of_the_code(template: dict[str, Any]) -> None:
    assert template["Outputs"]["Version"]["Value"] == __version__
    layer = template["Resources"]["CoreLayer"]["Properties"]
    assert layer["Description"] == f"image-to-video {__version__}"
