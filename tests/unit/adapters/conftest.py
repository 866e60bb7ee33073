"""What tests of several adapters need."""

from collections.abc import Iterator

import pytest
from image_to_video.adapters.safe_download import Downloads, guarded_client


@pytest.fixture
def local() -> Iterator[Downloads]:
    """Downloads as they are on one machine: loopback permitted."""
    with guarded_client(permit_loopback=True) as client:
        yield Downloads(client)
