"""What a world shows of its limits table: coins, slots, and who stands in line."""

import math
from typing import Any

from image_to_video.settings import Settings

from tests.conftest import Application, Clock


class SeenLimits:
    """The part of a world that reads the limits table as moto keeps it."""

    application: Application
    settings: Settings
    clock: Clock
    spent_before: dict[str | None, int]
    _tables: dict[str, Any]

    def spend(self, coins: int, owner: str | None = None) -> None:
        """Somebody else spends so many coins of today: of all, or of one owner."""
        self.spent_before[owner] = self.spent_before.get(owner, 0) + coins
        self.application.table("LIMITS_TABLE").update_item(
            Key={"limit": partition(owner), "member": self.clock().date().isoformat()},
            UpdateExpression="ADD spent :coins",
            ExpressionAttributeValues={":coins": coins},
        )

    def limit_of(self, owner: str | None) -> int:
        """The coins of a day for one owner, or for all; 0 without a limit."""
        own = self.settings.owner_daily_coin_limit
        return self.settings.daily_coin_limit if owner is None else own

    def coins_left(self, owner: str | None) -> float:
        """What is left of today for one owner, or for all."""
        today = self.clock().date().isoformat()
        budgets = [day for day in self._days(owner) if day["member"]["S"] == today]
        return (self.limit_of(owner) or math.inf) - sum(int(day["spent"]["N"]) for day in budgets)

    def spent(self, owner: str | None = None) -> int:
        """What the budgets of all days count as spent, of one owner or all, with reservations."""
        spent = sum(int(day["spent"]["N"]) for day in self._days(owner))
        return spent - self.spent_before.get(owner, 0)

    def line(self) -> list[str]:
        """The tasks whose entries stand in line, or wait for coins of their owner."""
        lines = ("line", "owner_lines")
        return [i["task_id"]["S"] for i in self._limits() if i["limit"]["S"] in lines]

    def reservations(self, owner: str | None = None) -> dict[str, int]:
        """The coins that are reserved and not booked, by the owner of the attempt's lease."""
        own = {"limit", "member", "spent", "expires_at"}
        return {
            name: int(value["N"])
            for day in self._days(owner)
            for name, value in day.items()
            if name not in own
        }

    def _days(self, owner: str | None) -> list[dict[str, Any]]:
        """The records of one owner's days, or of those of all together."""
        return [item for item in self._limits() if item["limit"]["S"] == partition(owner)]

    def holders(self) -> list[str]:
        """The tasks that hold a slot."""
        return [item["holder"]["S"] for item in self._limits() if "holder" in item]

    def _limits(self) -> list[dict[str, Any]]:
        table = self._tables[self.settings.limits_table]
        return [item.to_json()["Attributes"] for item in table.all_items()]


def partition(owner: str | None) -> str:
    """Where an owner's days are, or those of all together."""
    return "coins" if owner is None else f"coins/{owner}"
