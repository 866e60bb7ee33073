"""One world for many runs: it is emptied between them, which costs less than a new one."""

import functools
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from image_to_video.settings import Settings
from moto.core.utils import method_names_from_class

from tests.conftest import REGION
from tests.faults.interception import Interception
from tests.faults.world import World
from tests.support.stack import deployment


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    """Thousands of runs: what the SDKs say while debugging would take longer than the runs."""
    logging.disable(logging.INFO)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def make_world(
    template: dict[str, Any], variables: dict[str, str], clip: bytes, patch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """Make the one world of this module, with some settings other than the template's."""
    patch.setenv("AWS_ACCESS_KEY_ID", "testing")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    patch.setenv("AWS_DEFAULT_REGION", REGION)

    async def picture(_url: str) -> bytes:
        return b"a picture"

    patch.setattr("i2v.simulator.renderer.fetch_picture", picture)
    # What the SDK and moto find out anew for every request, always with the same result.
    methods = functools.cache(method_names_from_class)
    patch.setattr("moto.core.responses.method_names_from_class", methods)
    patch.setattr("botocore.useragent.UserAgentString.to_string", lambda _self: "tests")
    interception = Interception()
    interception.install(patch)
    with deployment(template, variables) as application:
        worlds = []

        def make(**changes: str) -> World:
            settings = Settings.read(variables | changes)
            world = World(application, settings, interception, clip)
            worlds.append(world)
            return world

        yield make
        for world in worlds:
            world.close()
