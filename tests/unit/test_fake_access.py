"""Test tasks have no account."""

from image_to_video import fake_access
from image_to_video.adapters.fake_generator import FakeGenerator
from image_to_video.settings import Settings

from tests.conftest import Clock
from tests.support.samples import a_task


def test_their_generator_needs_none(settings: Settings, clock: Clock) -> None:
    made = fake_access.fake_generator(settings, lambda _: a_task(), clock)
    assert isinstance(made, FakeGenerator)
