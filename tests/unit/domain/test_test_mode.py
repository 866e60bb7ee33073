"""Test mode's words: each outcome has a prompt, and each code and wait has an outcome."""

import pytest
from image_to_video.domain.task import FailureCode, WaitingFor
from image_to_video.domain.test_mode import Outcome, fault_of_prompt, outcome_of

from tests.conftest import PROJECT


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_asked_for_by_its_name(outcome: Outcome) -> None:
    assert outcome_of(f" test:{outcome} ") is outcome
    assert fault_of_prompt(f"test:{outcome}") is None


@pytest.mark.parametrize("prompt", ["", "late", "She smiles.", "the test:late", "Test:late"])
def test_any_other_prompt_succeeds(prompt: str) -> None:
    assert outcome_of(prompt) is Outcome.SUCCEEDED
    assert fault_of_prompt(prompt) is None


def test_a_reserved_prompt_that_is_none_is_refused_with_those_that_are() -> None:
    fault = fault_of_prompt("test:explode")
    assert fault is not None
    assert "test:late" in fault


def test_a_task_can_fail_with_every_code_but_that_of_its_own_options() -> None:
    assert {code.value for code in FailureCode} - set(Outcome) == {"invalid_request"}


def test_a_task_can_wait_for_everything_but_what_it_never_waits_for() -> None:
    waits = {f"waiting_for_{reason}" for reason in WaitingFor}
    assert waits - set(Outcome) == {"waiting_for_start", "waiting_for_slot"}


def test_the_documentation_tells_of_every_prompt() -> None:
    text = (PROJECT / "docs" / "test-mode.md").read_text()
    assert [name for name in Outcome if f"`test:{name}`" not in text] == []
