"""Other releases of the package, beside this one in one process.

The previous release is kept as an archive; the next one is this very code, changed to write what
this one does not know. Each is unpacked under a name of its own, which its text is rewritten to, so
that late imports stay in their own release too.
"""

import importlib
import json
import re
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from image_to_video.settings import Settings

from tests.conftest import PROJECT

ARCHIVES: Final = Path(__file__).with_name("releases")
_PACKAGE: Final = PROJECT / "layers/core/image_to_video"

type Change = tuple[str, str, str]
"""In which module, a pattern that it has, and what stands there in another release."""

# What the next release adds: fields at every level, attributes of the table's own, words.
NEXT: Final[tuple[Change, ...]] = (
    (
        "domain/task.py",
        r"(class Failure\(Stored\):\n(?:.*\n)*?    message: str\n)",
        r'\1    hint: str = "ask again"\n',
    ),
    (
        "domain/task.py",
        r"(class Video\(Stored\):\n(?:.*\n)*?    sha256: str\n)",
        r'\1    codec: str = "h264"\n',
    ),
    (
        "domain/task.py",
        r"(class Attempt\(Stored\):\n(?:.*\n)*?    name: str\n)",
        r'\1    region: str = "mars"\n',
    ),
    (
        "domain/task.py",
        r"(class Task\(Stored\):\n(?:.*\n)*?    task_id: str\n)",
        r"\1    weight: int = 3\n    notes: dict[str, int] = {'a': 1}\n",
    ),
    (
        "adapters/task_table.py",
        r"(        item\[_OWNER_STATUS\] = )",
        r'        item["by_colour"] = "blue"\n\1',
    ),
    (
        "adapters/task_table.py",
        r"_EXPIRES_AT: Final = .*\n",
        r'\g<0>_NEW: Final = "by_colour"\n',
    ),
    ("adapters/task_table.py", r"frozenset\(\{_OPEN,", r"frozenset({_NEW, _OPEN,"),
    ("domain/task.py", r'REFUNDED = "refunded"', 'REFUNDED = "given_back"'),
    ("domain/task.py", r'CONTENT_REFUSED = "content_refused"', 'CONTENT_REFUSED = "not_wanted"'),
)
# A word for which older releases leave a task alone; only where this release comes again.
NEW_PHASE: Final[Change] = (
    "domain/task.py",
    r'CONFIRMATION = "confirmation"',
    'CONFIRMATION = "second_thoughts"',
)
# The protection taken out.
INTOLERANT: Final[Change] = ("domain/records.py", r'extra="allow"', 'extra="forbid"')
FORGETFUL: Final[Change] = ("domain/records.py", r'extra="allow"', 'extra="ignore"')


@dataclass(frozen=True)
class Release:
    """The package of one release, under its own name."""

    package: str
    variables: dict[str, str] | None = None

    def module(self, name: str) -> Any:
        """A module of it."""
        return importlib.import_module(f"{self.package}.{name}")

    def settings(self, variables: dict[str, str], changes: dict[str, str]) -> Any:
        """What its functions are told: each release has the variables of its own template."""
        given = (self.variables or variables) | changes
        read: Callable[[dict[str, str]], Settings] = self.module("settings").Settings.read
        return read(given)


THIS: Final = Release("image_to_video")


def previous(folder: Path, *changes: Change, name: str = "previous") -> Release:
    """The newest release that an archive was kept of."""
    archive = sorted(ARCHIVES.glob("*.zip"))[-1]
    with zipfile.ZipFile(archive) as files:
        texts = {entry: files.read(entry).decode() for entry in files.namelist()}
    variables: dict[str, str] = json.loads(texts.pop("variables.json"))
    return _unpacked(folder, name, texts, changes, variables)


def changed(folder: Path, name: str, *changes: Change) -> Release:
    """This code with these changes."""
    texts = {
        path.relative_to(_PACKAGE).as_posix(): path.read_text() for path in _PACKAGE.rglob("*.py")
    }
    return _unpacked(folder, name, texts, changes, None)


def _unpacked(
    folder: Path,
    name: str,
    texts: dict[str, str],
    changes: tuple[Change, ...],
    variables: dict[str, str] | None,
) -> Release:
    for module, pattern, other in changes:
        texts[module], times = re.subn(pattern, other, texts[module])
        assert times == 1, f"{module} has {times} times {pattern}"
    package = f"image_to_video_{name}"
    for path, text in texts.items():
        place = folder / package / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(re.sub(r"\bimage_to_video\b", package, text))
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    importlib.invalidate_caches()
    return Release(package, variables)
