"""What hints are asked to bring; see tests/benchmarks/hints.py for what is measured of it."""

from tests.benchmarks.hints import figures


def test_hints_are_as_quick_and_as_cheap_as_promised() -> None:
    found = figures()
    assert found["notice_delay_hint_s"] <= 1.5
    assert found["transitions_hint"] <= 16
    # docs/operations.md states it: a hint that never comes costs at most four minutes.
    assert found["notice_delay_lost_hint_max_s"] <= 240
