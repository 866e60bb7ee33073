"""The settings of a simulated A2E."""

from dataclasses import dataclass

DAY = 24 * 60 * 60
"""Seconds in a day."""


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """How one simulated A2E behaves; every duration is in seconds of the application's clock."""

    token: str = "sk_simulator"  # noqa: S105 - a made-up token, as public as this file
    """The only bearer token accepted."""
    coins: int = 100_000
    """The balance at the start."""
    generation_seconds: float = 6.0
    """From the start of a task to its end, if its video is rendered by then."""
    initialized_fraction: float = 0.15
    """The share of that time in which a task is `initialized`; deleting it then refunds it."""
    sent_fraction: float = 0.15
    """The share of that time in which a task is `sent`."""
    pending_fraction: float = 0.1
    """The share of that time in which a task is `pending`; for the rest it is `processing`."""
    link_seconds: float = 3 * DAY
    """Life of a result link: about three days, as clients of the service report."""

    def __post_init__(self) -> None:
        """Refuse fractions and durations that cannot form a life cycle."""
        if self.generation_seconds < 0 or self.link_seconds < 0 or self.coins < 0:
            raise ValueError("coins, generation_seconds and link_seconds cannot be negative")
        fractions = (self.initialized_fraction, self.sent_fraction, self.pending_fraction)
        if min(fractions) < 0 or sum(fractions) > 1:
            raise ValueError(
                "initialized_fraction, sent_fraction and pending_fraction must share at most 1"
            )
