"""What a task costs: as expected before its start, and as the budgets of a day count it."""

from collections.abc import Mapping
from dataclasses import dataclass

from image_to_video.domain.task import Attempt, ModelVersion, Task


@dataclass(frozen=True)
class Prices:
    """Coins for a second of video by model, and the most that is spent in a day; 0 is no limit.

    `owner_daily_limit` is the most that is spent for one owner.
    """

    per_second: Mapping[ModelVersion, int]
    daily_limit: int
    owner_daily_limit: int = 0

    def coins(self, model: ModelVersion, seconds: int) -> int:
        """What such a start is expected to cost, in coins."""
        return self.per_second[model] * seconds

    def of(self, task: Task) -> int:
        """What a start of this task is expected to cost, in coins."""
        return self.coins(task.model_version, task.video_time)

    def reserved(self, task: Task) -> int:
        """What is reserved for a start of this task, in coins; nothing without a limit."""
        return self.of(task) if self.daily_limit or self.owner_daily_limit else 0

    def fault(self, model: ModelVersion, seconds: int) -> str | None:
        """Why such a video can never be made here, for people; None where it can."""
        coins = self.coins(model, seconds)
        for limit, who in (
            (self.daily_limit, "this installation spends"),
            (self.owner_daily_limit, "each owner may spend"),
        ):
            if limit and coins > limit:
                return (
                    f"{seconds} seconds by {model} are expected to cost {coins} coins, and {who}"
                    f" at most {limit} a day."
                )
        return None


def coins_of(task: Task, attempt: Attempt) -> int | None:
    """What the day's budget counts for an attempt; None while its outcome is not known.

    An attempt that stays unconfirmed may have been paid and counts as if it had been.
    """
    owners = [known.lease_owner for known in task.attempts]
    if attempt.lease_owner not in owners:
        return 0
    if attempt.lease_owner != owners[-1]:
        return attempt.coins_reserved
    if task.generator_task_id is not None:
        return attempt.coins_reserved if task.coins is None else task.coins
    if not task.status.is_final:
        return None
    is_refused = task.failure is not None and task.failure == task.attempts[-1].refusal
    return 0 if is_refused else attempt.coins_reserved
