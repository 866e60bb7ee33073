"""What a task costs, and that no day has enough for some."""

from image_to_video.domain.prices import Prices
from image_to_video.domain.task import ModelVersion

from tests.support.samples import a_task

PER_SECOND = {ModelVersion.A2E: 6, ModelVersion.A2E_V2: 12, ModelVersion.A2E_V2_FLASH: 6}


def test_a_day_that_has_just_enough_is_enough() -> None:
    prices = Prices(PER_SECOND, 60)
    assert prices.coins(ModelVersion.A2E_V2, 5) == 60
    assert prices.fault(ModelVersion.A2E_V2, 5) is None


def test_a_fault_says_what_it_costs_and_what_a_day_has() -> None:
    fault = Prices(PER_SECOND, 60).fault(ModelVersion.A2E_V2, 10)
    assert fault is not None
    assert all(word in fault for word in ("10 seconds", "a2e-v2", "120 coins", "60 a day"))


def test_without_a_limit_nothing_is_too_dear() -> None:
    assert Prices(PER_SECOND, 0).fault(ModelVersion.A2E_V2, 20) is None


def test_the_smaller_limit_is_named() -> None:
    prices = Prices(PER_SECOND, 200, 100)
    assert prices.fault(ModelVersion.A2E, 15) is None
    of_owner, of_all = (prices.fault(ModelVersion.A2E_V2, seconds) for seconds in (10, 20))
    assert of_owner is not None
    assert "120 coins, and each owner may spend at most 100 a day" in of_owner
    assert of_all is not None
    assert "240 coins, and this installation spends at most 200 a day" in of_all


def test_without_a_limit_nothing_is_reserved() -> None:
    assert Prices(PER_SECOND, 0).reserved(a_task()) == 0
    assert Prices(PER_SECOND, 100).reserved(a_task()) == 30
    assert Prices(PER_SECOND, 0, 100).reserved(a_task()) == 30
