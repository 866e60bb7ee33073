"""How the generator of test tasks is reached: without an account."""

from collections.abc import Callable
from datetime import datetime

from image_to_video import clients
from image_to_video.domain.generator import Generator
from image_to_video.domain.task import Task
from image_to_video.settings import Settings


def fake_generator(
    config: Settings, task_of: Callable[[str], Task], now: Callable[[], datetime]
) -> Generator:
    """The generator of test tasks, whose videos lie in the bucket of the others."""
    # Few invocations are about test tasks.
    from image_to_video.adapters.fake_generator import FakeGenerator
    from image_to_video.adapters.sample_clips import SampleClips

    return FakeGenerator(SampleClips(clients.s3(), config.videos_bucket), task_of, now=now)
