"""The snapshot of the crash points: how often each scenario calls what, as everybody has reviewed.

`make crash-points` writes it anew; read its diff: fewer calls may mean that one is no longer seen.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Final

from tests.faults.interception import Kind

SNAPSHOT: Final = Path(__file__).with_name("crash_points.json")

type Counts = dict[str, dict[str, int]]


def read() -> Counts:
    """The calls of each scenario that are crash points, by name; each goes wrong in three ways."""
    counts: Counts = json.loads(SNAPSHOT.read_text()) if SNAPSHOT.exists() else {}
    return counts


def write(scenario: str, calls: list[str], *, scenarios: list[str]) -> None:
    """Put the calls of this scenario in; leave out what is none of these scenarios."""
    counts = read() | {scenario: dict(sorted(Counter(calls).items()))}
    kept = {name: counts[name] for name in scenarios if name in counts}
    SNAPSHOT.write_text(json.dumps(kept, indent=2) + "\n")


def differences(scenario: str, calls: list[str]) -> list[str]:
    """One sentence for each call that is made more or less often than the snapshot says."""
    before, now = Counter(read().get(scenario, {})), Counter(calls)
    return [
        f"{scenario}: {call} {'GREW' if now[call] > before[call] else 'SHRANK'}"
        f" from {before[call]} to {now[call]} calls"
        for call in sorted(before | now)
        if before[call] != now[call]
    ]


def summary() -> str:
    """How the documentation counts them."""
    counts = read()
    points = sum(sum(calls.values()) for calls in counts.values()) * len(Kind)
    return f"{points:,} crash points in {len(counts)} scenarios"
