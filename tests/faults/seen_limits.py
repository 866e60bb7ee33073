"""What a world shows of its limits table: coins, slots, and who stands in line."""

from typing import Any

from image_to_video.settings import Settings

from tests.conftest import Application, Clock


class SeenLimits:
    """The part of a world that reads the limits table as moto keeps it."""

    application: Application
    settings: Settings
    clock: Clock
    spent_before: int
    _tables: dict[str, Any]

    def spend(self, coins: int) -> None:
        """Somebody else spends so many coins of today."""
        self.spent_before += coins
        self.application.table("LIMITS_TABLE").update_item(
            Key={"limit": "coins", "member": self.clock().date().isoformat()},
            UpdateExpression="ADD spent :coins",
            ExpressionAttributeValues={":coins": coins},
        )

    def spent(self) -> int:
        """What the budgets of all days count as spent, reservations included."""
        spent = sum(int(item["spent"]["N"]) for item in self._limits() if "spent" in item)
        return spent - self.spent_before

    def line(self) -> list[str]:
        """The tasks whose entries stand in line."""
        return [i["task_id"]["S"] for i in self._limits() if i["limit"]["S"] == "line"]

    def reservations(self) -> dict[str, int]:
        """The coins that are reserved and not booked, by the owner of the attempt's lease."""
        budgets = [item for item in self._limits() if item["limit"]["S"] == "coins"]
        own = {"limit", "member", "spent", "expires_at"}
        return {
            name: int(value["N"])
            for budget in budgets
            for name, value in budget.items()
            if name not in own
        }

    def holders(self) -> list[str]:
        """The tasks that hold a slot."""
        return [item["holder"]["S"] for item in self._limits() if "holder" in item]

    def _limits(self) -> list[dict[str, Any]]:
        table = self._tables[self.settings.limits_table]
        return [item.to_json()["Attributes"] for item in table.all_items()]
