"""What a subscriber of the world's stack received."""

from dataclasses import dataclass
from typing import Any


@dataclass
class Message:
    """One published event."""

    id: str
    type: str
    subject: str
    data: dict[str, Any]
