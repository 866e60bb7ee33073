"""What a task is expected to cost, and whether a day has that many coins at all."""

from collections.abc import Mapping
from dataclasses import dataclass

from image_to_video.domain.task import ModelVersion


@dataclass(frozen=True)
class Prices:
    """Coins for a second of video by model, and the most that is spent in a day; 0 is no limit."""

    per_second: Mapping[ModelVersion, int]
    daily_limit: int

    def coins(self, model: ModelVersion, seconds: int) -> int:
        """What is reserved for a start, in coins."""
        return self.per_second[model] * seconds

    def fault(self, model: ModelVersion, seconds: int) -> str | None:
        """Why such a video can never be made here, for people; None where it can."""
        coins = self.coins(model, seconds)
        if not self.daily_limit or coins <= self.daily_limit:
            return None
        return (
            f"{seconds} seconds by {model} are expected to cost {coins} coins, and this"
            f" installation spends at most {self.daily_limit} a day."
        )
