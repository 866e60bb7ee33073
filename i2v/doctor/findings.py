"""What a check has found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about the stack; `do` says what to do about it, and is empty where nothing is.

    `check` is the name of the check that found it, which the runner fills in.
    """

    level: Level
    says: str
    do: str = ""
    check: str = ""


type Findings = Iterator[Finding]


def ok(says: str) -> Finding:
    """As it should be."""
    return Finding(Level.OK, says)


def warning(says: str, *, do: str) -> Finding:
    """Works, but not as well or as safely as it could."""
    return Finding(Level.WARNING, says, do)


def problem(says: str, *, do: str) -> Finding:
    """Does not work."""
    return Finding(Level.PROBLEM, says, do)


def skipped(says: str, *, do: str = "") -> Finding:
    """Not examined, and why."""
    return Finding(Level.SKIPPED, says, do)


@dataclass(frozen=True, slots=True)
class Check[Subject]:
    """A check: a function that is given what it examines and yields what it finds."""

    examine: Callable[[Subject], Findings]

    @property
    def name(self) -> str:
        """How findings, options and the documentation call it."""
        return self.examine.__name__.replace("_", "-")

    @property
    def about(self) -> str:
        """What it examines, for people."""
        return (self.examine.__doc__ or "").strip().splitlines()[0].rstrip(".")


def named(names: list[str], *, most: int = 5) -> str:
    """Some names as a text; of many the first."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
